package mapping_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller"
)

// TestBudgetBoundsAllShardsAndStuckOnesStopNoOther has shards whose function fails for ever, with more to read than the Budget
// holds, and one beside them that goes on.
func TestBudgetBoundsAllShardsAndStuckOnesStopNoOther(t *testing.T) {
	inWorld(t, 4, func(t *testing.T, w *world) {
		const records, size = 40, 1 << 20 // 40 MiB a shard
		shards := w.stream.Shards()
		for _, shard := range shards {
			for range records {
				_, err := w.stream.PutTo(*shard.ShardId, "k", make([]byte, size-100))
				require.NoError(t, err)
			}
		}
		budget, err := poller.NewBudget(64 << 20)
		require.NoError(t, err)
		cfg := w.config()
		cfg.Budget, cfg.BatchSize = budget, 4
		var good atomic.Int64
		free := *shards[3].ShardId
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			if e.Origin.ShardID != free {
				return errors.New("stuck")
			}
			good.Add(int64(e.Len()))
			return nil
		})
		var mu sync.Mutex
		most := int64(0)
		cfg.Observer.Polled = func(observe.Polled) {
			mu.Lock()
			defer mu.Unlock()
			n, _ := budget.Used()
			most = max(most, n)
		}
		r := w.start(cfg)
		pass(5 * time.Minute)
		assert.EqualValues(t, records, good.Load())
		assert.LessOrEqual(t, most, int64(64<<20)+10<<20, "a page may go beyond it")
		n, _ := budget.Used()
		assert.Greater(t, n, int64(40<<20), "the stuck ones hold what they have read")
		require.NoError(t, r.stop())
		n, _ = budget.Used()
		assert.Zero(t, n)
	})
}

// backlog puts records of a size into each shard.
func (w *world) backlog(records, size int) {
	w.t.Helper()
	data := make([]byte, size)
	for _, shard := range w.stream.Shards() {
		for i := range records {
			_, err := w.stream.PutTo(*shard.ShardId, fmt.Sprint(i), data)
			require.NoError(w.t, err)
		}
	}
}

// shared returns a Budget of the least size.
func shared(t *testing.T) *poller.Budget {
	t.Helper()
	b, err := poller.NewBudget(40 << 20)
	require.NoError(t, err)
	return b
}

// counter is a function that counts records.
func counter(n *atomic.Int64) invoke.Func {
	return func(_ context.Context, e *invoke.Event) error {
		n.Add(int64(e.Len()))
		return nil
	}
}

// TestAReaderThatWaitsForTheBudgetEndsBatchingWindows has shards whose backlog fits no batch, and is twice the Budget.
func TestAReaderThatWaitsForTheBudgetEndsBatchingWindows(t *testing.T) {
	for _, lanes := range []int{1, 3} {
		inWorld(t, 20, func(t *testing.T, w *world) {
			w.backlog(40, 100_000)
			cfg := w.config()
			cfg.Budget = shared(t)
			cfg.BatchSize, cfg.MaximumBatchingWindow, cfg.ParallelizationFactor = 100, 5*time.Minute, lanes
			var n atomic.Int64
			cfg.Function = counter(&n)
			r := w.start(cfg)
			pass(time.Minute)
			assert.EqualValues(t, 20*40, n.Load(), "lanes: %d", lanes)
			require.NoError(t, r.stop())
		})
	}
}

// TestAReaderOfOneMappingEndsTheWindowsOfAnother has one mapping gather what is most of the Budget, and another one, of
// another stream, that needs it.
func TestAReaderOfOneMappingEndsTheWindowsOfAnother(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		w.backlog(8, 1<<20-1000)
		budget := shared(t)
		gathers := w.config()
		gathers.Budget, gathers.BatchSize, gathers.MaximumBatchingWindow = budget, 1000, 5*time.Minute
		gathers.PayloadLimit = 1 << 30
		var gathered, needed atomic.Int64
		gathers.Function = counter(&gathered)
		first := w.start(gathers)
		pass(time.Minute)
		held, _ := budget.Used()
		require.GreaterOrEqual(t, held, int64(16<<20)-16_000)
		require.Zero(t, gathered.Load(), "there is room for the largest page")

		needs := w.config()
		needs.FunctionName, needs.Budget = "needs-orders", budget
		needs.Function = invoke.Func(func(ctx context.Context, e *invoke.Event) error {
			time.Sleep(10 * time.Second)
			return counter(&needed)(ctx, e)
		})
		second := w.start(needs)
		pass(2 * time.Minute)
		assert.EqualValues(t, 16, gathered.Load())
		assert.EqualValues(t, 16, needed.Load())
		require.NoError(t, first.stop())
		require.NoError(t, second.stop())
	})
}

