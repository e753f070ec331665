package mapping

import (
	"slices"
	"strings"
	"time"

	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// refresh lists the stream's shards again, beside everything else: heartbeats must not wait for the stream. Then it sets the timer
// to when to do it next.
func (f *member) refresh(timer *time.Timer) {
	if f.listing {
		return
	}
	f.listing = true
	f.calling.Go(func() {
		began := time.Now()
		shards, err := f.r.m.source.Shards(f.r.soft)
		f.report(func(time.Time) {
			f.listing = false
			next, err := f.r.refreshed(shards, began, err)
			if err != nil {
				f.fail(err)
			}
			if f.relist {
				f.relist, next = false, min(next, earlyRefresh)
			}
			timer.Reset(next)
			f.list()
			f.sweep()
		})
	})
}

// refreshSoon has the shards listed early: not by a listing that is under way, which may be too old.
func (f *member) refreshSoon(timer *time.Timer) {
	if f.listing {
		f.relist = true
		return
	}
	timer.Reset(max(0, earlyRefresh-time.Since(f.r.listed)))
}

// publish shows which shards this worker does not process, and why. Those that it does Status knows better.
func (f *member) publish() {
	states := f.core.States()
	others := make([]ShardStatus, 0, len(states))
	for _, s := range states {
		others = append(others, ShardStatus{ShardID: s.Lease.Shard, Owner: s.Lease.Owner, Waiting: f.reason(s)})
	}
	f.r.m.view.set(func(v *view) { v.blocked, v.done = others, map[string]bool{} })
}

// reason tells why this worker does not process a shard.
func (f *member) reason(s fleet.State) string {
	_, straggles := f.r.stragglers[s.Lease.Shard]
	switch {
	case straggles:
		return f.r.waitingFor(f.r.lineage.shards[s.Lease.Shard])
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

// list tells the core which shards there are.
func (f *member) list() {
	l := &f.r.lineage
	var shards []fleet.Shard
	for id, s := range l.shards {
		if !l.isEarly(s) {
			shards = append(shards, fleet.Shard{ID: id, Parents: parentsOf(s)})
		}
	}
	slices.SortFunc(shards, func(a, b fleet.Shard) int { return strings.Compare(a.ID, b.ID) })
	f.core.Shards(time.Now(), shards)
	f.publish()
	if lister, ok := f.table.(FleetLister); ok {
		lister.Listed(l.described())
	}
}
