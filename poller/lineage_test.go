package poller_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller"
)

// shards parses "c<a+b": shard c with the parents a and b.
func shards(list string) []poller.Shard {
	var out []poller.Shard
	for _, s := range strings.Fields(list) {
		id, parents, _ := strings.Cut(s, "<")
		parent, adjacent, _ := strings.Cut(parents, "+")
		out = append(out, poller.Shard{ID: id, Parent: parent, AdjacentParent: adjacent})
	}
	return out
}

func TestOpenable(t *testing.T) {
	for name, tc := range map[string]struct{ list, finished, want string }{
		"nothing listed":                         {"", "", ""},
		"roots, ordered by ID":                   {"c a b", "", "a b c"},
		"finished shards are not opened again":   {"a b", "a", "b"},
		"children wait for their parent":         {"a b<a c<a", "", "a"},
		"both children of a split":               {"a b<a c<a", "a", "b c"},
		"a merge waits for its first parent":     {"a b c<a+b", "b", "a"},
		"a merge waits for its second parent":    {"a b c<a+b", "a", "b"},
		"a merge of finished parents":            {"a b c<a+b", "a b", "c"},
		"an expired parent does not block":       {"b<a c<a", "", "b c"},
		"one expired, one listed parent":         {"b c<a+b", "", "b"},
		"a chain opens one by one":               {"a b<a c<b d<c", "a b", "c"},
		"a chain is not skipped into":            {"b<a c<b d<c", "", "b"},
		"an unfinished line blocks its own":      {"a b<a x y<x", "x", "a y"},
		"listed twice":                           {"a a b<a", "", "a"},
		"its own parent":                         {"a<a b", "", "b"},
		"each other's parents":                   {"a<b b<a c", "", "c"},
		"below a ring that was finished somehow": {"a<b b<a c<a", "a b", "c"},
	} {
		t.Run(name, func(t *testing.T) {
			finished := strings.Fields(tc.finished)
			list := shards(tc.list)
			for range 2 {
				var got []string
				for _, s := range poller.Openable(list, func(id string) bool { return slices.Contains(finished, id) }) {
					got = append(got, s.ID)
				}
				require.Equal(t, tc.want, strings.Join(got, " "))
				slices.Reverse(list) // the order of the list does not matter
			}
		})
	}
}
