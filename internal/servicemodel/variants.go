package servicemodel

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Variant is an input that differs from a good one in one place.
type Variant struct {
	Path   string
	Tree   any
	Report Report // of the whole input: without problems where the variant is at a bound, and within it
}

// Variants returns inputs of an operation at and beyond every rule of the model: each member of base left out, each member of
// the model in another type, at the bounds of its length or value and past them, outside its pattern and its enumeration.
// base is a good input; structures and items of lists that it lacks are not gone into. Its numbers must be json.Numbers.
func (m *Model) Variants(operation string, base any) []Variant {
	op := m.operations[operation]
	if op == nil || op.Input == nil {
		return nil
	}
	var all []Variant
	m.vary(operation, *op.Input, base, func(path string, tree any) {
		all = append(all, Variant{path, tree, m.Input(operation, tree)})
	})
	return all
}

// vary calls yield with every variant of v, which stands where a shape is used.
func (m *Model) vary(path string, at reference, v any, yield func(path string, tree any)) {
	s := m.shapes[at.Shape]
	for _, c := range m.candidates(s, v) {
		yield(fmt.Sprintf("%s=%.60v", path, c), c)
	}
	switch v := v.(type) {
	case map[string]any:
		if s.Type != "structure" {
			return
		}
		for _, wire := range slices.Sorted(maps.Keys(s.wire)) {
			m.varyMember(path+"."+wire, wire, s.Members[s.wire[wire]], v, yield)
		}
	case []any:
		for i, item := range v {
			m.vary(fmt.Sprintf("%s[%d]", path, i), *s.Member, item, func(path string, tree any) {
				items := slices.Clone(v)
				items[i] = tree
				yield(path, items)
			})
		}
	}
}

func (m *Model) varyMember(path, wire string, at reference, object map[string]any, yield func(string, any)) {
	with := func(path string, tree any) {
		members := maps.Clone(object)
		members[wire] = tree
		yield(path, members)
	}
	if v, has := object[wire]; has {
		members := maps.Clone(object)
		delete(members, wire)
		yield(path+" left out", members)
		m.vary(path, at, v, with)
		return
	}
	m.vary(path, at, nil, with)
}

// candidates returns values that are right or wrong for a shape. v is what stood there, or nil.
func (m *Model) candidates(s *shape, v any) []any {
	var all []any
	switch s.Type {
	case "string":
		all = append(all, json.Number("7"), true, []any{}, "", "a b", "é", "a\n", "0", "nonsense")
		for _, e := range s.Enum {
			all = append(all, e)
		}
		for _, n := range bounds(s, 0, 1<<21) {
			all = append(all, strings.Repeat("1", n), strings.Repeat("a", n))
			if text, ok := v.(string); ok && n > len(text) {
				all = append(all, text+strings.Repeat("1", n-len(text)))
			}
		}
	case "integer", "long":
		all = append(all, "7", true, map[string]any{})
		for _, n := range bounds(s, -1<<31, 1<<31-1) {
			all = append(all, json.Number(fmt.Sprint(n)))
		}
	case "boolean":
		all = append(all, true, false, json.Number("1"), "true")
	case "timestamp":
		all = append(all, json.Number("1767225600.5"), "2026-01-01T00:00:00Z", false)
	case "blob":
		all = append(all, "", "AA==", "AAA", json.Number("7"))
	case "list":
		all = append(all, "a", map[string]any{})
		if items, ok := v.([]any); ok && len(items) > 0 {
			for _, n := range bounds(s, 0, 1000) {
				all = append(all, slices.Repeat(items[:1], n))
			}
		}
	case "map":
		all = append(all, "a", []any{}, map[string]any{})
		all = append(all, m.entries(s)...)
	case "structure":
		all = append(all, "a", []any{})
	}
	return all
}

// bounds returns the numbers at and next to the bounds of a shape, those within low and high.
func bounds(s *shape, low, high int) (all []int) {
	for _, bound := range []*float64{s.Min, s.Max} {
		if bound == nil {
			continue
		}
		for n := int(*bound) - 1; n <= int(*bound)+1; n++ {
			if low <= n && n <= high {
				all = append(all, n)
			}
		}
	}
	return all
}

// entries returns maps of as many entries as a map's bounds have, and with keys and values at and beyond theirs.
func (m *Model) entries(s *shape) (all []any) {
	value := m.shapes[s.Value.Shape]
	if value.Type != "string" {
		return nil
	}
	for _, n := range bounds(s, 0, 1000) {
		entries := map[string]any{}
		for i := range n {
			entries[fmt.Sprint("key", i)] = "x"
		}
		all = append(all, entries)
	}
	for _, c := range m.candidates(value, nil) {
		all = append(all, map[string]any{"key": c})
	}
	for _, c := range m.candidates(m.shapes[s.Key.Shape], nil) {
		if key, ok := c.(string); ok {
			all = append(all, map[string]any{key: "x"})
		}
	}
	return all
}
