package lineage

import (
	"slices"
	"strings"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
)

// Waiting returns the shards that wait for their parents, or for a listing.
func (l *Lineage) Waiting(processed func(id string) bool) (waiting []poller.Shard) {
	for id, s := range l.shards {
		if !l.finished[id] && !processed(id) {
			waiting = append(waiting, s)
		}
	}
	return waiting
}

// Early returns the early shards, and their descendants: to code that does not know a shard, it has left.
func (l *Lineage) Early() map[string]poller.Shard {
	early := map[string]poller.Shard{}
	var add func(id string)
	add = func(id string) {
		if _, added := early[id]; added || l.rows[id].begun || l.finished[id] {
			return // it has progress: it was opened when its parents were complete or gone
		}
		early[id] = l.shards[id]
		for _, child := range l.children[id] {
			add(child)
		}
	}
	for id, s := range l.shards {
		if l.isEarly(s) {
			add(id)
		}
	}
	return early
}

// Ready returns the shards that are not early.
func (l *Lineage) Ready() []poller.Shard {
	early := l.Early()
	ready := make([]poller.Shard, 0, len(l.shards))
	for id, s := range l.shards {
		if _, ok := early[id]; !ok {
			ready = append(ready, s)
		}
	}
	return ready
}

// WaitingFor says what a shard is waiting for.
func (l *Lineage) WaitingFor(s poller.Shard) string {
	if _, learned := l.learned[s.ID]; !learned && l.isEarly(s) {
		return "waiting for another listing to lack its parents too: " + strings.Join(ParentsOf(s), " and ")
	}
	return "waiting for its parents to be complete: " + strings.Join(ParentsOf(s), " and ")
}

// Described returns all shards with their parents and children.
func (l *Lineage) Described() []driver.FleetShard {
	all := make([]driver.FleetShard, 0, len(l.shards))
	for id, s := range l.shards {
		all = append(all, driver.FleetShard{
			ID: id, Parents: ParentsOf(s), Children: slices.Sorted(slices.Values(l.children[id])),
			StartingHashKey: s.StartingHashKey, EndingHashKey: s.EndingHashKey,
		})
	}
	return all
}
