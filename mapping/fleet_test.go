package mapping_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
	"github.com/shardmill/shardmill/poller"
)

// sharedStore is a FleetStore in memory.
type sharedStore struct {
	mapping.Store // for anchors
	*fleet.Memory

	mu      sync.Mutex
	deleted []string // shards whose rows Delete was asked to delete, which it does not
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
}

func (v *view) Fleet(string) mapping.FleetTable { return (*tableView)(v) }

func (v *view) Progress(ctx context.Context, _ string) (map[string]mapping.Progress, error) {
	all := map[string]mapping.Progress{}
	for mark, more := "", true; more; more = mark != "" {
		rows, next, err := v.Leases(ctx, mark)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if c, ok := v.Checkpoint(row.Shard); ok {
				all[row.Shard] = c.Value.(mapping.Progress)
			}
		}
		mark = next
	}
	return all, nil
}

func (v *view) Commit(context.Context, mapping.Lease, mapping.Progress) error { panic("not called") }

func (v *view) Release(context.Context, mapping.Lease) error { panic("not called") }

func (v *view) Acquire(context.Context, string, string, string) (mapping.Lease, mapping.Progress, error) {
	panic("not called")
}

func (v *view) Delete(_ context.Context, _, shard string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.deleted = append(v.deleted, shard)
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

func (t *tableView) Heartbeat(ctx context.Context, row fleet.Worker, join bool) error {
	return errors.Join(t.err(), call(t, func() error { return t.Memory.Heartbeat(ctx, row, join) }))
}

func (t *tableView) Workers(ctx context.Context, mark string) (rows []fleet.Worker, next string, err error) {
	err = call(t, func() error { rows, next, err = t.Memory.Workers(ctx, mark); return err })
	return rows, next, err
}

func (t *tableView) Leases(ctx context.Context, mark string) (rows []fleet.Lease, next string, err error) {
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

func (t *tableView) Take(ctx context.Context, seen fleet.Lease, owner string) (row fleet.Lease, err error) {
	err = call(t, func() error { row, err = t.Memory.Take(ctx, seen, owner); return err })
	return row, err
}

func (t *tableView) Commit(ctx context.Context, lease fleet.Lease, c fleet.Checkpoint) error {
	if t.throttled.Load() {
		return errSilent
	}
	return call(t, func() error { return t.Memory.Commit(ctx, lease, c) })
}

func (t *tableView) Release(ctx context.Context, lease fleet.Lease) error {
	return call(t, func() error { return t.Memory.Release(ctx, lease) })
}

func (t *tableView) Load(_ context.Context, shard string) (c fleet.Checkpoint, ok bool, err error) {
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

func (c *crew) join(name string) *crewman {
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

func TestFleetSharesShardsEvenlyAndHandsThemOverWithoutADuplicate(t *testing.T) {
	inWorld(t, 12, func(t *testing.T, w *world) {
		c := newCrew(w)
		a := c.join("a")
		pass(5 * time.Second)
		w.put(0, 200)
		pass(5 * time.Second)
		assert.Equal(t, map[string]int{"a": 12}, c.shards())
		b := c.join("b")
		d := c.join("d")
		pass(20 * time.Second)
		w.put(200, 400)
		pass(5 * time.Second)
		assert.Equal(t, map[string]int{"a": 4, "b": 4, "d": 4}, c.shards())
		require.NoError(t, a.stop())
		pass(5 * time.Second)
		w.put(600, 400)
		pass(5 * time.Second)
		assert.Equal(t, map[string]int{"b": 6, "d": 6}, c.shards(), "a stopped worker's shards move at once")
		require.NoError(t, b.stop())
		require.NoError(t, d.stop())
		n, twice := c.all()
		assert.Equal(t, 1000, n)
		assert.Zero(t, twice, "clean stops and joins repeat nothing")
		c.inOrder()
	})
}

func TestShardsOfAWorkerThatIsCutOffMoveAndItsCommitsDoNotCount(t *testing.T) {
	inWorld(t, 8, func(t *testing.T, w *world) {
		c := newCrew(w)
		a, b := c.join("a"), c.join("b")
		pass(20 * time.Second)
		w.put(0, 200)
		pass(5 * time.Second)
		assert.Equal(t, map[string]int{"a": 4, "b": 4}, c.shards())
		a.view.cut.Store(true)
		pass(8 * time.Second)
		for i := range 10 {
			w.put(200+20*i, 20)
			pass(time.Second)
		}
		pass(10 * time.Second)
		w.put(400, 200)
		pass(3 * time.Second)
		c.shards()
		w.put(600, 200)
		pass(3 * time.Second)
		assert.Equal(t, map[string]int{"b": 8}, c.shards())
		assert.Contains(t, w.logs.String(), "this worker was not heard for too long")
		a.view.cut.Store(false)
		pass(40 * time.Second)
		w.put(800, 200)
		pass(5 * time.Second)
		assert.Equal(t, map[string]int{"a": 4, "b": 4}, c.shards(), "it comes back as another incarnation")
		require.NoError(t, a.stop())
		require.NoError(t, b.stop())
		n, _ := c.all()
		assert.Equal(t, 1000, n)
		c.inOrder()
	})
}

func TestHandOverWhileProgressCannotBeStoredDoesNotEndTheWorker(t *testing.T) {
	inWorld(t, 4, func(t *testing.T, w *world) {
		c := newCrew(w)
		a := c.join("a")
		pass(10 * time.Second)
		a.view.throttled.Store(true)
		w.put(0, 100)
		pass(5 * time.Second)
		b := c.join("b")
		pass(20 * time.Second)
		select {
		case err := <-a.done:
			t.Fatal("the worker ended: ", err)
		default:
		}
		a.view.throttled.Store(false)
		pass(20 * time.Second)
		c.shards()
		w.put(100, 100)
		pass(5 * time.Second)
		assert.Equal(t, map[string]int{"a": 2, "b": 2}, c.shards())
		require.NoError(t, a.stop())
		require.NoError(t, b.stop())
		n, _ := c.all()
		assert.Equal(t, 200, n)
		c.inOrder()
	})
}

func TestFleetReadsChildrenAfterParentsAcrossWorkers(t *testing.T) {
	inWorld(t, 4, func(t *testing.T, w *world) {
		c := newCrew(w)
		a, b := c.join("a"), c.join("b")
		pass(20 * time.Second)
		for i, shard := range w.stream.Shards() {
			w.put(100*i, 100)
			_, _, err := w.stream.Split(*shard.ShardId)
			require.NoError(t, err)
		}
		w.put(400, 100)
		pass(time.Minute)
		n, twice := c.all()
		assert.Equal(t, 500, n)
		assert.Zero(t, twice)
		assert.Len(t, c.by, 12)
		c.inOrder()
		require.NoError(t, a.stop())
		require.NoError(t, b.stop())
	})
}

func TestFleetDeletesRowsOfShardsThatHaveLeftTheStream(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		store := newSharedStore()
		cfg, gaps := w.trims()
		cfg.Store = &view{sharedStore: store}
		r := w.start(cfg)
		w.put(0, 10)
		pass(10 * time.Minute)
		_, _, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		w.put(10, 20)
		pass(23 * time.Hour)
		assert.Empty(t, store.deleted, "the stream lists it still")
		pass(3 * time.Hour)
		require.NoError(t, r.stop())
		slices.Sort(store.deleted)
		assert.Equal(t, []string{shardID(0)}, slices.Compact(store.deleted))
		assert.Empty(t, gaps)
		assert.ElementsMatch(t, numbers(0, 30), w.delivered())
	})
}

func TestFleetTellsOnceOfAShardThatLeftTheStreamUnread(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		store := newSharedStore()
		cfg, gaps := w.trims()
		cfg.Store = &view{sharedStore: store}
		w.put(0, 1)
		r := w.start(cfg)
		pass(10 * time.Minute)
		require.NoError(t, r.stop())
		w.put(1, 5)
		_, _, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		pass(30 * time.Hour)
		w.put(6, 5)
		for range 2 {
			other := cfg
			other.Store = &view{sharedStore: store}
			r, b := w.start(cfg), w.start(other)
			pass(10 * time.Minute)
			assert.Len(t, gaps, 1)
			require.NoError(t, r.stop())
			require.NoError(t, b.stop())
		}
		assert.ElementsMatch(t, append(numbers(0, 1), numbers(6, 5)...), w.delivered())
		assert.Equal(t, shardID(0), (<-gaps).Shard)
	})
}

