package serve

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseConfig parses a configuration, which is one YAML document. JSON is YAML, too. Unknown keys are errors. An error
// contains known keys and line numbers, and no other text of the file.
func parseConfig(file string, data []byte) (c config, err error) {
	var document yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return config{}, fmt.Errorf("%s: %s", file, syntaxMistake(err.Error()))
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return config{}, fmt.Errorf("%s: has more than one document", file)
	}
	d = yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	c.file, c.places = file, placesOf(&document)
	if err := d.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return config{}, c.readable(err)
	}
	return c, c.missingValues()
}

// The forms of the decoder's errors. The text that a wildcard matches comes from the file, and may be a secret.
var (
	unknownKey   = regexp.MustCompile(`(?s)^line (\d+): field (.*) not found in type `)
	repeatedKey  = regexp.MustCompile(`(?s)^line (\d+): mapping key .* already defined at line (\d+)$`)
	wrongType    = regexp.MustCompile("(?s)^line (\\d+): cannot unmarshal (!!\\w+) (?:`(.*)` )?into (\\S+)$")
	anyMistake   = regexp.MustCompile(`(?s)^(?:yaml: )?(line \d+: )?.*`)
	knownMistake = regexp.MustCompile(`^yaml: (?:line \d+: )?(?:did not find |could not find |found |mapping |block |control characters )[^\n]*$`)
)

// syntaxMistake describes a syntax error of a file. The parser's messages are constant, except for those about anchors.
func syntaxMistake(text string) string {
	if knownMistake.MatchString(text) {
		return text
	}
	return anyMistake.FindStringSubmatch(text)[1] + "is not valid YAML"
}

// readable describes an error of a file in words of the server's.
func (c *config) readable(err error) error {
	if e, ok := errors.AsType[*secretError](err); ok {
		path := c.places.only(func(p place) bool { return p.value.Line == e.line && p.value.Column == e.column })
		return fmt.Errorf("%s: line %d: %s%s", c.file, e.line, named(path), e.text)
	}
	typeError, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		return fmt.Errorf("%s: %s", c.file, syntaxMistake(err.Error()))
	}
	var errs []error
	for _, text := range typeError.Errors {
		errs = append(errs, fmt.Errorf("%s: %s", c.file, c.mistake(text)))
	}
	return errors.Join(errs...)
}

// mistake describes the decoder's error about one setting, with its path if the line has only one candidate.
func (c *config) mistake(text string) string {
	if m := unknownKey.FindStringSubmatch(text); m != nil {
		return c.unknown(m[1], m[2])
	}
	if m := repeatedKey.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("line %s: a key is the same as on line %s", m[1], m[2])
	}
	m := wrongType.FindStringSubmatch(text)
	if m == nil {
		return anyMistake.FindStringSubmatch(text)[1] + "a setting cannot be read"
	}
	begin := strings.TrimSuffix(m[3], "...") // The decoder shows the beginning of a long value.
	path := c.places.only(func(p place) bool {
		return strconv.Itoa(p.value.Line) == m[1] && p.value.ShortTag() == m[2] && strings.HasPrefix(p.value.Value, begin)
	})
	return fmt.Sprintf("line %s: %sis %s, must be %s", m[1], named(path), kindOf(m[2]), kindOf(m[4]))
}

// unknown reports an unknown key, without showing it.
func (c *config) unknown(line, key string) string {
	path := c.places.only(func(p place) bool { return strconv.Itoa(p.line) == line && p.key == key })
	in, _ := strings.CutSuffix(path, shownKey(key))
	if in = strings.TrimSuffix(in, "."); in != "" {
		in = " in " + in
	}
	hint := ""
	if strings.Contains(key, ":") {
		hint = "; a space may be missing after a colon"
	}
	return fmt.Sprintf("line %s: there is an unknown key%s%s", line, in, hint)
}

// mustHaveValue are the secrets that null would silently make empty. So it is for variables and headers.
var mustHaveValue = []string{"secret", "externalId", "url", "token"}

// missingValues returns the secrets without a value: {TOKEN:value} is a key without one.
func (c *config) missingValues() error {
	var errs []error
	for _, p := range c.places {
		if p.value.ShortTag() != "!!null" || p.key == "" {
			continue
		}
		holder, _ := strings.CutSuffix(p.path, "."+p.key)
		if slices.Contains(mustHaveValue, p.key) || strings.HasSuffix(holder, ".environment") || strings.HasSuffix(holder, ".headers") {
			errs = append(errs, fmt.Errorf("%s: line %d: %s: has no value; a space may be missing after a colon", c.file, p.line, p.shown))
		}
	}
	return errors.Join(errs...)
}

// named is a path as the prefix of a message; empty without a path.
func named(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}

// kindOf describes a Go type, or a YAML tag, as it appears in a file.
func kindOf(name string) string {
	switch name {
	case "time.Duration":
		return `a duration, such as "30s"`
	case "int", "!!int":
		return "a whole number"
	case "!!float":
		return "a number"
	case "bool", "!!bool":
		return "true or false"
	case "string", "main.secret", "!!str":
		return "a string"
	case "!!seq":
		return "a list"
	case "!!null":
		return "nothing"
	}
	if name[0] == '[' {
		return "a list"
	}
	return "a mapping of keys"
}
