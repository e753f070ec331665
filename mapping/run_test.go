package mapping_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

func TestRunDeliversWhatIsThereAndWhatComes(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 250)
		r := w.start(w.config())
		synctest.Wait()
		assert.Equal(t, numbers(0, 250), w.delivered(), "what was there is delivered with the first poll")
		w.put(250, 1)
		pass(1100 * time.Millisecond)
		synctest.Wait()
		assert.Equal(t, numbers(0, 251), w.delivered(), "what comes is delivered with the next poll")
		require.NoError(t, r.stop())
	})
}

func TestSurplusIsInvokedBackToBackBetweenTwoPolls(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 1000)
		cfg := w.config()
		cfg.BatchSize = 10
		var polls, invocations atomic.Int64
		cfg.Observer.Polled = func(observe.Polled) { polls.Add(1) }
		cfg.Observer.Invoked = func(observe.Invoked) { invocations.Add(1) }
		r := w.start(cfg)
		synctest.Wait()
		assert.EqualValues(t, 100, invocations.Load())
		assert.EqualValues(t, 1, polls.Load())
		require.NoError(t, r.stop())
	})
}

func TestPollsGoOnWhileTheFunctionRuns(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 1)
		cfg := w.config()
		var polls atomic.Int64
		cfg.Observer.Polled = func(observe.Polled) { polls.Add(1) }
		cfg.Function = invoke.Func(func(ctx context.Context, _ *invoke.Event) error {
			<-ctx.Done()
			return ctx.Err()
		})
		cfg.DrainTimeout = -1
		r := w.start(cfg)
		pass(10*time.Second + 500*time.Millisecond)
		synctest.Wait()
		assert.EqualValues(t, 11, polls.Load(), "one at the start and one a second")
		s := r.Status()
		require.Len(t, s.Shards, 1)
		assert.Contains(t, s.Shards[0].Waiting, "function running since ")
		assert.Equal(t, 1, s.Shards[0].InFlight)
		require.ErrorIs(t, r.stop(), mapping.ErrDrainTimeout)
	})
}

func TestNothingIsReadWithoutRoom(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 100)
		cfg := w.config()
		cfg.BufferBytes = 1 << 10
		release := make(chan struct{})
		var polls atomic.Int64
		cfg.Observer.Polled = func(observe.Polled) { polls.Add(1) }
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			<-release
			w.see(e)
			return nil
		})
		r := w.start(cfg)
		pass(time.Minute)
		synctest.Wait()
		assert.EqualValues(t, 1, polls.Load())
		assert.Contains(t, r.Status().Shards[0].Waiting, "no room to read because of lane 0: function running since ")
		close(release)
		pass(2 * time.Second)
		assert.Equal(t, numbers(0, 100), w.delivered())
		assert.Greater(t, polls.Load(), int64(1))
		require.NoError(t, r.stop())
	})
}

func TestRestartGoesOnBehindTheStoredPosition(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 300)
		r := w.start(w.config())
		synctest.Wait()
		require.NoError(t, r.stop())
		w.put(300, 5)
		r = w.start(w.config())
		synctest.Wait()
		assert.Equal(t, numbers(0, 305), w.delivered(), "each record once")
		require.NoError(t, r.stop())
	})
}

func TestFailedBatchIsRetriedUntilItSucceedsAndHoldsBackTheNext(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 4)
		cfg := w.config()
		cfg.BatchSize = 2
		ids := map[string]int{}
		cfg.Observer.Invoking = func(e observe.Invoking) { ids[e.RequestID]++ }
		var tries atomic.Int64
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			w.see(e)
			if tries.Add(1) < 4 {
				return errors.New("not yet")
			}
			return nil
		})
		r := w.start(cfg)
		pass(150 * time.Millisecond)
		synctest.Wait()
		assert.EqualValues(t, 1, tries.Load())
		assert.Equal(t, "PROBLEM: Function call failed", r.Status().LastProcessingResult)
		assert.Contains(t, r.Status().Shards[0].Waiting, "retrying after 1 failures (function-error)")
		pass(3 * time.Second)
		assert.Equal(t, []string{"0000", "0001", "0000", "0001", "0000", "0001", "0000", "0001", "0002", "0003"}, w.delivered())
		assert.Len(t, ids, 2, "an unchanged retry keeps its request ID")
		assert.Equal(t, "OK", r.Status().LastProcessingResult)
		require.NoError(t, r.stop())
	})
}

