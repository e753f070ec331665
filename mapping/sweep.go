package mapping

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/shardmill/shardmill/batch"
)

const (
	// sweepInterval is the time between two looks for rows of shards that have left the stream, and sweepMost the most rows
	// that one look deletes, so that it does not hold the run up for long.
	sweepInterval = time.Hour
	sweepMost     = 100
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

// leavers takes in all rows, and returns those of them that are of shards that have left the stream: the ones to be given up, and
// the ones to be deleted.
func (r *run) leavers(progress map[string]Progress) (lost, removable []string) {
	r.swept = time.Now()
	r.lineage.read(progress)
	r.unswept = r.lineage.isLeaving()
	now, retention := r.clock.at(r.swept), cmp.Or(r.retention, maxRetention)
	lost, removable = r.lineage.lost(progress, now, retention), r.lineage.removable(progress, now, retention)
	for _, id := range lost {
		r.warned[id] = true // reported when its end is stored
	}
	r.warnUnread()
	return lost, removable[:min(len(removable), sweepMost)]
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
		if progress, err = r.m.store.Progress(ctx, r.m.name); err != nil {
			r.m.log.Debug("reading the rows of shards that have left the stream failed", "error", err)
			return
		}
	}
	lost, removable := r.leavers(progress)
	for _, id := range lost {
		r.giveUp(ctx, id)
	}
	for _, id := range removable {
		err := r.m.store.Delete(ctx, r.m.name, id)
		r.m.log.Debug("row of a shard that has left the stream deleted", "shard", id, "error", err)
	}
}

// giveUp stores the end of a shard that has left the stream before it was wholly resolved, and tells so: once, whoever
// runs the mapping.
func (r *run) giveUp(ctx context.Context, id string) {
	lease, p, err := r.m.store.Acquire(ctx, r.m.name, id, r.m.owner)
	if err != nil {
		return // who has the lease gives it up
	}
	ended := p.End
	if !ended {
		end := p
		end.Version, end.End, end.Window = 1, true, nil
		err = r.m.store.Commit(ctx, lease, end)
	}
	back, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalCommit) // at a stop too, else the lease stays held
	defer cancel()
	released := r.m.store.Release(back, lease)
	if err != nil || released != nil {
		r.m.log.Warn("storing the end of a shard that has left the stream failed", "shard", id, "error", errors.Join(err, released))
	}
	if err == nil && !ended {
		r.lineage.end(id)
		r.m.leftUnread(id, p.Position, p.ResolvedUpTo, r.retention)
	}
}

// leftUnread tells of a shard that has left the stream before it was wholly resolved. from is up to when it was, if that
// is known, and retention that of the stream, 0 where it is not known.
func (m *Mapping) leftUnread(shard string, position batch.Position, from time.Time, retention time.Duration) {
	m.counts.trimmed.Add(1)
	to := m.clocks(time.Now()).service.Add(-cmp.Or(retention, minRetention))
	m.log.Error("the shard has left the stream before it was read to its end: what was left of it is lost",
		"shard", shard, "position", position.String(), "from", stamp(from), "to", stamp(to))
	call(m.observer.Trimmed, Trimmed{Shard: shard, Position: position, From: from, To: to})
}
