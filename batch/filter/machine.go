package filter

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"
)

// machine is one pattern or several, compiled: the tree of the fields that they ask about, and what must hold for them
// to match. It is read-only.
type machine struct {
	root         *node
	alternatives []conjunction
	slots        int // how many marks a walk may set
}

// conjunction is an alternative whose conditions must all hold, in the order of their paths. The order matters to
// conditions of absence; see search.
type conjunction struct {
	conditions []*condition
	ofData     bool // asks about the data of a record, in a machine for records
}

// condition is a clause with its place in the tree, and the slots in which a walk notes what it saw.
type condition struct {
	*clause
	at       *node
	hit      int // the slot for leaves at which a test held
	presence int // the slot for any leaf, where the clause allows absence, or 0
}

// node is a field of the tree: what stands behind one key, once keys are split at their dots. A field of an event may
// be reached by any spelling, {"a": {"b": 1}} or {"a.b": 1}.
type node struct {
	segment    string
	children   []*node
	index      map[string]*node // of the children, where they are many
	conditions []*condition     // for leaves right here
	numbers    bool             // a condition compares numbers

	// first and last are the numbers of this node and of the last one beneath it, in the order of the tree.
	first, last int32
}

// indexFrom is the number of children from which on a map finds one sooner than a scan.
const indexFrom = 12

func newMachine(patterns ...[]alternative) machine {
	m := machine{root: &node{}, slots: 1} // slot 0 is none
	known := map[*clause]*condition{}
	for _, alternatives := range patterns {
		for _, a := range alternatives {
			m.alternatives = append(m.alternatives, m.conjunction(a, known))
		}
	}
	m.root.number(0)
	return m
}

func (m *machine) conjunction(a alternative, known map[*clause]*condition) conjunction {
	var all conjunction
	for _, c := range slices.SortedFunc(maps.Values(a), func(a, b *clause) int { return cmp.Compare(a.path, b.path) }) {
		if known[c] == nil {
			known[c] = m.condition(c)
		}
		all.conditions = append(all.conditions, known[c])
	}
	return all
}

// condition gives a clause its place and its slots.
func (m *machine) condition(c *clause) *condition {
	at := m.root
	for segment := range strings.SplitSeq(c.path, ".") {
		at = at.child(segment)
	}
	placed := &condition{clause: c, at: at, hit: m.slots}
	m.slots++
	if c.absent {
		placed.presence = m.slots
		m.slots++
	}
	at.conditions = append(at.conditions, placed)
	at.numbers = at.numbers || usesNumbers(c.tests)
	return placed
}

// child returns the child of that segment, and makes it if need be.
func (n *node) child(segment string) *node {
	for _, c := range n.children {
		if c.segment == segment {
			return c
		}
	}
	c := &node{segment: segment}
	n.children = append(n.children, c)
	if len(n.children) >= indexFrom {
		n.index = map[string]*node{}
		for _, c := range n.children {
			n.index[c.segment] = c
		}
	}
	return c
}

func (n *node) number(from int32) (next int32) {
	n.first, next = from, from+1
	for _, c := range n.children {
		next = c.number(next)
	}
	n.last = next - 1
	return next
}

// find returns the field behind a key of an event, or nil if nothing is asked about it or what lies below.
func (n *node) find(key []byte) *node {
	if n.index != nil {
		return n.findIndexed(key)
	}
	for _, c := range n.children {
		s := c.segment
		if len(key) < len(s) || string(key[:len(s)]) != s {
			continue
		}
		if len(key) == len(s) {
			return c
		}
		if key[len(s)] == '.' {
			return c.find(key[len(s)+1:])
		}
	}
	return nil
}

func (n *node) findIndexed(key []byte) *node {
	segment, rest, dotted := bytes.Cut(key, []byte("."))
	c := n.index[string(segment)]
	if c == nil || !dotted {
		return c
	}
	return c.find(rest)
}