func TestPanicIsAFunctionError(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 1)
		cfg := w.config()
		calls := 0
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			if calls++; calls == 1 {
				panic("boom")
			}
			w.see(e)
			return nil
		})
		r := w.start(cfg)
		pass(time.Second)
		assert.Equal(t, numbers(0, 1), w.delivered())
		assert.Contains(t, w.logs.String(), "boom")
		assert.Contains(t, w.logs.String(), "run_test.go", "the stack is in the log")
		require.NoError(t, r.stop())
	})
}

func TestBatchingWindowGathersAndItsClockRestartsAtTheInvocationsEnd(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.BatchSize = 2
		cfg.MaximumBatchingWindow = 5 * time.Second
		var at []time.Duration
		start := time.Now()
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			at = append(at, time.Since(start))
			w.see(e)
			return nil
		})
		w.put(0, 5)
		r := w.start(cfg)
		pass(6 * time.Second)
		assert.Equal(t, []time.Duration{0, 0, 5 * time.Second}, at)
		assert.Equal(t, numbers(0, 5), w.delivered())
		require.NoError(t, r.stop())
	})
}

func TestLatestIsAnchoredOnceBeforeAnyShardIsOpened(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 3)
		pass(3 * time.Second)
		cfg := w.config()
		cfg.StartingPosition = mapping.Latest
		w.service.Throttle(kinesistest.GetRecords, 1000) // so that nothing is read before the stop
		r := w.start(cfg)
		pass(100 * time.Millisecond)
		w.put(3, 2)
		require.NoError(t, r.stop())
		pass(time.Hour)
		w.service.ClearFaults()
		r = w.start(cfg)
		pass(5 * time.Second)
		assert.Equal(t, numbers(3, 2), w.delivered(), "what came after the first start, though nothing was read then")
		require.NoError(t, r.stop())
	})
}

func TestChildrenWaitUntilTheirParentIsResolved(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 10)
		cfg := w.config()
		hold := make(chan struct{})
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			if e.Origin.ShardID == "shardId-000000000000" {
				<-hold
			}
			w.see(e)
			return nil
		})
		r := w.start(cfg)
		synctest.Wait()
		_, _, err := w.stream.Split("shardId-000000000000")
		require.NoError(t, err)
		w.put(10, 10)
		pass(time.Minute)
		assert.Empty(t, w.delivered())
		s := r.Status()
		require.Len(t, s.Shards, 3)
		assert.Equal(t, "waiting for its parents to be complete: shardId-000000000000", s.Shards[1].Waiting)
		close(hold)
		pass(5 * time.Second)
		assert.ElementsMatch(t, numbers(0, 20), w.delivered())
		assert.Equal(t, numbers(0, 10), w.delivered()[:10])
		assert.Len(t, r.Status().Shards, 2, "the parent is finished")
		require.NoError(t, r.stop())
	})
}

func TestShardThatEndsEmptyIsFinished(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		close(pages)
		ended := make(chan observe.ShardClosed, 1)
		cfg.Observer.ShardClosed = func(e observe.ShardClosed) { ended <- e }
		r := w.start(cfg)
		assert.True(t, (<-ended).End)
		require.NoError(t, r.stop())
		p, err := w.store.Progress(t.Context(), storeName)
		require.NoError(t, err)
		assert.True(t, p["shardId-000000000000"].End)
	})
}

func TestFunctionThatEndsItsGoroutineIsAFunctionErrorAndTheLaneGoesOn(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 4)
		cfg := w.config()
		cfg.BatchSize = 2
		calls := 0
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			if calls++; calls == 1 {
				runtime.Goexit()
			}
			w.see(e)
			return nil
		})
		r := w.start(cfg)
		pass(time.Second)
		assert.Equal(t, numbers(0, 4), w.delivered())
		require.NoError(t, r.stop())
	})
}
