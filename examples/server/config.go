package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// config is the configuration file, in YAML or JSON, completed by what the flags and the environment say.
type config struct {
	// Listen is the address of the API: loopback by default.
	Listen string

	// Hosts are names that the server may be asked by where nothing is signed, besides localhost and IP addresses.
	Hosts []string

	// Keys are what requests may be signed with.
	Keys []key

	// TLS has the API served by https.
	TLS *tlsConfig `yaml:"tls"`

	// Region and Account are those of the embedded streams. Region is that of all of AWS's clients, too.
	Region, Account string

	Store     storeConfig
	Kinesis   kinesisConfig
	Endpoints endpoints
	Functions map[string]functionConfig

	// Drain is what running invocations are given when the server or a mapping stops: 0 means 30 s.
	Drain time.Duration

	file   string            // its path; empty without a file
	places places            // of the settings in it
	flags  map[string]string // the flags that took the place of settings, by their paths
}

// key is an access key.
type key struct {
	ID     string
	Secret secret
}

// tlsConfig are files in PEM.
type tlsConfig struct{ Certificate, Key string }

// storeConfig says where definitions and progress are kept. Without any of them they are kept in memory.
type storeConfig struct {
	// Bolt is a file.
	Bolt     string
	DynamoDB *dynamoConfig `yaml:"dynamodb"`
}

// dynamoConfig says which tables of DynamoDB a fleet of servers shares.
type dynamoConfig struct {
	Table, Endpoint, Worker string
	NoCreate                bool `yaml:"noCreate"`
}

// kinesisConfig says where the streams are: with neither, on AWS.
type kinesisConfig struct {
	Endpoint string
	Embedded *embeddedConfig
}

// embeddedConfig are streams in this process.
type embeddedConfig struct {
	// Listen is their own loopback address.
	Listen string
	// Path is a file that keeps them. Without one they end with the process.
	Path    string
	Streams []streamConfig
}

// streamConfig is a stream that is made when it is not there yet.
type streamConfig struct {
	Name   string
	Shards int
}

// endpoints are URLs that take the place of AWS's own.
type endpoints struct{ Lambda, STS, SQS, SNS, S3 string }

// functionConfig is a function: one of Command, URL, Lambda and Builtin, and what goes with it.
type functionConfig struct {
	Command []string // a program that was built for AWS Lambda
	URL     secret   // of a function behind HTTP, which may have a password in it
	Lambda  string   // a name or an ARN on AWS Lambda, or true for what the mapping names
	Builtin string   // print, count or fail

	// With Command.
	Dir, Handler string
	Environment  map[string]secret
	MaxProcesses int `yaml:"maxProcesses"`

	// With URL.
	Headers map[string]secret

	// Role is the ARN of the execution role.
	Role       string
	ExternalID secret `yaml:"externalId"`

	// Timeout ends an invocation; 0 means never.
	Timeout time.Duration
}

// builtinConfig is what the server is without a file: something to try.
func builtinConfig() config {
	return config{
		Kinesis:   kinesisConfig{Embedded: &embeddedConfig{Streams: []streamConfig{{Name: "orders", Shards: 2}}}},
		Functions: map[string]functionConfig{"print": {Builtin: "print"}},
	}
}

// readConfig reads the file at path.
func readConfig(path string) (config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return config{}, err
	}
	return parseConfig(path, data)
}

// parseConfig reads a configuration, which is one document of YAML. JSON is YAML, too. What it does not know is an error.
func parseConfig(file string, data []byte) (c config, err error) {
	var document yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return config{}, fmt.Errorf("%s: %s", file, hideValues(err.Error()))
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
	return c, nil
}

// The forms of the decoder's errors. What stands between backquotes is a value, which may be a secret.
var (
	unknownKey = regexp.MustCompile(`^line (\d+): field (\S+) not found in type `)
	wrongType  = regexp.MustCompile("(?s)^line (\\d+): cannot unmarshal (!!\\w+) (?:`(.*)` )?into (\\S+)$")
	unclosed   = regexp.MustCompile(`^yaml: (line \d+: )?(did not find expected ',' or '[\]}]'|could not find expected ':')$`)
	quoted     = regexp.MustCompile("(?s)`.*`|'.*'")
)

// hideValues leaves the values out of an error.
func hideValues(text string) string {
	if unclosed.MatchString(text) {
		return text // What it quotes are signs of YAML.
	}
	return quoted.ReplaceAllString(text, "…")
}

// readable says what is wrong with a file in words of the file, without its values.
func (c *config) readable(err error) error {
	if e, ok := errors.AsType[*secretError](err); ok {
		path := c.places.only(func(p place) bool { return p.value.Line == e.line && p.value.Column == e.column })
		return fmt.Errorf("%s: line %d: %s%s", c.file, e.line, named(path), e.text)
	}
	typeError, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		return fmt.Errorf("%s: %s", c.file, hideValues(err.Error()))
	}
	var errs []error
	for _, text := range typeError.Errors {
		errs = append(errs, fmt.Errorf("%s: %s", c.file, c.mistake(text)))
	}
	return errors.Join(errs...)
}

// mistake says what the decoder says of one setting, with its path where only one on the line can be meant.
func (c *config) mistake(text string) string {
	if m := unknownKey.FindStringSubmatch(text); m != nil {
		path := c.places.only(func(p place) bool { return strconv.Itoa(p.line) == m[1] && p.key == m[2] })
		return fmt.Sprintf("line %s: %s: is not known here", m[1], cmp.Or(path, m[2]))
	}
	m := wrongType.FindStringSubmatch(text)
	if m == nil {
		return hideValues(text)
	}
	shown := strings.TrimSuffix(m[3], "...") // The decoder shows the beginning of a long one.
	path := c.places.only(func(p place) bool {
		return strconv.Itoa(p.value.Line) == m[1] && p.value.ShortTag() == m[2] && strings.HasPrefix(p.value.Value, shown)
	})
	return fmt.Sprintf("line %s: %sis %s, must be %s", m[1], named(path), kindOf(m[2]), kindOf(m[4]))
}

// named is a path in front of what is said of it; nothing without one.
func named(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}

// kindOf says what a Go type, or a tag of YAML, is in a file.
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
