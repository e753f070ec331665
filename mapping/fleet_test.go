package mapping_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller"
)

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
		assert.Contains(t, w.logs.String(), "this worker was out of touch for too long")
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
		cfg.Store, cfg.FailoverTime = &view{sharedStore: store}, time.Minute
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
		assert.Equal(t, []string{shardID(0)}, store.deleted)
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
		assert.NotContains(t, w.logs.String(), "this worker was out of touch for too long")
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

func (s *stuckTable) Listed([]driver.FleetShard) {
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

func (s *stuckView) Fleet(string) driver.FleetTable { return s.table }

func TestFenceIsLookedAtRightBeforeTheFunctionIsCalled(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		v := &view{sharedStore: newSharedStore()}
		table := &stuckTable{tableView: (*tableView)(v), held: make(chan struct{}), free: make(chan struct{})}
		cfg := w.config()
		cfg.Store, cfg.ShardRefreshInterval = &stuckView{v, table}, 15*time.Second
		suspended, calls := false, 0
		cfg.Observer.Invoking = func(observe.Invoking) {
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
					assert.Regexp(t, "^waiting for its parents to be complete: shardId-00000000000[01]$", s.Waiting)
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

// TestWorkersWithDifferentFailoverTimesShareTheirShards has workers of which each one's heartbeats are slower than the shortest
// failover time.
func TestWorkersWithDifferentFailoverTimesShareTheirShards(t *testing.T) {
	inWorld(t, 9, func(t *testing.T, w *world) {
		c := newCrew(w)
		of := func(d time.Duration) func(*mapping.Config) {
			return func(cfg *mapping.Config) { cfg.FailoverTime, cfg.Read.PollInterval = d, 10*time.Second }
		}
		a, b, d := c.joinWith("a", of(time.Second)), c.joinWith("b", of(10*time.Second)), c.joinWith("d", of(time.Minute))
		pass(2 * time.Minute)
		w.put(0, 300)
		pass(time.Minute)
		assert.Equal(t, map[string]int{"a": 3, "b": 3, "d": 3}, c.shards())
		pass(10 * time.Minute)
		w.put(300, 300)
		pass(time.Minute)
		assert.Equal(t, map[string]int{"a": 3, "b": 3, "d": 3}, c.shards())
		assert.Empty(t, w.logs.lines(`"this worker was out of touch for too long`))
		assert.Empty(t, w.logs.lines(`"a worker of the fleet is silent`))
		assert.Len(t, w.logs.lines(`"the workers of the fleet have different failover times`), 3, "one of each worker")
		for _, r := range []*crewman{d, b, a} {
			require.NoError(t, r.stop())
			pass(time.Minute)
		}
		n, twice := c.all()
		assert.Equal(t, 600, n)
		assert.Zero(t, twice)
		c.inOrder()
	})
}

// TestASilentWorkerIsClosedAfterTheLongestFailoverTime cuts off a worker whose own is short.
func TestASilentWorkerIsClosedAfterTheLongestFailoverTime(t *testing.T) {
	inWorld(t, 6, func(t *testing.T, w *world) {
		c := newCrew(w)
		a, d := c.join("a"), c.join("d")
		b := c.joinWith("b", func(cfg *mapping.Config) { cfg.FailoverTime = time.Minute })
		pass(2 * time.Minute)
		a.view.cut.Store(true)
		pass(50 * time.Second)
		w.put(0, 100)
		pass(4 * time.Second)
		assert.Equal(t, map[string]int{"b": 2, "d": 2}, c.shards(), "the cut off worker has fenced itself")
		pass(30 * time.Second)
		c.shards()
		w.put(100, 100)
		pass(5 * time.Second)
		assert.Equal(t, map[string]int{"b": 3, "d": 3}, c.shards())
		_ = a.stop()
		require.NoError(t, d.stop())
		require.NoError(t, b.stop())
		n, _ := c.all()
		assert.Equal(t, 200, n)
		c.inOrder()
	})
}

func TestWorkersOfOneFailoverTimeAreNotWarnedAbout(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		c := newCrew(w)
		a := c.join("a")
		b := c.joinWith("b", func(cfg *mapping.Config) { cfg.FailoverTime = 10 * time.Second })
		pass(time.Minute)
		assert.NotContains(t, w.logs.String(), "different failover times")
		require.NoError(t, a.stop())
		require.NoError(t, b.stop())
	})
}
