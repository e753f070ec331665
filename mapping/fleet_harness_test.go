package mapping_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// sharedStore is a FleetStore in memory.
type sharedStore struct {
	driver.Store // for anchors
	*fleet.Memory

	mu      sync.Mutex
	deleted []string // shards whose rows were deleted
}

func newSharedStore() *sharedStore {
	return &sharedStore{Store: mapping.NewMemoryStore(), Memory: fleet.NewMemory(7)}
}

var errSilent = errors.New("the table does not answer")

// view is what one worker sees of a sharedStore: it may be cut off.
type view struct {
	*sharedStore
	cut       atomic.Bool
	throttled atomic.Bool // progress can't be stored; all else works
	mortal    atomic.Bool // it is cut off as soon as the end of a shard is stored
	keeping   atomic.Bool // leases can't be released; all else works
	frozen    atomic.Bool // a write of an end is carried out, and never answered
}

func (v *view) Fleet(string) driver.FleetTable { return (*tableView)(v) }

func (v *view) Progress(ctx context.Context, _ string) (map[string]driver.Progress, error) {
	all := map[string]driver.Progress{}
	for mark, more := "", true; more; more = mark != "" {
		rows, next, err := v.Leases(ctx, mark)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if c, ok := v.Checkpoint(row.Shard); ok {
				all[row.Shard] = c.Value.(driver.Progress)
			}
		}
		mark = next
	}
	return all, nil
}

func (v *view) Commit(context.Context, driver.Lease, driver.Progress) error { panic("not called") }

func (v *view) Release(context.Context, driver.Lease) error { panic("not called") }

func (v *view) Acquire(context.Context, string, string, string) (driver.Lease, driver.Progress, error) {
	panic("not called")
}

func (v *view) Delete(ctx context.Context, _, shard string) error {
	_, stored := v.Checkpoint(shard)
	switch err := v.Memory.Delete(ctx, shard); {
	case errors.Is(err, driver.ErrFleetRefused):
		return errors.Join(driver.ErrLeaseHeld, err)
	case err != nil:
		return err
	}
	if stored {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.deleted = append(v.deleted, shard)
	}
	return nil
}

// tableView is the table of a view.
type tableView view

func (t *tableView) err() error {
	if t.cut.Load() {
		return errSilent
	}
	return nil
}

func (t *tableView) Heartbeat(ctx context.Context, row driver.FleetWorker, join bool) error {
	return errors.Join(t.err(), call(t, func() error { return t.Memory.Heartbeat(ctx, row, join) }))
}

func (t *tableView) Workers(ctx context.Context, mark string) (rows []driver.FleetWorker, next string, err error) {
	err = call(t, func() error { rows, next, err = t.Memory.Workers(ctx, mark); return err })
	return rows, next, err
}

func (t *tableView) Leases(ctx context.Context, mark string) (rows []driver.FleetLease, next string, err error) {
	err = call(t, func() error { rows, next, err = t.Memory.Leases(ctx, mark); return err })
	return rows, next, err
}

func (t *tableView) Close(ctx context.Context, w string, counter uint64) error {
	return call(t, func() error { return t.Memory.Close(ctx, w, counter) })
}

func (t *tableView) Retire(ctx context.Context, w string) error {
	return call(t, func() error { return t.Memory.Retire(ctx, w) })
}

func (t *tableView) Remove(ctx context.Context, w string) error {
	return call(t, func() error { return t.Memory.Remove(ctx, w) })
}

func (t *tableView) Take(ctx context.Context, seen driver.FleetLease, owner string) (row driver.FleetLease, err error) {
	err = call(t, func() error { row, err = t.Memory.Take(ctx, seen, owner); return err })
	return row, err
}

func (t *tableView) Commit(ctx context.Context, lease driver.FleetLease, c driver.FleetCheckpoint) error {
	if t.throttled.Load() {
		return errSilent
	}
	err := call(t, func() error { return t.Memory.Commit(ctx, lease, c) })
	if err == nil && c.Finished && t.mortal.Load() {
		t.cut.Store(true)
	}
	if c.Finished && t.frozen.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (t *tableView) Release(ctx context.Context, lease driver.FleetLease) error {
	if t.keeping.Load() {
		return errSilent
	}
	return call(t, func() error { return t.Memory.Release(ctx, lease) })
}

func (t *tableView) Load(_ context.Context, shard string) (c driver.FleetCheckpoint, ok bool, err error) {
	err = call(t, func() error { c, ok = t.Memory.Checkpoint(shard); return nil })
	return c, ok, err
}

// call fails while the view is cut off.
func call(t *tableView, f func() error) error {
	if err := t.err(); err != nil {
		return err
	}
	return f()
}

// crew are the workers of a fleet, and what they processed.
type crew struct {
	*world
	store *sharedStore

	mu   sync.Mutex
	by   map[string][]string // data by shard, in the order of the first invocations
	busy map[string]string   // the worker that a shard was invoked at last
	seen map[string]int
}

type crewman struct {
	*running
	name string
	view *view
}

func newCrew(w *world) *crew {
	return &crew{world: w, store: newSharedStore(), by: map[string][]string{}, busy: map[string]string{}, seen: map[string]int{}}
}

func (c *crew) join(name string) *crewman { return c.joinWith(name, func(*mapping.Config) {}) }

// joinWith is join with a change of the configuration.
func (c *crew) joinWith(name string, change func(*mapping.Config)) *crewman {
	v := &view{sharedStore: c.store}
	cfg := c.config()
	cfg.Store, cfg.BatchSize = v, 3
	cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.busy[e.Origin.ShardID] = name
		for r := range e.Records() {
			if c.seen[string(r.Data)]++; c.seen[string(r.Data)] == 1 {
				c.by[e.Origin.ShardID] = append(c.by[e.Origin.ShardID], string(r.Data))
			}
		}
		return nil
	})
	change(&cfg)
	return &crewman{running: c.start(cfg), name: name, view: v}
}

// all returns how many records were processed, and how many of them more than once.
func (c *crew) all() (records, twice int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.seen {
		if n > 1 {
			twice++
		}
	}
	return len(c.seen), twice
}

// shards returns how many shards each worker processed last.
func (c *crew) shards() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := map[string]int{}
	for _, name := range c.busy {
		n[name]++
	}
	clear(c.busy)
	return n
}

func (c *crew) inOrder() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for shard, data := range c.by {
		assert.True(c.t, slices.IsSorted(data), "%s: %v", shard, data)
	}
}
