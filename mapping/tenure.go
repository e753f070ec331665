package mapping

import (
	"context"
	"errors"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// leaseStore is the part of a Store that a shard needs once it has its lease.
type leaseStore interface {
	Commit(ctx context.Context, lease driver.Lease, p driver.Progress) error
	Release(ctx context.Context, lease driver.Lease) error
}

// A tenure acquires the lease of a shard, and knows where its progress is. The shard's goroutine calls acquire, mends
// and owe.
type tenure interface {
	leaseStore // unguarded: the committer and release guard it

	// acquire returns the lease, and the progress stored under it.
	acquire(ctx context.Context) (driver.Lease, driver.Progress, error)

	// mends reports whether an error of acquire affects only this shard: the run continues, and retries it.
	mends(err error) bool

	// owe records a lease that could not be released.
	owe(l driver.Lease)
}

// ownTenure is the tenure of a shard that acquires its lease itself.
type ownTenure struct {
	m     *Mapping
	shard string
}

func (o *ownTenure) acquire(ctx context.Context) (driver.Lease, driver.Progress, error) {
	if err := o.m.owed.pay(ctx, o.m.store, o.shard); err != nil {
		return driver.Lease{}, driver.Progress{}, err
	}
	return o.m.store.Acquire(ctx, o.m.cfg.storeKey, o.shard, o.m.owner)
}

func (o *ownTenure) Commit(ctx context.Context, l driver.Lease, p driver.Progress) error {
	return o.m.store.store.Commit(ctx, l, p)
}

func (o *ownTenure) Release(ctx context.Context, l driver.Lease) error {
	return o.m.store.store.Release(ctx, l)
}

func (*ownTenure) mends(error) bool { return false }

func (o *ownTenure) owe(l driver.Lease) { o.m.owed.add(l) }

// fleetTenure is the tenure of a shard whose lease was acquired by a fleet's worker.
type fleetTenure struct {
	m     *Mapping
	table driver.FleetTable
	row   driver.FleetLease
	rate  *rate
}

func (f *fleetTenure) lease() driver.Lease {
	return driver.Lease{Mapping: f.m.cfg.storeKey, Shard: f.row.Shard, Owner: f.row.Owner, Epoch: f.row.Epoch}
}

func (f *fleetTenure) acquire(ctx context.Context) (l driver.Lease, p driver.Progress, err error) {
	failed := f.m.guard.Do("FleetTable.Load", func() {
		var c driver.FleetCheckpoint
		if c, _, err = f.table.Load(ctx, f.row.Shard); err == nil {
			p, _ = c.Value.(driver.Progress) // the zero value if there is no checkpoint
		}
	})
	if failed != nil {
		return driver.Lease{}, driver.Progress{}, failed
	}
	return f.lease(), p, err
}

func (f *fleetTenure) Commit(ctx context.Context, _ driver.Lease, p driver.Progress) error {
	err := f.table.Commit(ctx, f.row, driver.FleetCheckpoint{Version: p.Version, Finished: p.End, Rate: f.rate.perSecond(time.Now()), Value: p})
	if errors.Is(err, driver.ErrFleetRefused) {
		return driver.ErrLeaseLost
	}
	return err
}

func (f *fleetTenure) Release(ctx context.Context, _ driver.Lease) error {
	return f.table.Release(ctx, f.row)
}

// mends returns true for an unreadable row, which keeps only its own shard from the fleet.
func (*fleetTenure) mends(err error) bool { return errors.Is(err, driver.ErrUnreadable) }

// owe does nothing: the workers of a fleet judge leases by their owners' heartbeats.
func (*fleetTenure) owe(driver.Lease) {}