// TestWindowsLastWhereNothingWaitsForTheBudget: a shard within its part of the Budget gathers on, though others hold the
// rest, and so does every shard while there is room.
func TestWindowsLastWhereNothingWaitsForTheBudget(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		_, err := w.stream.PutTo(*w.stream.Shards()[0].ShardId, "k", []byte("light"))
		require.NoError(t, err)
		for range 60 {
			_, err := w.stream.PutTo(*w.stream.Shards()[1].ShardId, "k", make([]byte, 1<<20-1000))
			require.NoError(t, err)
		}
		cfg := w.config()
		cfg.Budget = shared(t)
		cfg.BufferBytes, cfg.PayloadLimit = 64<<20, 1<<30
		cfg.BatchSize, cfg.MaximumBatchingWindow = 1000, 5*time.Minute
		var light atomic.Int64
		began := time.Now()
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			for r := range e.Records() {
				if string(r.Data) == "light" {
					light.Store(int64(time.Since(began)))
					return nil
				}
			}
			return errors.New("stuck")
		})
		r := w.start(cfg)
		pass(4 * time.Minute)
		assert.Zero(t, light.Load())
		pass(2 * time.Minute)
		assert.InDelta(t, float64(5*time.Minute), float64(light.Load()), float64(time.Second))
		require.NoError(t, r.stop())
	})
}

// TestATumblingWindowStaysOpenWhereTheBudgetIsShort: only its batches do not wait.
func TestATumblingWindowStaysOpenWhereTheBudgetIsShort(t *testing.T) {
	inWorld(t, 20, func(t *testing.T, w *world) {
		w.backlog(40, 100_000)
		cfg := w.config()
		cfg.Budget = shared(t)
		cfg.BatchSize, cfg.MaximumBatchingWindow, cfg.TumblingWindow = 100, 5*time.Minute, 15*time.Minute
		var n, finals atomic.Int64
		cfg.Function = invoke.ResponseFunc(func(_ context.Context, e *invoke.Event) (*invoke.Response, error) {
			n.Add(int64(e.Len()))
			if e.Window.Final {
				finals.Add(1)
			}
			return &invoke.Response{State: []byte(`{}`)}, nil
		})
		r := w.start(cfg)
		pass(time.Minute)
		assert.EqualValues(t, 20*40, n.Load())
		assert.Zero(t, finals.Load())
		require.NoError(t, r.stop())
	})
}

// TestStatusSaysThatAShardWaitsForTheBudget has shards whose function hangs, or fails, and holds the Budget: there is
// nothing that could end.
func TestStatusSaysThatAShardWaitsForTheBudget(t *testing.T) {
	inWorld(t, 12, func(t *testing.T, w *world) {
		w.backlog(40, 1<<20-1000)
		cfg := w.config()
		cfg.Budget = shared(t)
		cfg.BatchSize, cfg.MaximumBatchingWindow = 4, 5*time.Minute
		cfg.Function = invoke.Func(func(ctx context.Context, e *invoke.Event) error {
			if e.Origin.ShardID == "shardId-000000000000" {
				return errors.New("no")
			}
			<-ctx.Done()
			return ctx.Err()
		})
		cfg.DrainTimeout = -1
		r := w.start(cfg)
		pass(2 * time.Minute)
		waiting := 0
		for _, s := range r.Status().Shards {
			if s.ShardID == "shardId-000000000000" {
				assert.Contains(t, s.Waiting, "retrying after")
				continue
			}
			if strings.HasPrefix(s.Waiting, "waiting for the Budget: ") {
				waiting++
				assert.Regexp(t, `: [34]\d\.\d of 40\.0 MiB are in use, 1\d\.\d of them by shardId-0000000000\d\d of ship-orders, since 2000-01-01T00:00:0`, s.Waiting)
			}
		}
		assert.GreaterOrEqual(t, waiting, 11)
		_ = r.stop()
	})
}
