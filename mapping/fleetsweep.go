package mapping

import (
	"context"
	"time"
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

// sweepRows deletes those of some rows that nobody will ask for again, and has the fleet end the shards that were lost: whichever
// worker takes such a shard does so.
func (f *member) sweepRows(progress map[string]Progress) {
	r := f.r
	had := len(r.lost)
	removable := r.leavers(progress)
	if had+len(r.lost) > 0 {
		f.list()
	}
	if len(removable) == 0 {
		return
	}
	f.call(storeTimeout, func(ctx context.Context) error {
		for _, id := range removable {
			err := r.m.store.Delete(ctx, r.m.name, id)
			r.m.log.Debug("row of a shard that has left the stream deleted", "shard", id, "error", err)
		}
		return nil
	}, nil)
}
