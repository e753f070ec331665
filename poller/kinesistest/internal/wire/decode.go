package wire

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Object reads a structure of a request: the values of its members by their exact names, all of them JSON. It ignores
// unknown members, and null counts as absent, as on AWS. The first value of a wrong type is the error of the whole
// request; everything read after it is absent.
//
// The texts of the errors are those of the framework that parses requests to AWS.
type Object struct {
	values map[string]json.RawMessage
	err    *error // shared by all structures of a request
}

// Decode reads a request by read.
func Decode[I any](body []byte, read func(Object) *I) (*I, error) {
	var failure error
	values, err := objectOf(body)
	if err != nil {
		return nil, err
	}
	in := read(Object{values, &failure})
	return in, failure
}

// objectOf returns the members of an object.
func objectOf(raw json.RawMessage) (map[string]json.RawMessage, error) {
	var values map[string]json.RawMessage
	if trimmed := bytes.TrimLeft(raw, " \t\r\n"); len(trimmed) > 0 && trimmed[0] != '{' && trimmed[0] != 'n' && json.Valid(raw) {
		return nil, not(trimmed, "Expected null")
	}
	err := json.Unmarshal(raw, &values)
	return values, err
}

// not is the error of a value of a wrong type. scalar is its text if the value is neither a list nor an object.
func not(value json.RawMessage, scalar string) error {
	switch value[0] {
	case '[':
		return errors.New("Start of list found where not expected") //nolint:staticcheck // AWS's text
	case '{':
		return errors.New("Start of structure or map found where not expected.") //nolint:revive,staticcheck // AWS's text
	}
	return errors.New(scalar)
}

// cannot is the error of a value that cannot become the required type.
func cannot(value json.RawMessage, become string) error {
	token := "NUMBER_VALUE"
	switch value[0] {
	case '"':
		token = "STRING_VALUE"
	case 't':
		token = "TRUE_VALUE"
	case 'f':
		token = "FALSE_VALUE"
	}
	return not(value, token+" can not be converted to "+become)
}

// value returns the value of a member, and false if there is none, or if the request is wrong already.
func (m Object) value(name string) (json.RawMessage, bool) {
	value, ok := m.values[name]
	return value, ok && value[0] != 'n' && *m.err == nil
}

// fail notes the first error.
func (m Object) fail(err error) {
	if *m.err == nil {
		*m.err = err
	}
}

// text returns a string.
func (m Object) text(name string) *string {
	value, ok := m.value(name)
	if !ok {
		return nil
	}
	s, err := textOf(value)
	if err != nil {
		m.fail(err)
		return nil
	}
	return &s
}

// Blank stands for an enumeration's value that is there and empty: the SDK's types take "" for one that is absent. among
// refuses it.
const Blank = "\x00"

// enum returns a string that is one of a set, and "" where it is absent.
func enum[E ~string](m Object, name string) E {
	if s := m.text(name); s != nil {
		return E(cmp.Or(*s, Blank))
	}
	return ""
}

func textOf(value json.RawMessage) (string, error) {
	if value[0] != '"' {
		return "", cannot(value, "a String")
	}
	if plain := value[1 : len(value)-1]; bytes.IndexByte(plain, '\\') < 0 && utf8.Valid(plain) {
		return string(plain), nil
	}
	var s string
	err := json.Unmarshal(value, &s)
	return s, err
}

// number returns a number, and false if there is none.
func (m Object) number(name, become string) (float64, bool) {
	value, ok := m.value(name)
	if !ok {
		return 0, false
	}
	if value[0] != '-' && (value[0] < '0' || value[0] > '9') {
		m.fail(cannot(value, become))
		return 0, false
	}
	f, _ := strconv.ParseFloat(string(value), 64) // it can only be out of range, where it is an infinity
	return f, true
}

// integer returns a number of 32 bits. A fraction is cut off, and a number out of range becomes the nearest limit,
// which every constraint refuses.
func (m Object) integer(name string) *int32 {
	f, ok := m.number(name, "an Integer")
	if !ok {
		return nil
	}
	return new(int32(max(math.MinInt32, min(math.Trunc(f), math.MaxInt32))))
}

