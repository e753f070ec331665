package mapping

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller"
)

const (
	// sweepInterval is the time between two looks for rows of shards that have left the stream, and sweepMost the most rows
	// that one look deletes, so that it does not hold the run up for long.
	sweepInterval = time.Hour
	sweepMost     = 100

	// endMost is how many shards that have left the stream unread a mapping that is alone ends at one time.
	endMost = 100
)

// isSweepDue reports whether the rows are to be swept: now and then, and as soon as it is known what became of the shards of
// which it was too early to say.
func (r *run) isSweepDue() bool {
	switch {
	case r.suspicion != (suspicion{}):
		return false // the rows may be those of another stream
	case r.unswept:
		return !r.lineage.isLeaving()
	}
	return time.Since(r.swept) >= sweepInterval
}

// leavers takes in all rows. It notes the shards that have left the stream and are to be ended, and returns those whose rows are
// to be deleted.
func (r *run) leavers(progress map[string]Progress) (removable []string) {
	r.swept = time.Now()
	r.lineage.read(progress)
	r.unswept = r.lineage.isLeaving()
	now, retention := r.clock.at(r.swept), cmp.Or(r.retention, maxRetention)
	clear(r.lost)
	for _, id := range r.lineage.lost(progress, now, retention) {
		r.lost[id] = true
		r.warned[id] = true // reported when its end is stored
	}
	r.warnUnread()
	removable = r.lineage.removable(progress, now, retention)
	return removable[:min(len(removable), sweepMost)]
}

// warnUnread reports, once, each shard that has left the stream before it was read to its end, though its records may not have
// expired yet: the shards that follow it are read.
func (r *run) warnUnread() {
	for _, id := range r.lineage.unread() {
		if !r.warned[id] {
			r.warned[id] = true
			r.m.log.Warn("the stream does not list a shard any more that was not read to its end: those that follow it are read", "shard", id,
				"position", r.lineage.rows[id].position)
		}
	}
}

// leftUnread shows the shards that have left the stream before they were read to their end.
func (r *run) leftUnread() (left []ShardStatus) {
	for _, id := range r.lineage.unread() {
		left = append(left, ShardStatus{ShardID: id, Waiting: "the stream does not list it any more, though it was not read to its end"})
	}
	return left
}

// sweep deletes the rows of shards that have left the stream, once in a while. What fails is tried again by the next one.
func (r *run) sweep(progress map[string]Progress) {
	if progress == nil && !r.isSweepDue() {
		return
	}
	ctx, cancel := context.WithTimeout(r.soft, storeTimeout)
	defer cancel()
	if progress == nil {
		r.swept = time.Now()
		var err error
		if progress, err = r.m.progress(ctx); progress == nil {
			r.m.log.Debug("reading the rows of shards that have left the stream failed", "error", err)
			return
		}
	}
	removable := r.leavers(progress)
	r.giveUp()
	for _, id := range removable {
		err := r.deleteRow(ctx, id)
		r.m.log.Debug("row of a shard that has left the stream deleted", "shard", id, "error", err)
	}
}

// deleteRow deletes the row of a finished shard. A lease that was never released, because its process died or the release failed, is
// acquired as by a successor, if the store allows that, and released. In a fleet fleet.Coordinator does so.
func (r *run) deleteRow(ctx context.Context, id string) error {
	err := r.m.store.Delete(ctx, r.m.name, id)
	if !errors.Is(err, ErrLeaseHeld) {
		return err
	}
	if err := r.m.owed.pay(ctx, r.m.store, id); err != nil {
		return err
	}
	lease, _, err := r.m.store.Acquire(ctx, r.m.name, id, r.m.owner)
	if err != nil {
		return err
	}
	if err := r.m.store.Release(ctx, lease); err != nil {
		r.m.owed.add(lease)
		return err
	}
	return r.m.store.Delete(ctx, r.m.name, id)
}

// giveUp ends shards that have left the stream before they were fully processed, some at a time: an open window gets its final
// invocation, then the end is stored.
func (r *run) giveUp() {
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
			return
		}
		s := newShard(r, poller.Shard{ID: id}, &shardView{status: ShardStatus{ShardID: id}})
		s.left = true
		r.process(s, 0)
	}
}

// gaveUp takes note of what became of a shard that was to be ended, and returns an error that ends the mapping. What failed, or was
// left to the lease's owner, is tried again by the next sweep.
func (r *run) gaveUp(e *shardEnd) error {
	delete(r.lost, e.id)
	switch {
	case e.finished:
		r.lineage.end(e.id)
	case r.soft.Err() != nil:
		return nil
	case isFinal(e.err):
		return e.err
	case e.err != nil && !errors.Is(e.err, ErrLeaseHeld):
		r.m.log.Warn("storing the end of a shard that has left the stream failed", "shard", e.id, "error", e.err)
	}
	if r.soft.Err() == nil {
		r.giveUp()
		r.publish()
	}
	return nil
}

// reportLoss reports, with the end of a shard that left the stream before it was read to its end, that what was left of it is lost. That
// comes before the end is stored: after a crash between the two it is reported again, where it would otherwise never be.
func (s *shard) reportLoss(c *batch.Commit) {
	if !c.End || !s.unread {
		return
	}
	s.unread = false
	s.m.counts.trimmed.Add(1)
	retention := cmp.Or(s.standing.Load().retention, minRetention)
	t := Trimmed{Shard: s.info.ID, Position: s.sched.Read(), From: s.readTo, To: s.m.clocks(time.Now()).service.Add(poller.ClockSlack - retention)}
	s.log.Error("the shard has left the stream before it was read to its end: what was left of it is lost",
		"position", t.Position.String(), "from", stamp(t.From), "to", stamp(t.To))
	call(s.m.observer.Trimmed, t)
}
