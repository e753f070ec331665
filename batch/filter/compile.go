package filter

import (
	"maps"
	"slices"
	"strconv"
)

// maxAlternatives bounds what the $or of a pattern may multiply to, as EventBridge bounds it.
const maxAlternatives = 1000

// clause is the array of values that a pattern gives for one field: one of the tests must hold for one of the leaves
// found there.
type clause struct {
	path   string // the keys, joined by dots
	line   int
	tests  []test
	absent bool // {"exists": false} is among the values
}

// alternative is a pattern without $or: a clause for each path. A pattern matches when one of its alternatives does.
type alternative map[string]*clause

// compiler turns a pattern's text into alternatives. A field given again replaces what was given before, and what
// counts as the same field is the joined path, inside and outside of $or alike.
type compiler struct {
	plain   bool // $or is a key like any other
	inOr    bool // within an $or, where the names of operators are reserved
	sawOr   bool
	notAnOr bool // the error is about the shape of an $or
	alts    []alternative
}

// compile reads $or as an operator if it has that form throughout, and as an ordinary key otherwise, as AWS's engine
// does: it first tries the one, then the other, always for the whole pattern.
func compile(root element) ([]alternative, error) {
	c := compiler{alts: []alternative{{}}}
	err := c.root(root)
	if err == nil {
		return c.alts, nil
	}
	if !c.sawOr || len(c.alts) > maxAlternatives {
		return nil, err
	}
	again := compiler{plain: true, alts: []alternative{{}}}
	errPlain := again.root(root)
	switch {
	case errPlain == nil:
		return again.alts, nil
	case c.notAnOr:
		return nil, errPlain
	}
	return nil, err
}

func (c *compiler) root(e element) error {
	if e.kind != anObject {
		return &Error{Line: e.line, Reason: "Filter is not an object"}
	}
	return c.object("", e)
}

// object adds the members of an object whose fields begin with prefix.
func (c *compiler) object(prefix string, e element) error {
	if len(e.members) == 0 {
		return &Error{Line: e.line, Path: path(prefix), Reason: "Empty objects are not allowed"}
	}
	for _, m := range e.members {
		if err := c.member(prefix, m); err != nil {
			return err
		}
	}
	return nil
}

func (c *compiler) member(prefix string, m member) error {
	name := prefix + m.name
	if m.name == "$or" {
		c.sawOr = true
		if !c.plain {
			return c.or(prefix, m.value)
		}
	}
	if c.inOr && slices.Contains(reserved, m.name) {
		c.notAnOr = true
		return &Error{Line: m.value.line, Path: name, Operator: "$or", Reason: m.name + " is reserved and cannot be a field inside $or"}
	}
	switch m.value.kind {
	case anObject:
		return c.object(name+".", m.value)
	case anArray:
		return c.values(name, m.value)
	default:
		return &Error{Line: m.value.line, Path: name, Reason: strconv.Quote(m.name) + " must be an object or an array"}
	}
}

// reserved are the names that cannot be fields inside $or. The engine keeps some of them for operators to come.
var reserved = []string{
	"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr",
	"=", "<", "<=", ">", ">=",
	"regex", "not-wildcard", "not-equals-ignore-case",
	"date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range",
	"ip-address-in-range", "ip-address-not-in-range",
}

// or multiplies the alternatives: each of those so far goes on with each object of the array.
func (c *compiler) or(prefix string, e element) error {
	fail := func(line int, reason string) error {
		c.notAnOr = true
		return &Error{Line: line, Path: path(prefix), Operator: "$or", Reason: reason}
	}
	before, outside := c.alts, c.inOr
	var all []alternative
	for _, item := range e.items {
		if item.kind != anObject {
			return fail(item.line, "Only JSON object is allowed in array of $or relationship.")
		}
		c.alts = make([]alternative, len(before))
		for i, a := range before {
			c.alts[i] = maps.Clone(a)
		}
		c.inOr = true
		if err := c.object(prefix, item); err != nil {
			return err
		}
		if all = append(all, c.alts...); len(all) > maxAlternatives {
			c.alts = all
			return fail(e.line, "more than "+strconv.Itoa(maxAlternatives)+" combinations")
		}
	}
	if len(e.items) < 2 { // as anything but an array has
		return fail(e.line, "There must have at least 2 Objects in $or relationship.")
	}
	c.alts, c.inOr = all, outside
	return nil
}

// values adds the clause of one field to all alternatives.
func (c *compiler) values(path string, e element) error {
	if len(e.items) == 0 {
		return &Error{Line: e.line, Path: path, Reason: "Empty arrays are not allowed"}
	}
	leaf := &clause{path: path, line: e.line}
	for _, item := range e.items {
		t, err := parseValue(item)
		if err != nil {
			err.Path = path
			return err
		}
		if t.op == opAbsent {
			leaf.absent = true
			continue
		}
		leaf.tests = append(leaf.tests, t)
	}
	leaf.tests = pack(leaf.tests)
	for _, a := range c.alts {
		a[path] = leaf
	}
	return nil
}

// path is a prefix without the dot at its end.
func path(prefix string) string {
	if prefix == "" {
		return ""
	}
	return prefix[:len(prefix)-1]
}
