package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// ErrThrottled is returned by a throttled call of a Faulty. The call stored nothing.
var ErrThrottled = errors.New("fleet: throttled")

// ErrLost is returned by a call of a Faulty whose answer was lost. The call may have been applied.
var ErrLost = errors.New("fleet: answer lost")

// Fault is what happens to one call of a table. The zero value is a call that succeeds without delay.
type Fault struct {
	// Before is the delay until the call reaches the table, and After the delay until its answer is back.
	Before, After time.Duration

	// Fail, if not nil, is returned and the table is not reached.
	Fail error

	// Lose makes the call return ErrLost after it has reached the table.
	Lose bool
}

// Faulty is a driver.FleetTable that injects the faults of Plan into the calls of another.
type Faulty struct {
	Table driver.FleetTable

	// Plan is called with the name of each call, such as "take", and returns what happens to it. It must be safe for
	// concurrent use.
	Plan func(call string) Fault
}

// through makes one call of the table.
func through[T any](ctx context.Context, f *Faulty, name string, call func() (T, error)) (T, error) {
	var zero T
	fault := f.Plan(name)
	if err := wait(ctx, fault.Before); err != nil {
		return zero, err
	}
	if fault.Fail != nil {
		return zero, fault.Fail
	}
	result, err := call()
	if wait := wait(ctx, fault.After); wait != nil {
		return zero, wait
	}
	if fault.Lose {
		return zero, ErrLost
	}
	return result, err
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// do makes a call that has no result.
func (f *Faulty) do(ctx context.Context, name string, call func() error) error {
	_, err := through(ctx, f, name, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

// Heartbeat implements driver.FleetTable.
func (f *Faulty) Heartbeat(ctx context.Context, row driver.FleetWorker, join bool) error {
	return f.do(ctx, "heartbeat", func() error { return f.Table.Heartbeat(ctx, row, join) })
}

// page is what a paged read returns.
type page[T any] struct {
	rows []T
	next string
}

// Workers implements driver.FleetTable.
func (f *Faulty) Workers(ctx context.Context, mark string) (rows []driver.FleetWorker, next string, err error) {
	p, err := through(ctx, f, "workers", func() (p page[driver.FleetWorker], err error) {
		p.rows, p.next, err = f.Table.Workers(ctx, mark)
		return p, err
	})
	return p.rows, p.next, err
}

// Close implements driver.FleetTable.
func (f *Faulty) Close(ctx context.Context, incarnation string, counter uint64) error {
	return f.do(ctx, "close", func() error { return f.Table.Close(ctx, incarnation, counter) })
}

// Retire implements driver.FleetTable.
func (f *Faulty) Retire(ctx context.Context, incarnation string) error {
	return f.do(ctx, "retire", func() error { return f.Table.Retire(ctx, incarnation) })
}

// Remove implements driver.FleetTable.
func (f *Faulty) Remove(ctx context.Context, incarnation string) error {
	return f.do(ctx, "remove", func() error { return f.Table.Remove(ctx, incarnation) })
}

// Leases implements driver.FleetTable.
func (f *Faulty) Leases(ctx context.Context, mark string) (rows []driver.FleetLease, next string, err error) {
	p, err := through(ctx, f, "leases", func() (p page[driver.FleetLease], err error) {
		p.rows, p.next, err = f.Table.Leases(ctx, mark)
		return p, err
	})
	return p.rows, p.next, err
}

// Take implements driver.FleetTable.
func (f *Faulty) Take(ctx context.Context, seen driver.FleetLease, owner string) (driver.FleetLease, error) {
	return through(ctx, f, "take", func() (driver.FleetLease, error) { return f.Table.Take(ctx, seen, owner) })
}

// Commit implements driver.FleetTable.
func (f *Faulty) Commit(ctx context.Context, lease driver.FleetLease, c driver.FleetCheckpoint) error {
	return f.do(ctx, "commit", func() error { return f.Table.Commit(ctx, lease, c) })
}

// Release implements driver.FleetTable.
func (f *Faulty) Release(ctx context.Context, lease driver.FleetLease) error {
	return f.do(ctx, "release", func() error { return f.Table.Release(ctx, lease) })
}

// Load implements driver.FleetTable.
func (f *Faulty) Load(ctx context.Context, shard string) (c driver.FleetCheckpoint, ok bool, err error) {
	c, err = through(ctx, f, "load", func() (c driver.FleetCheckpoint, err error) {
		c, ok, err = f.Table.Load(ctx, shard)
		return c, err
	})
	return c, ok && err == nil, err
}
