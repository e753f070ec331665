package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxDepth is the maximum nesting of a document. The deepest meaningful place is a value of a condition, at 6.
const maxDepth = 8

// SyntaxError reports an unusable document.
type SyntaxError struct {
	// Place is the place of the mistake: "Statement[1].Condition.StringLike.aws:SourceArn", empty for the document as a
	// whole.
	Place string

	// Message is the mistake.
	Message string
}

// Error returns the place and the mistake.
func (e *SyntaxError) Error() string {
	if e.Place == "" {
		return "policy: " + e.Message
	}
	return "policy: " + e.Place + ": " + e.Message
}

func wrong(place, format string, args ...any) error {
	return &SyntaxError{Place: place, Message: fmt.Sprintf(format, args...)}
}

// node is a value of the document: an object, a list or text. Booleans and numbers are text, as in IAM.
type node struct {
	place  string
	object []member // in the document's order; nil unless it is an object
	list   []node   // nil unless it is a list
	text   string
	kind   kind
}

type kind uint8

const (
	textKind kind = iota
	listKind
	objectKind
)

type member struct {
	name  string
	value node
}

// readTree parses a JSON document. Unlike encoding/json it refuses duplicate keys, as IAM does.
func readTree(document []byte) (node, error) {
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	root, err := readNode(d, "", 0)
	if err != nil {
		return node{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return node{}, wrong("", "something follows the document")
	}
	return root, nil
}

func readNode(d *json.Decoder, place string, depth int) (node, error) {
	token, err := d.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return node{}, wrong(place, "is not JSON: %v (at byte %d)", err, d.InputOffset())
	}
	if depth == maxDepth {
		return node{}, wrong(place, "nests too deep")
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return readObject(d, place, depth)
		}
		return readList(d, place, depth)
	case string:
		return node{place: place, text: t}, nil
	case json.Number:
		return node{place: place, text: t.String()}, nil
	case bool:
		return node{place: place, text: strconv.FormatBool(t)}, nil
	default:
		return node{}, wrong(place, "is null")
	}
}

func readObject(d *json.Decoder, place string, depth int) (node, error) {
	n := node{place: place, kind: objectKind}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return node{}, wrong(place, "is not JSON: %v (at byte %d)", err, d.InputOffset())
		}
		at := strings.TrimPrefix(place+"."+name, ".")
		if seen[name] {
			return node{}, wrong(at, "occurs twice")
		}
		seen[name] = true
		value, err := readNode(d, at, depth+1)
		if err != nil {
			return node{}, err
		}
		n.object = append(n.object, member{name, value})
	}
	return n, closing(d, place)
}

func readList(d *json.Decoder, place string, depth int) (node, error) {
	n := node{place: place, kind: listKind}
	for d.More() {
		value, err := readNode(d, fmt.Sprintf("%s[%d]", place, len(n.list)), depth+1)
		if err != nil {
			return node{}, err
		}
		n.list = append(n.list, value)
	}
	return n, closing(d, place)
}

// closing parses the end of an object or a list.
func closing(d *json.Decoder, place string) error {
	if _, err := d.Token(); err != nil {
		return wrong(place, "is not JSON: %v (at byte %d)", err, d.InputOffset())
	}
	return nil
}

// elements returns the elements of a list, or a single value as a list.
func (n *node) elements() []node {
	if n.kind == listKind {
		return n.list
	}
	return []node{*n}
}

// texts returns one text or a list of texts, at least one.
func (n *node) texts() ([]node, error) {
	all := n.elements()
	if len(all) == 0 {
		return nil, wrong(n.place, "is empty")
	}
	for i := range all {
		if all[i].kind != textKind {
			return nil, wrong(all[i].place, "must be text")
		}
	}
	return all, nil
}
