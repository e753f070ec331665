package poller

import (
	"slices"
	"strings"

	"github.com/shardmill/shardmill/internal/parentage"
)

// Openable returns the shards that may be read now, ordered by ID: those that are not finished and whose parents are
// finished, or have left the list. Finished means that every record of the shard is resolved, not just read; a shard
// that is already being read is returned again.
//
// A parent that left the stream while records of it are still held must stay in shards until it is finished, otherwise
// its children overtake it. Shards that are each other's ancestors, which no stream has, are never returned.
func Openable(shards []Shard, finished func(id string) bool) []Shard {
	listed := make(map[string]bool, len(shards))
	for i := range shards {
		listed[shards[i].ID] = true
	}
	present := func(parent string) bool { return parent != "" && listed[parent] }
	var open []Shard
	for _, s := range shards {
		if !finished(s.ID) && parentage.MayOpen([]string{s.Parent, s.AdjacentParent}, present, finished) {
			open = append(open, s)
		}
	}
	slices.SortStableFunc(open, func(a, b Shard) int { return strings.Compare(a.ID, b.ID) })
	return slices.CompactFunc(open, func(a, b Shard) bool { return a.ID == b.ID })
}
