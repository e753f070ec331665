package mapping

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// refresh lists the stream's shards again, beside everything else: heartbeats must not wait for the stream. Then it sets the timer
// to when to do it next. A worker that ends, for an error too, lists no more: it opens nothing.
func (f *member) refresh() {
	if f.listing || f.r.soft.Err() != nil {
		return
	}
	f.listing = true
	describe := f.r.wantsDescription()
	f.calling.Go(func() {
		v, err := f.r.m.look(f.r.soft, describe)
		f.report(func(time.Time) {
			f.listing = false
			next, err := f.r.refreshed(v, err)
			if err != nil {
				f.fail(err)
			}
			if f.relist > 0 {
				next, f.relist = min(next, f.relist), 0
			}
			f.r.schedule(next)
			f.list()
			f.sweep()
		})
	})
}

// refreshSoon has the shards listed so long after the last time: not by a listing that is under way, which may be too old.
func (f *member) refreshSoon(soon time.Duration) {
	if f.listing {
		f.relist = min(cmp.Or(f.relist, soon), soon)
		return
	}
	f.r.listSoon(soon)
}

// publish shows which shards this worker does not process, and why. Those that it does Status knows better.
func (f *member) publish() {
	states := f.core.States()
	others := append(make([]ShardStatus, 0, len(states)), f.r.leftUnread()...)
	for _, s := range states {
		if f.r.lost[s.Lease.Shard] {
			continue // leftUnread has it
		}
		others = append(others, ShardStatus{ShardID: s.Lease.Shard, Owner: s.Lease.Owner, Waiting: f.reason(s)})
	}
	for _, s := range f.r.lineage.early() { // the core does not know them
		others = append(others, ShardStatus{ShardID: s.ID, Waiting: f.r.waitingFor(s)})
	}
	f.r.m.view.set(func(v *view) { v.blocked, v.done = others, map[string]bool{} })
}

// reason tells why this worker does not process a shard.
func (f *member) reason(s fleet.State) string {
	_, straggles := f.r.stragglers[s.Lease.Shard]
	switch {
	case straggles:
		return f.r.waitingFor(f.r.lineage.shards[s.Lease.Shard])
	case s.Lease.Damage != "":
		return "its row cannot be read: " + s.Lease.Damage
	case s.Lease.Foreign:
		return "processed by a program outside the fleet: " + s.Lease.Owner
	case s.Lease.Owner != "":
		return "processed by another worker of the fleet: " + s.Lease.Owner
	case s.Waits:
		return f.r.waitingFor(f.r.lineage.shards[s.Lease.Shard])
	default:
		return "waiting for a worker of the fleet to take it"
	}
}

// list reports to the core which shards there are: those of the stream, and those that have left it and are to be ended.
func (f *member) list() {
	l := &f.r.lineage
	early := l.early()
	var shards []fleet.Shard
	for id, s := range l.shards {
		if _, ok := early[id]; !ok {
			shards = append(shards, fleet.Shard{ID: id, Parents: parentsOf(s)})
		}
	}
	for id := range f.r.lost {
		if _, known := l.shards[id]; !known {
			shards = append(shards, fleet.Shard{ID: id})
		}
	}
	slices.SortFunc(shards, func(a, b fleet.Shard) int { return strings.Compare(a.ID, b.ID) })
	f.core.Shards(time.Now(), shards)
	f.publish()
	if lister, ok := f.table.(FleetLister); ok {
		_ = f.r.m.guard.Do("FleetTable.Listed", func() { lister.Listed(l.described()) })
	}
}
