package mapping

import (
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
	// minRetention is the least time for which a stream lists a shard after it was closed: its shortest retention.
	minRetention = 24 * time.Hour
)

// removable returns the shards whose rows nobody will ask for again: they are wholly resolved, they have left the stream,
// and each of their children that it lists has progress of its own.
//
// A row that is deleted too soon would open its shard again from the start. That a listing lacks a shard is not enough: it
// may be older than the shard. But what was resolved a retention period ago is known to all listings by now.
func (l *lineage) removable(progress map[string]Progress, now time.Time) (ids []string) {
	for id, p := range progress {
		if p.End && l.hasLeft(id, p, now) && l.areUnderWay(l.children[id], progress) {
			ids = append(ids, id)
		}
	}
	return ids
}

// lost returns the shards that have left the stream before they were wholly resolved.
func (l *lineage) lost(progress map[string]Progress, now time.Time) (ids []string) {
	for id, p := range progress {
		if !p.End && l.hasLeft(id, p, now) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (l *lineage) hasLeft(id string, p Progress, now time.Time) bool {
	_, listed := l.shards[id]
	return !listed && !p.ResolvedUpTo.IsZero() && now.Sub(p.ResolvedUpTo) >= minRetention
}

func (l *lineage) areUnderWay(shards []string, progress map[string]Progress) bool {
	for _, id := range shards {
		if !isBegun(progress[id]) {
			return false
		}
	}
	return true
}

// sweep deletes the rows of shards that have left the stream, once in a while. What fails is tried again by the next one.
func (r *run) sweep(progress map[string]Progress) {
	if progress == nil && time.Since(r.swept) < sweepInterval {
		return
	}
	r.swept = time.Now()
	ctx, cancel := context.WithTimeout(r.soft, storeTimeout)
	defer cancel()
	if progress == nil {
		var err error
		if progress, err = r.m.store.Progress(ctx, r.m.name); err != nil {
			r.m.log.Debug("reading the rows of shards that have left the stream failed", "error", err)
			return
		}
	}
	now := r.clock.at(r.swept)
	for _, id := range r.lineage.lost(progress, now) {
		r.giveUp(ctx, id)
	}
	removable := r.lineage.removable(progress, now)
	for _, id := range removable[:min(len(removable), sweepMost)] {
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
	if !p.End {
		p.Version, p.End, p.Window = 1, true, nil
		err = r.m.store.Commit(ctx, lease, p)
	}
	if released := r.m.store.Release(ctx, lease); err != nil || released != nil {
		r.m.log.Warn("storing the end of a shard that has left the stream failed", "shard", id, "error", errors.Join(err, released))
		return
	}
	r.m.leftUnread(id, p.Position, p.ResolvedUpTo)
}

// leftUnread tells of a shard that has left the stream before it was wholly resolved. from is up to when it was, if that
// is known.
func (m *Mapping) leftUnread(shard string, position batch.Position, from time.Time) {
	m.counts.trimmed.Add(1)
	to := m.clocks(time.Now()).service.Add(-minRetention)
	m.log.Error("the shard has left the stream before it was read to its end: what was left of it is lost",
		"shard", shard, "position", position.String(), "from", stamp(from), "to", stamp(to))
	call(m.cfg.Observer.Trimmed, Trimmed{Shard: shard, Position: position, From: from, To: to})
}
