package parentage_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/internal/parentage"
)

// family is a split of a, a merge of b and c, and two shards that are each other's ancestors.
var family = map[string][]string{"b": {"a"}, "c": {"a"}, "d": {"b", "c"}, "x": {"y"}, "y": {"x"}}

func TestMayOpen(t *testing.T) {
	for name, tc := range map[string]struct {
		shard             string
		present, finished []string
		want              bool
	}{
		"no parents":                  {"a", []string{"a"}, nil, true},
		"its parent is finished":      {"b", []string{"a", "b"}, []string{"a"}, true},
		"its parent is not":           {"b", []string{"a", "b"}, nil, false},
		"its parent has left":         {"b", []string{"b"}, nil, true},
		"one parent of two":           {"d", []string{"b", "c", "d"}, []string{"b"}, false},
		"the other has left":          {"d", []string{"b", "d"}, []string{"b"}, true},
		"both parents":                {"d", []string{"b", "c", "d"}, []string{"b", "c"}, true},
		"they are each other's child": {"x", []string{"x", "y"}, nil, false},
	} {
		in := func(ids []string) func(string) bool {
			return func(id string) bool { return slices.Contains(ids, id) }
		}
		assert.Equal(t, tc.want, parentage.MayOpen(family[tc.shard], in(tc.present), in(tc.finished)), name)
	}
}

func TestImplyFinished(t *testing.T) {
	for name, tc := range map[string]struct {
		begun, stored, want []string
	}{
		"nothing is begun":               {nil, nil, nil},
		"a shard without parents":        {[]string{"a"}, nil, nil},
		"a child":                        {[]string{"b"}, nil, []string{"a"}},
		"a grandchild":                   {[]string{"d"}, nil, []string{"a", "b", "c"}},
		"up to what is stored":           {[]string{"d"}, []string{"b", "c"}, nil},
		"beside what is stored":          {[]string{"d"}, []string{"b"}, []string{"a", "c"}},
		"each other's ancestors, for us": {[]string{"x"}, []string{"x"}, []string{"y"}},
	} {
		var got []string
		parentage.ImplyFinished(slices.Values(tc.begun), func(id string) []string { return family[id] }, func(parent string) bool {
			if slices.Contains(tc.stored, parent) || slices.Contains(got, parent) {
				return false
			}
			got = append(got, parent)
			return true
		})
		slices.Sort(got)
		assert.Equal(t, tc.want, got, name)
	}
}
