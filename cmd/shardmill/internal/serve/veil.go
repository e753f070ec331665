package serve

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// veiled is an error of a library, with a text that shows nothing of a configuration file.
type veiled struct {
	text string
	err  error
}

// Error implements error.
func (v *veiled) Error() string { return v.text }

// Unwrap returns the original error, for errors.Is and errors.As.
func (v *veiled) Unwrap() error { return v.err }

// veil hides the file's values and unknown keys in the text of an error; nil stays nil. A library quotes its input: a
// path, an address, a command. Any of them may be a secret in the wrong place.
func (c *config) veil(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, value := range c.values() {
		text = hide(text, value)
		if quoted := strconv.Quote(value); quoted[1:len(quoted)-1] != value {
			text = hide(text, quoted[1:len(quoted)-1])
		}
	}
	return &veiled{text, err}
}

// values returns the texts in the file that are not the server's own words, the longest first. Short numbers are
// omitted, because every bound contains them.
func (c *config) values() (all []string) {
	for _, p := range c.places {
		text := p.value.Value
		if p.value.Kind == yaml.ScalarNode && text != "" && (p.value.ShortTag() == "!!str" || len(text) >= long) {
			all = append(all, text)
		}
		if p.key != "" && shownKey(p.key) != p.key {
			all = append(all, p.key)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return slices.Compact(all)
}

const (
	// hiddenValue is shown instead of a value.
	hiddenValue = "…"

	// long is the length in bytes from which a value is hidden within words, too.
	long = 4
)

// hide replaces a value where it is a word, and a long one wherever it occurs.
func hide(text, value string) string {
	if len(value) >= long {
		return strings.ReplaceAll(text, value, hiddenValue)
	}
	word := regexp.QuoteMeta(value)
	if strings.IndexFunc(value, unicode.IsLetter) == 0 {
		word = `\b` + word + `\b`
	}
	return regexp.MustCompile(word).ReplaceAllString(text, hiddenValue)
}
