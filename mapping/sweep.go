package mapping

import (
	"cmp"
	"context"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/lineage"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller"
)

const (
	// sweepInterval is the time between two sweeps of rows of shards that have left the stream, and sweepMost the
	// maximum number of rows that one sweep deletes, so that it does not delay the run for long.
	sweepInterval = time.Hour
	sweepMost     = 100

	// endMost is how many shards that have left the stream unread a mapping without a fleet ends concurrently.
	endMost = 100
)

// isSweepDue reports whether the rows must be swept: periodically, and as soon as previous doubts about shards are
// settled.
func (r *run) isSweepDue() bool {
	switch {
	case r.lineage.IsDoubted():
		return false // the rows may be those of another stream
	case r.unswept:
		return !r.lineage.IsLeaving()
	}
	return time.Since(r.swept) >= sweepInterval
}

// leavers looks at all rows. It records the shards that have left the stream and must be ended, and returns those whose
// rows must be deleted.
func (r *run) leavers(progress map[string]driver.Progress) (removable []string) {
	r.swept = time.Now()
	r.lineage.Read(progress)
	r.unswept = r.lineage.IsLeaving()
	now, retention := r.clock.at(r.swept), cmp.Or(r.retention, lineage.MaxRetention)
	clear(r.lost)
	for _, id := range r.lineage.Lost(progress, now, retention) {
		r.lost[id] = true
		r.warned[id] = true // reported when its end is stored
	}
	r.warnUnread()
	removable = r.lineage.Removable(progress, now, retention)
	return removable[:min(len(removable), sweepMost)]
}

// warnUnread logs, once, each shard that has left the stream before it was read to its end, though its records may not
// have expired yet. Its children are read.
func (r *run) warnUnread() {
	for _, id := range r.lineage.Unread() {
		if !r.warned[id] {
			r.warned[id] = true
			r.m.log.Warn("the stream no longer lists a shard that was not read to its end: its children are read", "shard", id,
				"position", r.lineage.Position(id))
		}
	}
}

// leftUnread returns the shards that have left the stream before they were read to their end.
func (r *run) leftUnread() (left []ShardStatus) {
	for _, id := range r.lineage.Unread() {
		left = append(left, ShardStatus{ShardID: id, Waiting: "the stream no longer lists it, though it was not read to its end"})
	}
	return left
}

// sweep deletes the rows of shards that have left the stream, at long intervals, in a separate goroutine. Each worker
// of a fleet does so: a row that another worker deleted is skipped. The next sweep retries what failed.
func (r *run) sweep() {
	if !r.isSweepDue() {
		return
	}
	again := r.unswept
	r.swept, r.unswept = time.Now(), false
	var progress map[string]driver.Progress
	r.beside.call(storeTimeout, func(ctx context.Context) (err error) {
		progress, err = r.m.progress(ctx)
		return err
	}, func(_ time.Time, err error) {
		if progress == nil {
			r.m.log.Debug("reading the rows of shards that have left the stream failed", "error", err)
			r.unswept = again
			return
		}
		r.sweepRows(progress)
	})
}

// sweepRows deletes the rows that are not needed any more, and schedules the end of lost shards.
func (r *run) sweepRows(progress map[string]driver.Progress) {
	had := len(r.lost)
	removable := r.leavers(progress)
	if had+len(r.lost) > 0 {
		r.assignment.swept()
	}
	if len(removable) == 0 {
		return
	}
	r.beside.call(storeTimeout, func(ctx context.Context) error {
		for _, id := range removable {
			err := r.assignment.remove(ctx, id)
			r.m.log.Debug("row of a shard that has left the stream deleted", "shard", id, "error", err)
		}
		return nil
	}, nil)
}

// reportLoss reports, with the end of a shard that left the stream before it was read to its end, that the rest of it
// is lost. It does so before the end is stored: after a crash between the two it reports again. In the other order it
// might never report.
func (s *shard) reportLoss(c *batch.Commit) {
	if !c.End || !s.unread {
		return
	}
	s.unread = false
	s.deps.counts.gaps.Add(1)
	retention := cmp.Or(s.standing.Load().Retention, lineage.MinRetention)
	t := observe.Trimmed{Shard: s.info.ID, Position: s.sched.Read(), From: s.readTo, To: s.deps.clocks(time.Now()).service.Add(poller.ClockSlack - retention)}
	s.log.Error("the shard has left the stream before it was read to its end: the rest of it is lost",
		"position", t.Position.String(), "from", stamp(t.From), "to", stamp(t.To))
	call(s.deps.observer.Trimmed, t)
}
