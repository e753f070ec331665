package servicemodel

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// Text is a scalar of any type that a header, an address, a query string or AWS Query writes as text.
type Text string

// check is one check under way.
type check struct {
	*Model
	Report
	binary bool // the form is CBOR, which has byte strings and times of its own
	inBody bool // members outside of the body are not looked for
}

// Value checks a tree against a shape by its name. Its problems are said to be at path.
func (m *Model) Value(path, shapeName string, tree any) Report {
	c := check{Model: m}
	if m.shapes[shapeName] == nil {
		c.problem(path, Unknown, "the model has no shape %s", shapeName)
		return c.Report
	}
	c.value(path, reference{Shape: shapeName}, tree)
	return c.Report
}

// Input checks the decoded input of an operation: for REST the part of it that is in the body.
func (m *Model) Input(operation string, tree any) Report {
	c := check{Model: m, inBody: true}
	if op := c.operation(operation); op != nil {
		c.whole(operation, op.Input, tree)
	}
	return c.Report
}

// Output checks the decoded output of an operation. The stream of events that an output has is not part of it.
func (m *Model) Output(operation string, tree any) Report {
	c := check{Model: m}
	if op := c.operation(operation); op != nil {
		c.whole(operation+" answer", op.rest, tree)
	}
	return c.Report
}

// operation returns an operation, and reports one that the model does not have.
func (c *check) operation(name string) *operation {
	op := c.operations[name]
	if op == nil {
		c.problem(name, Unknown, "the model has no such operation")
	}
	return op
}

// whole checks an input or an output. One that is null is like one without members.
func (c *check) whole(path string, at *reference, tree any) {
	if tree == nil {
		tree = map[string]any{}
	}
	if at == nil {
		c.structure(path, &shape{}, tree)
		return
	}
	c.value(path, *at, tree)
}

// value checks what stands where a shape is used. Null is like a value that is not there, which the structure around it judges.
func (c *check) value(path string, at reference, v any) {
	s := c.shapes[at.Shape]
	if v == nil || s.Document {
		return
	}
	switch s.Type {
	case "structure":
		c.structure(path, s, v)
	case "list":
		c.list(path, s, v)
	case "map":
		c.dictionary(path, s, v)
	case "string":
		c.text(path, s, v)
	case "blob":
		c.blob(path, s, v)
	case "boolean":
		c.boolean(path, v)
	case "timestamp":
		c.timestamp(path, at, s, v)
	case "integer", "long", "float", "double", "short", "byte":
		c.number(path, s, v)
	default:
		c.unchecked(path, Type, "the model's type %q is not known here", s.Type)
	}
}

func (c *check) structure(path string, s *shape, v any) {
	object, ok := v.(map[string]any)
	if !ok {
		c.mistyped(path, "structure", v)
		return
	}
	c.members(path, s, c.named(path, s, object))
}

// named returns the members of an object of a body, by the model's names.
func (c *check) named(path string, s *shape, object map[string]any) map[string]any {
	members := make(map[string]any, len(object))
	for _, wire := range slices.Sorted(maps.Keys(object)) {
		if name, known := s.wire[wire]; known {
			members[name] = object[wire]
		} else {
			c.problem(path+"."+wire, Unknown, "the structure has no such member")
		}
	}
	return members
}

// members checks the members of a structure, by the model's names.
func (c *check) members(path string, s *shape, members map[string]any) {
	set := 0
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if members[name] != nil {
			set++
		}
		c.value(path+"."+name, s.Members[name], members[name])
	}
	for _, name := range s.Required {
		if members[name] == nil && !(c.inBody && s.Members[name].Location != "") {
			c.problem(path+"."+name, Missing, "the member is required")
		}
	}
	if s.Union && set != 1 {
		c.problem(path, Union, "%d members are set, not one", set)
	}
}

func (c *check) list(path string, s *shape, v any) {
	items, ok := v.([]any)
	if !ok {
		c.mistyped(path, "list", v)
		return
	}
	c.within(path, "items", s, float64(len(items)))
	for i, item := range items {
		c.value(fmt.Sprintf("%s[%d]", path, i), *s.Member, item)
	}
}

func (c *check) dictionary(path string, s *shape, v any) {
	entries, ok := v.(map[string]any)
	if !ok {
		c.mistyped(path, "map", v)
		return
	}
	c.within(path, "entries", s, float64(len(entries)))
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		c.text(fmt.Sprintf("%s key %q", path, key), c.shapes[s.Key.Shape], key)
		c.value(fmt.Sprintf("%s[%q]", path, key), *s.Value, entries[key])
	}
}

func (c *check) text(path string, s *shape, v any) {
	text, ok := v.(string)
	if of, isText := v.(Text); isText {
		text, ok = string(of), true
	}
	if !ok {
		c.mistyped(path, "string", v)
		return
	}
	if !utf8.ValidString(text) {
		c.problem(path, Type, "the string is not in UTF-8")
	}
	c.within(path, "characters", s, float64(utf8.RuneCountInString(text)))
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, text) {
		c.problem(path, Enum, "%q is none of %v", text, s.Enum)
	}
	if s.Pattern == "" {
		return
	}
	p := c.patterns[s.Pattern]
	if p.err != nil {
		c.unchecked(path, Pattern, "%v", p.err)
	} else if !p.match.MatchString(text) {
		c.problem(path, Pattern, "%q does not match %s", text, s.Pattern)
	}
}

// blob checks bytes: as they are, or as base64 with padding.
func (c *check) blob(path string, s *shape, v any) {
	var data []byte
	var err error
	switch v := v.(type) {
	case []byte:
		data = v
	case string:
		if c.binary {
			c.problem(path, Type, "a text string stands for a byte string")
			return
		}
		data, err = base64.StdEncoding.Strict().DecodeString(v)
	case Text:
		data, err = base64.StdEncoding.Strict().DecodeString(string(v))
	default:
		c.mistyped(path, "blob", v)
		return
	}
	if err != nil {
		c.problem(path, Type, "%v", err)
		return
	}
	c.within(path, "bytes", s, float64(len(data)))
}

func (c *check) boolean(path string, v any) {
	_, ok := v.(bool)
	if text, isText := v.(Text); isText {
		ok = text == "true" || text == "false"
	}
	if !ok {
		c.mistyped(path, "boolean", v)
	}
}

// within checks a length or a number.
func (c *check) within(path, of string, s *shape, n float64) {
	if s.Min != nil && n < *s.Min {
		c.problem(path, TooSmall, "%v %s, the minimum is %v", n, of, *s.Min)
	}
	if s.Max != nil && n > *s.Max {
		c.problem(path, TooLarge, "%v %s, the maximum is %v", n, of, *s.Max)
	}
}

func (c *check) mistyped(path, want string, v any) {
	c.problem(path, Type, "%T is no %s", v, want)
}