// maxEpoch is the second up to which a time makes sense: the end of the year 9999.
const maxEpoch = 253402300799

// time returns a time, which is seconds since 1970 with a fraction. It rounds to milliseconds, the intended precision
// of the number.
func (m Object) time(name string) *time.Time {
	seconds, ok := m.number(name, "milliseconds since epoch")
	if !ok {
		return nil
	}
	seconds = min(max(seconds, 0), maxEpoch)
	return new(time.UnixMilli(int64(math.Round(seconds * 1000))).UTC())
}

func (m Object) boolean(name string) *bool {
	value, ok := m.value(name)
	if !ok {
		return nil
	}
	if value[0] != 't' && value[0] != 'f' {
		m.fail(cannot(value, "a Boolean"))
		return nil
	}
	return new(value[0] == 't')
}

// blob returns bytes, which are nil only where they are absent.
func (m Object) blob(name string) []byte {
	value, ok := m.value(name)
	if !ok {
		return nil
	}
	data, err := blobOf(value)
	if err != nil {
		m.fail(err)
		return nil
	}
	return data
}

// blobOf decodes base64. The texts of its errors are AWS's, spelling included.
func blobOf(value json.RawMessage) ([]byte, error) {
	if value[0] != '"' {
		return nil, cannot(value, "a Blob")
	}
	s, err := textOf(value)
	if err != nil {
		return nil, err
	}
	refused := func(format string, args ...any) error {
		return fmt.Errorf("'%s' can not be converted to a Blob: %s", s, fmt.Sprintf(format, args...))
	}
	if len(s)%4 != 0 {
		return nil, refused("Base64 encoded length is expected a multiple of 4 bytes but found: %d", len(s))
	}
	if i := strings.IndexFunc(s, outsideBase64); i >= 0 {
		return nil, refused("Invalid Base64 character: '%c'", []rune(s[i:])[0])
	}
	if strings.Contains(strings.TrimRight(s, "="), "=") {
		return nil, refused("Invalid Base64 character: '='")
	}
	data, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, refused("Invalid last non-pad Base64 character dectected")
	}
	return data, nil // which is not nil if it is empty
}

// outsideBase64 reports whether c is no character of base64. The decoder of the standard library passes over line ends.
func outsideBase64(c rune) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '=')
}

// structure returns a structure, and false where it is absent.
func (m Object) structure(name string) (Object, bool) {
	value, ok := m.value(name)
	if !ok {
		return Object{}, false
	}
	return m.inner(value)
}

// inner returns what is inside of a value that has to be a structure.
func (m Object) inner(value json.RawMessage) (Object, bool) {
	values, err := objectOf(value)
	if err != nil {
		m.fail(err)
		return Object{}, false
	}
	return Object{values, m.err}, true
}

// structures returns a list of structures, and nil where it is absent. An element that is null has no members.
func (m Object) structures(name string) []Object {
	value, ok := m.value(name)
	if !ok {
		return nil
	}
	if value[0] != '[' {
		m.fail(not(value, "Expected list or null"))
		return nil
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(value, &elements); err != nil {
		m.fail(err)
		return nil
	}
	all := make([]Object, 0, len(elements))
	for _, element := range elements {
		if one, ok := m.inner(element); ok {
			all = append(all, one)
		}
	}
	return all
}

// dictionary returns a map of strings, and nil where it is absent.
func (m Object) dictionary(name string) map[string]string {
	value, ok := m.value(name)
	if !ok {
		return nil
	}
	if value[0] != '{' {
		m.fail(not(value, "Expected map or null"))
		return nil
	}
	entries, ok := m.inner(value)
	if !ok {
		return nil
	}
	all := make(map[string]string, len(entries.values))
	for key := range entries.values {
		if s := entries.text(key); s != nil {
			all[key] = *s
		}
	}
	return all
}
