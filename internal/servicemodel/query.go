package servicemodel

import (
	"cmp"
	"net/url"
	"strconv"
	"strings"
)

// queryRequest checks a request of AWS Query.
func (c *check) queryRequest(r Request) string {
	c.onlyPost(r)
	if got := r.Header.Get("Content-Type"); got != formType {
		c.problem(c.metadata.ServiceID, Protocol, "the content's type is %q", got)
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		c.problem(c.metadata.ServiceID, Protocol, "%v", err)
	}
	name := form.Get("Action")
	if v := form.Get("Version"); v != c.metadata.APIVersion {
		c.problem(name, Protocol, "the version is %q, not %q", v, c.metadata.APIVersion)
	}
	form.Del("Action")
	form.Del("Version")
	op := c.operation(name)
	if op == nil {
		return ""
	}
	root := &node{}
	for key, values := range form {
		root.set(strings.Split(key, "."), values[0])
		if len(values) > 1 {
			c.problem(name+"."+key, Protocol, "the parameter stands %d times", len(values))
		}
	}
	if op.Input == nil {
		c.whole(name, nil, root.object(c.Model, &shape{}))
	} else {
		c.whole(name, op.Input, root.object(c.Model, c.shapes[op.Input.Shape]))
	}
	return name
}

// node is a parameter of a form, whose names are paths.
type node struct {
	value string
	below map[string]*node
}

func (n *node) set(path []string, value string) {
	if len(path) == 0 {
		n.value = value
		return
	}
	if n.below == nil {
		n.below = map[string]*node{}
	}
	if n.below[path[0]] == nil {
		n.below[path[0]] = &node{}
	}
	n.below[path[0]].set(path[1:], value)
}

// tree returns what a parameter means where a shape is used. What does not have the form of the shape becomes a Text, which
// is of no type but a scalar's.
func (n *node) tree(m *Model, at reference) any {
	s := m.shapes[at.Shape]
	flat := at.Flattened || s.Flattened
	switch {
	case s.Type == "structure":
		return n.object(m, s)
	case s.Type == "list" && len(n.below) == 0 && n.value == "":
		return []any{}
	case s.Type == "list":
		return n.list(m, s, flat)
	case s.Type == "map":
		return n.dictionary(m, s, flat)
	case len(n.below) > 0:
		return map[string]any{}
	}
	return Text(n.value)
}

func (n *node) object(m *Model, s *shape) map[string]any {
	members := make(map[string]any, len(n.below))
	for wire, below := range n.below {
		members[wire] = Text(below.value)
		if name, known := s.wire[wire]; known {
			members[wire] = below.tree(m, s.Members[name])
		}
	}
	return members
}

func (n *node) list(m *Model, s *shape, flat bool) any {
	items, ok := n.numbered(flat, cmp.Or(s.Member.LocationName, "member"))
	if !ok {
		return Text(n.value)
	}
	list := make([]any, len(items))
	for i, item := range items {
		list[i] = item.tree(m, *s.Member)
	}
	return list
}

func (n *node) dictionary(m *Model, s *shape, flat bool) any {
	items, ok := n.numbered(flat, "entry")
	if !ok {
		return Text(n.value)
	}
	entries := make(map[string]any, len(items))
	for _, item := range items {
		key, value := item.below[cmp.Or(s.Key.LocationName, "key")], item.below[cmp.Or(s.Value.LocationName, "value")]
		if key == nil || value == nil || len(item.below) != 2 {
			return Text(n.value)
		}
		entries[key.value] = value.tree(m, *s.Value)
	}
	return entries
}

// numbered returns the parameters 1 to n, which stand below a name unless they are flat.
func (n *node) numbered(flat bool, name string) ([]*node, bool) {
	if !flat {
		if n.below[name] == nil || len(n.below) != 1 {
			return nil, false
		}
		n = n.below[name]
	}
	items := make([]*node, len(n.below))
	for i := range items {
		if items[i] = n.below[strconv.Itoa(i+1)]; items[i] == nil {
			return nil, false
		}
	}
	return items, len(items) > 0
}
