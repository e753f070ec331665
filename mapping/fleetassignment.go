package mapping

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
	"github.com/shardmill/shardmill/mapping/internal/lineage"
	"github.com/shardmill/shardmill/poller"
)

// listed reports the shards to the core: those of the stream, and those that have left it and must be ended.
func (f *fleetWorker) listed() {
	began := time.Now()
	f.report(began)
	now := time.Now()
	f.unlisted, f.listableAt = false, now.Add(listedRest*now.Sub(began))
}

func (f *fleetWorker) report(now time.Time) {
	l := &f.r.lineage
	var shards []fleet.Shard
	for _, s := range l.Ready() {
		shards = append(shards, fleet.Shard{ID: s.ID, Parents: lineage.ParentsOf(s)})
	}
	for id := range f.r.lost {
		if _, known := l.Shard(id); !known {
			shards = append(shards, fleet.Shard{ID: id})
		}
	}
	slices.SortFunc(shards, func(a, b fleet.Shard) int { return strings.Compare(a.ID, b.ID) })
	f.core.Shards(now, shards)
	f.r.publish()
	if lister, ok := f.table.(driver.FleetLister); ok {
		_ = f.r.m.guard.Do("FleetTable.Listed", func() { lister.Listed(l.Described()) })
	}
}

// finished and swept change what the core must know, as a listing does.
func (f *fleetWorker) finished(string, int) { f.changed() }
func (f *fleetWorker) swept()               { f.changed() }

func (f *fleetWorker) changed() {
	f.unlisted = true
	f.listChanges(time.Now())
}

// listChanges reports the shards if they have changed, unless the last report was too recent: next reports them then.
func (f *fleetWorker) listChanges(now time.Time) {
	if f.unlisted && !now.Before(f.listableAt) {
		f.listed()
	}
}

// ended reports to the core how a shard ended. While the shard has stragglers, the core counts it as this worker's, and
// the worker does not acquire it again.
func (f *fleetWorker) ended(_ poller.Shard, e *shardEnd) {
	if e.straggles != nil {
		return
	}
	how := fleet.Abandoned
	switch {
	case e.finished && e.released:
		how = fleet.Finished
	case e.err == nil && e.released:
		how = fleet.Released
	}
	f.core.Ended(time.Now(), driver.FleetLease{Shard: e.id, Owner: e.lease.Owner, Epoch: e.lease.Epoch}, how)
}

// freed lets the core acquire a shard again.
func (f *fleetWorker) freed(s *straggler) {
	f.core.Ended(time.Now(), driver.FleetLease{Shard: s.lease.Shard, Owner: s.lease.Owner, Epoch: s.lease.Epoch}, fleet.Abandoned)
}

// survives reports whether the error is a failed commit at a hand-over: the next owner of the shard processes some
// records again, as after a lost lease.
func (f *fleetWorker) survives(e *shardEnd) bool {
	if !errors.Is(e.err, ErrNotStored) {
		return false
	}
	f.r.m.log.Warn("the progress of a shard could not be stored before its hand-over: its next owner processes some records again",
		"shard", e.id, "error", e.err)
	return true
}

// leave makes the core release all leases.
func (f *fleetWorker) leave(now time.Time) { f.core.Stop(now) }

// hasLeft reports whether the other workers know that this one has left, or cannot be informed. The leases of
// stragglers expire, and with them the worker's row.
func (f *fleetWorker) hasLeft(now time.Time) bool {
	switch {
	case f.core.Done() || len(f.r.stragglers) > 0:
		return true
	case now.Before(f.patience):
		return false
	}
	f.r.m.log.Warn("leaving the fleet could not be stored: the other workers notice after the failover time")
	return true
}

// remove implements assignment. The fleet.Coordinator frees leases that were not released.
func (f *fleetWorker) remove(ctx context.Context, id string) error {
	return f.r.m.store.Delete(ctx, f.r.m.cfg.storeKey, id)
}

// waiting returns the shards that this worker does not process.
func (f *fleetWorker) waiting() (waiting []ShardStatus) {
	for _, s := range f.core.States() {
		if f.r.lost[s.Lease.Shard] {
			continue // leftUnread returns it
		}
		waiting = append(waiting, ShardStatus{ShardID: s.Lease.Shard, Owner: s.Lease.Owner, Waiting: f.reason(s)})
	}
	for _, s := range f.r.lineage.Early() { // the core does not know them
		waiting = append(waiting, ShardStatus{ShardID: s.ID, Waiting: f.r.waitingFor(s)})
	}
	return waiting
}

// reason says why this worker does not process a shard.
func (f *fleetWorker) reason(s fleet.State) string {
	_, straggles := f.r.stragglers[s.Lease.Shard]
	switch {
	case straggles:
		return f.r.waitingFor(f.r.known(s.Lease.Shard))
	case s.Lease.Damage != "":
		return "its row cannot be read: " + s.Lease.Damage
	case s.Lease.Foreign:
		return "processed by a program outside the fleet: " + s.Lease.Owner
	case s.Lease.Owner != "":
		return "processed by another worker of the fleet: " + s.Lease.Owner
	case s.Waits:
		return f.r.waitingFor(f.r.known(s.Lease.Shard))
	default:
		return "waiting for a worker of the fleet to acquire it"
	}
}
