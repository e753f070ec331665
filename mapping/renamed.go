package mapping

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// maxOthers is how many names a line shows.
const maxOthers = 5

// lookForOthers warns of a mapping that starts without progress, if the Store keeps progress of the stream under other
// names that no worker runs: one of them may be its former name. It runs concurrently with the mapping. An error only
// costs the warning.
func (r *run) lookForOthers() {
	ctx, cancel := context.WithTimeout(r.stopCtx, storeTimeout+2*r.m.failover())
	defer cancel()
	others, err := r.others(ctx)
	if err != nil {
		r.m.log.Debug("looking for progress of the stream under other names failed", "error", err)
	}
	if len(others) == 0 {
		return
	}
	slices.Sort(others)
	shown := others[:min(len(others), maxOthers)]
	r.m.log.Warn("the mapping has no progress and begins at its StartingPosition, but the store has progress of the same stream under other names, "+
		"which no worker runs: to resume from it, stop the mapping and set Config.StoreName to that name",
		"name", r.m.cfg.storeKey, "others", strings.Join(shown, ", "), "count", len(others))
}

// others returns the names with progress of the stream that no worker runs.
func (r *run) others(ctx context.Context) (others []string, err error) {
	names, err := r.m.store.Names(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !r.m.isOther(name) {
			continue
		}
		progress, failed := r.m.store.Progress(ctx, name)
		if failed == nil && len(progress) > 0 {
			others = append(others, name)
		}
	}
	if len(others) == 0 {
		return nil, nil
	}
	if r.m.fleet != nil {
		return r.withoutFleet(ctx, others)
	}
	return r.withoutLease(ctx, others)
}

// isOther reports whether a name is another one of the stream. A name that does not begin with an ARN does not identify
// its stream.
func (m *Mapping) isOther(name string) bool {
	arn, _, _ := strings.Cut(name, " ")
	from, err := parseSourceARN(arn)
	return err == nil && from.stream == m.cfg.from.stream && name != m.cfg.storeKey
}

// withoutLease returns those of some names that have no held lease.
func (r *run) withoutLease(ctx context.Context, names []string) (free []string, err error) {
	for _, name := range names {
		held, err := r.m.store.Held(ctx, name)
		if err != nil {
			return free, err
		}
		if !held {
			free = append(free, name)
		}
	}
	return free, nil
}

// withoutFleet returns those of some names that no fleet runs: no worker's row is open, or none that is open moves while two failover
// times pass.
func (r *run) withoutFleet(ctx context.Context, names []string) (free []string, err error) {
	before := map[string]map[string]uint64{}
	wait := time.Duration(0)
	for _, name := range names {
		if before[name], err = r.openWorkers(ctx, name); err != nil {
			return nil, err
		}
		if len(before[name]) > 0 {
			wait = 2 * r.m.failover()
		}
	}
	if !sleep(ctx, wait) {
		return nil, ctx.Err()
	}
	for _, name := range names {
		now, err := r.openWorkers(ctx, name)
		if err != nil {
			return free, err
		}
		if !moved(before[name], now) {
			free = append(free, name)
		}
	}
	return free, nil
}

// openWorkers returns the counters of a fleet's workers whose rows are not closed.
func (r *run) openWorkers(ctx context.Context, name string) (counters map[string]uint64, err error) {
	var rows []driver.FleetWorker
	failed := r.m.guard.Do("FleetTable", func() { rows, err = pages(ctx, r.m.fleet.Fleet(name).Workers) })
	if failed != nil || err != nil {
		return nil, cmp.Or(failed, err)
	}
	counters = map[string]uint64{}
	for _, row := range rows {
		if !row.Closed {
			counters[row.Incarnation] = row.Counter
		}
	}
	return counters, nil
}

// moved reports whether a worker has joined, or moved its counter.
func moved(before, now map[string]uint64) bool {
	for incarnation, counter := range now {
		if was, known := before[incarnation]; !known || was != counter {
			return true
		}
	}
	return false
}
