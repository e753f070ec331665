package mapping

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// call calls the table in a separate goroutine, and reports the result.
func (f *fleetWorker) call(timeout time.Duration, do func(context.Context) error, report func(time.Time, error)) {
	f.r.beside.call(timeout, func(ctx context.Context) error {
		return f.guarded(func() error { return do(ctx) })
	}, report)
}

// guarded calls the table, and recovers its panics.
func (f *fleetWorker) guarded(do func() error) (err error) {
	if failed := f.r.m.guard.Do("FleetTable", func() { err = do() }); failed != nil {
		return failed
	}
	return err
}

// failing is a kind of call of the table whose last call failed.
type failing struct {
	times int // in a row
	last  time.Time
}

// answered records the result of a call of the table. It reports a failure in the status immediately, but logs it only
// when it is repeated, because single failures are routine. A condition that did not hold is an answer.
func (f *fleetWorker) answered(what string, err error) {
	now := time.Now()
	if err == nil || errors.Is(err, driver.ErrFleetRefused) {
		if f.failing[what].times > 1 {
			f.r.m.log.Info("the fleet's table answers again", "call", what)
		}
		delete(f.failing, what)
		// A call that is made on demand may not be repeated. A persistent failure repeats within this time.
		patience := max(f.failover(), 2*storeTimeout)
		maps.DeleteFunc(f.failing, func(_ string, c failing) bool { return now.Sub(c.last) > patience })
		if len(f.failing) == 0 {
			f.r.m.view.set(func(v *view) { v.table = "" })
		}
		return
	}
	c := failing{times: f.failing[what].times + 1, last: now}
	f.failing[what] = c
	if c.times == 2 {
		f.r.m.log.Warn("a call of the fleet's table fails, retrying", "call", what, "error", err)
	}
	f.r.m.view.set(func(v *view) { v.table = "the fleet's table: " + what + ": " + message(err) })
}

// readAll reads all pages of a kind of rows.
func readAll[T any](f *fleetWorker, timeout time.Duration, page func(context.Context, string) ([]T, string, error), report func(time.Time, []T, error)) {
	var all []T
	f.call(timeout, func(ctx context.Context) (err error) {
		all, err = pages(ctx, page)
		return err
	}, func(now time.Time, err error) { report(now, all, err) })
}

// pages reads all pages.
func pages[T any](ctx context.Context, page func(context.Context, string) ([]T, string, error)) (all []T, err error) {
	rows, mark, err := page(ctx, "")
	for all = append(all, rows...); err == nil && mark != ""; all = append(all, rows...) {
		rows, mark, err = page(ctx, mark)
	}
	return all, err
}

// renew renews the leases of all processed shards. A shard whose lease is lost is dropped; the core is informed when it
// has ended.
func (f *fleetWorker) renew() {
	table, ok := f.table.(driver.FleetRenewer)
	if !ok || f.renewing || len(f.r.running) == 0 {
		return
	}
	leases := make([]driver.FleetLease, 0, len(f.r.running))
	for _, s := range f.r.running {
		leases = append(leases, driver.FleetLease{Shard: s.lease.Shard, Owner: s.lease.Owner, Epoch: s.lease.Epoch})
	}
	f.renewing = true
	var lost []driver.FleetLease
	f.call(f.failover()/3, func(ctx context.Context) (err error) {
		lost, err = table.Renew(ctx, leases)
		return err
	}, func(_ time.Time, err error) {
		f.renewing = false
		if err != nil {
			f.r.m.log.Warn("leases could not be renewed: other programs may take them", "error", err)
		}
		for _, l := range lost {
			f.under(l, (*shard).lost)
		}
	})
}
