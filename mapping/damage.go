package mapping

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/shardmill/shardmill/mapping/driver"
)

// progress returns the progress of each shard. Unreadable rows stop a mapping that runs alone: the map is nil then, as
// after any other error. In a fleet only their shards wait, so the map has the others, and err names the unreadable
// ones.
func (m *Mapping) progress(ctx context.Context) (stored map[string]driver.Progress, err error) {
	stored, err = m.store.Progress(ctx, m.cfg.storeKey)
	if err == nil || m.fleet != nil && errors.Is(err, driver.ErrUnreadable) {
		return stored, err
	}
	return nil, err
}

// damaged are the unreadable rows, by shard or incarnation, with the reasons.
type damaged map[string]string

// compare takes in the currently unreadable rows, and returns those that were readable at the last reading, in order.
func (d damaged) compare(now map[string]string) (news []string) {
	for name := range now {
		if _, known := d[name]; !known {
			news = append(news, name)
		}
	}
	clear(d)
	maps.Copy(d, now)
	return slices.Sorted(slices.Values(news))
}

// reportLeases logs unreadable lease rows, once: their shards are not processed until the rows are repaired.
func (f *fleetWorker) reportLeases(rows []driver.FleetLease) {
	now := map[string]string{}
	for _, row := range rows {
		if row.Damage != "" {
			now[row.Shard] = row.Damage
		}
	}
	if news := f.damagedLeases.compare(now); len(news) > 0 {
		f.r.m.log.Error("lease rows cannot be read: their shards wait until the rows are mended, or deleted to begin again",
			"shards", len(news), "first", news[0], "error", now[news[0]])
	}
}

// reportWorkers logs unreadable workers' rows, once.
func (f *fleetWorker) reportWorkers(rows []driver.FleetWorker) {
	now := map[string]string{}
	for _, row := range rows {
		if row.Damage != "" {
			now[row.Incarnation] = row.Damage
		}
	}
	if news := f.damagedWorkers.compare(now); len(news) > 0 {
		f.r.m.log.Error("rows of workers cannot be read: their shards are left to them; delete the row of a worker that is gone",
			"workers", len(news), "first", news[0], "error", now[news[0]])
	}
}
