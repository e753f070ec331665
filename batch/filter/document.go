package filter

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// element is one value of a pattern's text. Members keep their order and their duplicates, numbers their digits:
// all three mean something to a pattern.
type element struct {
	kind    kind
	text    string // of a string, decoded; of a number, as written
	line    int
	members []member  // of an object
	items   []element // of an array
}

// member is one key of an object, with its value.
type member struct {
	name  string
	value element
}

// readDocument reads the one JSON value that text must be.
func readDocument(text string) (element, error) {
	if !utf8.ValidString(text) {
		return element{}, &Error{Line: 1, Reason: "the pattern is not valid UTF-8"}
	}
	var all json.RawMessage
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return element{}, syntaxError(text, err)
	}
	r := reader{text: text, decoder: json.NewDecoder(strings.NewReader(text))}
	r.decoder.UseNumber()
	return r.value(), nil
}

func syntaxError(text string, err error) error {
	at := int64(len(text))
	if s := (*json.SyntaxError)(nil); errors.As(err, &s) {
		at = min(at, s.Offset)
	}
	return &Error{Line: 1 + strings.Count(text[:at], "\n"), Reason: "the pattern is not JSON: " + err.Error()}
}

// reader turns the tokens of a text that is known to be valid into a tree. Its depth is bounded by the length of a
// pattern.
type reader struct {
	text    string
	decoder *json.Decoder
	passed  int // bytes whose lines are counted
	lines   int
}

func (r *reader) value() element {
	token := r.token()
	e := element{line: r.line()}
	switch t := token.(type) {
	case string:
		e.kind, e.text = aString, t
	case json.Number:
		e.kind, e.text = aNumber, t.String()
	case bool:
		e.kind = aFalse
		if t {
			e.kind = aTrue
		}
	case json.Delim:
		if t == '{' {
			r.object(&e)
			break
		}
		r.array(&e)
	default:
		e.kind = aNull
	}
	return e
}

// token returns the next token: the text has one.
func (r *reader) token() json.Token {
	t, _ := r.decoder.Token()
	return t
}

func (r *reader) object(e *element) {
	e.kind = anObject
	for r.decoder.More() {
		name := r.value().text
		e.members = append(e.members, member{name: name, value: r.value()})
	}
	r.token() // the brace
}

func (r *reader) array(e *element) {
	e.kind = anArray
	for r.decoder.More() {
		e.items = append(e.items, r.value())
	}
	r.token() // the bracket
}

// line is that of the token read last.
func (r *reader) line() int {
	at := int(r.decoder.InputOffset())
	r.lines += strings.Count(r.text[r.passed:at], "\n")
	r.passed = at
	return r.lines + 1
}
