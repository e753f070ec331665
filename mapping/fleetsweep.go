package mapping

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// sweep deletes the rows of shards that have left the stream, once in a while, beside everything else. Each worker of a fleet
// does so: what others have done already is not there any more.
func (f *member) sweep() {
	r := f.r
	if !r.isSweepDue() {
		return
	}
	again := r.unswept
	r.swept, r.unswept = time.Now(), false
	var progress map[string]Progress
	f.call(storeTimeout, func(ctx context.Context) (err error) {
		progress, err = r.m.progress(ctx)
		return err
	}, func(_ time.Time, err error) {
		if progress == nil {
			r.m.log.Debug("reading the rows of shards that have left the stream failed", "error", err)
			r.unswept = again
			return
		}
		f.sweepRows(progress)
	})
}

// sweepRows deletes those of some rows that nobody will ask for again, and stores the end of shards that were lost.
func (f *member) sweepRows(progress map[string]Progress) {
	r := f.r
	lost, removable := r.leavers(progress)
	if len(lost)+len(removable) == 0 {
		return
	}
	retention := r.retention
	f.call(storeTimeout, func(ctx context.Context) error {
		for _, id := range removable {
			err := r.m.store.Delete(ctx, r.m.name, id)
			r.m.log.Debug("row of a shard that has left the stream deleted", "shard", id, "error", err)
		}
		if len(lost) == 0 {
			return nil
		}
		return f.giveUp(ctx, lost, retention)
	}, func(_ time.Time, err error) {
		if err != nil {
			r.m.log.Warn("storing the end of shards that have left the stream failed", "error", err)
		}
	})
}

// giveUp stores the end of shards that have left the stream before they were wholly resolved, where nobody has their lease, and
// tells so: once, whichever worker comes first.
func (f *member) giveUp(ctx context.Context, lost []string, retention time.Duration) error {
	leases, err := pages(ctx, f.table.Leases)
	if err != nil {
		return err
	}
	workers, err := pages(ctx, f.table.Workers) // after the leases: an owner without a row is gone
	if err != nil {
		return err
	}
	alive := map[string]bool{}
	for _, w := range workers {
		alive[w.Incarnation] = !w.Closed
	}
	var errs []error
	for _, row := range leases {
		if slices.Contains(lost, row.Shard) && !alive[row.Owner] && !row.Finished && !row.Foreign && row.Damage == "" {
			if err := f.endLost(ctx, row, retention); err != nil && !errors.Is(err, ErrFleetRefused) {
				errs = append(errs, fmt.Errorf("mapping: shard %s: %w", row.Shard, err))
			}
		}
	}
	return errors.Join(errs...)
}

// endLost stores the end of one of them, under a lease that nobody else asks for: the shard is not listed.
func (f *member) endLost(ctx context.Context, row FleetLease, retention time.Duration) error {
	lease, err := f.table.Take(ctx, row, uuid.NewString())
	if err != nil {
		return err
	}
	c, _, err := f.table.Load(ctx, row.Shard)
	p, _ := c.Value.(Progress)
	if err == nil && !p.End {
		end := p
		end.Version, end.End, end.Window = 1, true, nil
		if err = f.table.Commit(ctx, lease, FleetCheckpoint{Version: 1, Finished: true, Value: end}); err == nil {
			f.r.m.leftUnread(row.Shard, p.Position, p.ResolvedUpTo, retention)
			f.report(func(time.Time) { f.r.lineage.end(row.Shard) })
		}
	}
	back, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalCommit)
	defer cancel()
	return errors.Join(err, f.table.Release(back, lease))
}
