package mapping

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
)

// An assignment decides which of the eligible shards a run processes. alone takes all of them, a fleetWorker those
// whose leases it acquires. Only the run's goroutine calls its methods, except isFenced and remove.
type assignment interface {
	// next does the work that is due, and returns when to call it again if nothing happens before; zero: not at all.
	next(now time.Time) (again time.Time)

	// listed is called after each listing. finished is called when a shard is complete, with the number of its children
	// that were unknown. swept is called when a sweep has found lost shards, which must be ended.
	listed()
	finished(id string, news int)
	swept()

	// ended is called when a shard is not processed any more, and freed when its stragglers, if any, have ended.
	ended(info poller.Shard, e *shardEnd)
	freed(s *straggler)

	// survives reports whether the run continues after the error with which a shard ended, and if so logs the error.
	survives(e *shardEnd) bool

	// leave is called when the run stops. hasLeft reports, when no shard is processed any more, whether the run may
	// return.
	leave(now time.Time)
	hasLeft(now time.Time) bool

	// waiting returns the shards that are not processed here, with the reasons.
	waiting() []ShardStatus

	// remove deletes the row of a finished shard that has left the stream. It is safe for concurrent use.
	remove(ctx context.Context, id string) error

	// isFenced reports whether all leases of the run have ended because the store was out of reach for too long.
	isFenced() bool
}

// alone is the assignment of a mapping without a fleet: all shards. Each acquires its lease from the Store.
type alone struct{ r *run }

// listed starts every eligible shard that is not processed yet.
func (a *alone) listed() {
	a.startAll(a.r.lineage.Openable())
	a.r.publish()
}

// finished starts the children of a shard.
func (a *alone) finished(id string, news int) {
	a.startAll(a.r.lineage.OpenableChildren(id))
	if news > 0 {
		a.r.publish()
	}
}

// startAll starts those of the shards that are not processed yet.
func (a *alone) startAll(shards []poller.Shard) {
	for _, s := range shards {
		if _, straggles := a.r.stragglers[s.ID]; a.r.running[s.ID] == nil && !straggles {
			a.start(s, 0)
		}
	}
}

// start processes one shard, after a delay.
func (a *alone) start(info poller.Shard, delay time.Duration) {
	s := a.r.newShard(info, &ownTenure{m: a.r.m, shard: info.ID})
	a.r.process(s, delay)
}

// swept ends shards that have left the stream before they were fully processed, some at a time: an open window gets its final
// invocation, then the end is stored.
func (a *alone) swept() {
	r := a.r
	if r.stopCtx.Err() != nil {
		return
	}
	active := 0
	for _, s := range r.running {
		if s.left {
			active++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.lost)) {
		_, straggles := r.stragglers[id]
		if r.running[id] != nil || straggles {
			continue
		}
		if active++; active > endMost {
			break
		}
		s := r.newShard(poller.Shard{ID: id}, &ownTenure{m: r.m, shard: id})
		s.left = true
		r.process(s, 0)
	}
	r.publish()
}

// ended acquires a lost lease again, after a delay. If the end of a lost shard failed, or was left to the lease's
// owner, the next sweep retries it.
func (a *alone) ended(info poller.Shard, e *shardEnd) {
	switch {
	case a.r.stopCtx.Err() != nil:
	case e.left:
		delete(a.r.lost, e.id)
		if !e.finished {
			a.swept()
		}
	case e.straggles != nil:
		a.r.publish()
	case errors.Is(e.err, driver.ErrLeaseLost) && !e.finished:
		a.start(info, leaseRetry)
	}
}

// freed processes a shard again. If it has left the stream, the next sweep ends it.
func (a *alone) freed(s *straggler) {
	r := a.r
	if r.stopCtx.Err() != nil {
		return
	}
	if !s.left {
		info := s.info
		if known, ok := r.lineage.Shard(info.ID); ok {
			info = known
		}
		a.start(info, leaseRetry)
	}
	r.publish()
}

// waiting returns the shards that wait for their parents, for a listing, or for stragglers.
func (a *alone) waiting() (waiting []ShardStatus) {
	for _, s := range a.r.lineage.Waiting(func(id string) bool { return a.r.running[id] != nil }) {
		waiting = append(waiting, ShardStatus{ShardID: s.ID, Waiting: a.r.waitingFor(s)})
	}
	return waiting
}

// remove implements assignment. A lease that was never released, because its process died or the release failed, is
// acquired as a successor does, if the store allows it, and released.
func (a *alone) remove(ctx context.Context, id string) error {
	m := a.r.m
	err := m.store.Delete(ctx, m.cfg.storeKey, id)
	if !errors.Is(err, driver.ErrLeaseHeld) {
		return err
	}
	if err := m.owed.pay(ctx, m.store, id); err != nil {
		return err
	}
	lease, _, err := m.store.Acquire(ctx, m.cfg.storeKey, id, m.owner)
	if err != nil {
		return err
	}
	if err := m.store.Release(ctx, lease); err != nil {
		m.owed.add(lease)
		return err
	}
	return m.store.Delete(ctx, m.cfg.storeKey, id)
}

func (*alone) next(time.Time) time.Time { return time.Time{} }
func (*alone) leave(time.Time)          {}
func (*alone) hasLeft(time.Time) bool   { return true }
func (*alone) survives(*shardEnd) bool  { return false }
func (*alone) isFenced() bool           { return false }