func TestLeaseOfAFunctionThatIgnoresTheStopIsLeftToExpire(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		store, stuck := newSharedStore(), make(chan struct{})
		cfg := w.config()
		cfg.Store, cfg.DrainTimeout = &view{sharedStore: store}, time.Second
		cfg.Function = invoke.Func(func(context.Context, *invoke.Event) error {
			<-stuck
			return nil
		})
		w.put(0, 1)
		a := w.start(cfg)
		pass(10 * time.Second)
		b := w.config()
		b.Store = &view{sharedStore: store}
		other := w.start(b)
		pass(10 * time.Second)
		began := time.Now()
		require.ErrorIs(t, a.stop(), mapping.ErrStillRunning)
		pass(8*time.Second - time.Since(began))
		assert.Empty(t, w.delivered(), "its lease has not expired")
		pass(15 * time.Second)
		assert.Equal(t, numbers(0, 1), w.delivered())
		close(stuck)
		require.NoError(t, other.stop())
	})
}

func TestSlowListingHoldsUpNoHeartbeat(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		p, err := poller.New(poller.Config{Client: w.service.Client(), StreamARN: streamARN})
		require.NoError(t, err)
		cfg := w.config()
		cfg.Store, cfg.Client, cfg.Source = &view{sharedStore: newSharedStore()}, nil, slowList{p, 30 * time.Second}
		r := w.start(cfg)
		for i := range 10 {
			w.put(i, 1)
			pass(30 * time.Second)
		}
		_, _, err = w.stream.Split(shardID(0))
		require.NoError(t, err)
		for i := range 10 {
			w.put(10+i, 1)
			pass(30 * time.Second)
		}
		assert.NotContains(t, w.logs.String(), "this worker was not heard for too long")
		assert.Equal(t, numbers(0, 20), w.delivered())
		require.NoError(t, r.stop())
	})
}

