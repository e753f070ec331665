package serve

import (
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// secret is a value that must not be shown: it is always printed as stars. In a file, $NAME stands for the environment
// variable NAME, and $$ for a literal $ at the beginning.
type secret string

// hidden is printed instead of a secret.
const hidden = "***"

// String implements fmt.Stringer.
func (s secret) String() string { return hidden }

// GoString implements fmt.GoStringer.
func (s secret) GoString() string { return hidden }

// MarshalText implements encoding.TextMarshaler, for logs in JSON.
func (s secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// secretError says what is wrong with a secret, and where in the file.
type secretError struct {
	line, column int
	text         string
}

// Error implements error.
func (e *secretError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.text) }

// UnmarshalYAML implements yaml.Unmarshaler.
func (s *secret) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode || node.Tag == "!!null" {
		return &secretError{node.Line, node.Column, "must be a string"}
	}
	name, variable := strings.CutPrefix(node.Value, "$")
	if !variable || strings.HasPrefix(name, "$") {
		*s = secret(name)
		return nil
	}
	value := os.Getenv(name)
	if value == "" {
		return &secretError{node.Line, node.Column, "the environment variable with this name is not set"}
	}
	*s = secret(value)
	return nil
}

// reveal returns secrets as plain strings.
func reveal(secrets map[string]secret) map[string]string {
	plain := make(map[string]string, len(secrets))
	for name, s := range secrets {
		plain[name] = string(s)
	}
	return plain
}