func TestTableThatCannotBeReachedShowsInStatusAndLog(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		v := &view{sharedStore: newSharedStore()}
		cfg := w.config()
		cfg.Store = v
		r := w.start(cfg)
		pass(10 * time.Second)
		v.cut.Store(true)
		pass(5 * time.Second)
		assert.Contains(t, r.Status().Problem, "the table does not answer")
		assert.NotContains(t, r.Status().LastProcessingResult, "PROBLEM", "which is about the stream and the function")
		assert.Contains(t, w.logs.String(), "a call of the fleet's table fails")
		pass(time.Minute)
		assert.Contains(t, r.Status().Problem, "the table does not answer")
		v.cut.Store(false)
		pass(30 * time.Second)
		assert.Empty(t, r.Status().Problem)
		assert.Contains(t, w.logs.String(), "the fleet's table answers again")
		require.NoError(t, r.stop())
	})
}

// stuckTable holds up the goroutine of its worker, as a process that is suspended is held up.
type stuckTable struct {
	*tableView
	stick      atomic.Bool // at the next listing
	held, free chan struct{}
}

func (s *stuckTable) Listed([]mapping.FleetShard) {
	if s.stick.CompareAndSwap(true, false) {
		close(s.held)
		<-s.free
	}
}

// stuckView has a stuckTable.
type stuckView struct {
	*view
	table *stuckTable
}

func (s *stuckView) Fleet(string) mapping.FleetTable { return s.table }

func TestFenceIsLookedAtRightBeforeTheFunctionIsCalled(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		v := &view{sharedStore: newSharedStore()}
		table := &stuckTable{tableView: (*tableView)(v), held: make(chan struct{}), free: make(chan struct{})}
		cfg := w.config()
		cfg.Store, cfg.ShardRefreshInterval = &stuckView{v, table}, 15*time.Second
		suspended, calls := false, 0
		cfg.Observer.Invoking = func(mapping.Invoking) {
			if suspended = calls == 0 && !suspended; suspended {
				time.Sleep(30 * time.Second) // between the loop's look at the fence and the call
			}
		}
		var called []time.Time
		cfg.Function = invoke.Func(func(context.Context, *invoke.Event) error {
			calls++
			called = append(called, time.Now())
			return nil
		})
		r := w.start(cfg)
		pass(10 * time.Second)
		table.stick.Store(true)
		<-table.held
		w.put(0, 1)
		pass(time.Minute)
		assert.Empty(t, called, "its lease ended by itself before the call")
		woke := time.Now()
		close(table.free)
		pass(30 * time.Second)
		require.Len(t, called, 1)
		assert.False(t, called[0].Before(woke))
		require.NoError(t, r.stop())
	})
}

func TestStopOfAWorkerThatCannotReachTheTableEnds(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		c := newCrew(w)
		a := c.join("a")
		pass(10 * time.Second)
		a.view.cut.Store(true)
		began := time.Now()
		assert.NoError(t, a.stop())
		assert.LessOrEqual(t, time.Since(began), time.Minute)
	})
}

func TestStatusOfAWorkerShowsTheShardsOfOthersAndThoseThatWait(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		c, hold := newCrew(w), make(chan struct{})
		join := func() *running {
			cfg := c.config()
			cfg.Store = &view{sharedStore: c.store}
			cfg.Function = invoke.Func(func(context.Context, *invoke.Event) error {
				<-hold
				return nil
			})
			return c.start(cfg)
		}
		a, b := join(), join()
		pass(20 * time.Second)
		w.put(0, 100)
		for _, shard := range w.stream.Shards() {
			_, _, err := w.stream.Split(*shard.ShardId)
			require.NoError(t, err)
		}
		pass(2 * time.Minute)
		owners, others := map[string]string{}, map[string]string{}
		waiting := 0
		for _, r := range []*running{a, b} {
			status := r.Status()
			require.Len(t, status.Shards, 6)
			for i, s := range status.Shards {
				switch {
				case i >= 2:
					assert.Empty(t, s.Owner)
					assert.Regexp(t, "^waiting for its parents to be wholly processed: shardId-00000000000[01]$", s.Waiting)
					waiting++
				case s.InFlight > 0:
					owners[s.ShardID] = s.Owner
				default:
					assert.Equal(t, "processed by another worker of the fleet: "+s.Owner, s.Waiting)
					others[s.ShardID] = s.Owner
				}
			}
		}
		assert.Len(t, owners, 2)
		assert.Equal(t, owners, others)
		assert.Equal(t, 8, waiting)
		close(hold)
		pass(time.Minute)
		assert.Len(t, a.Status().Shards, 4, "those that are wholly processed are not shown")
		require.NoError(t, a.stop())
		require.NoError(t, b.stop())
	})
}
