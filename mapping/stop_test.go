package mapping_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
)

// slow returns a function that takes d, or until its ctx is done.
func (w *world) slow(d time.Duration) invoke.Func {
	return func(ctx context.Context, e *invoke.Event) error {
		select {
		case <-time.After(d):
			w.see(e)
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// stored returns the position that a restart would go on from.
func (w *world) stored() batch.Position {
	p, err := w.store.Progress(context.WithoutCancel(w.t.Context()), storeName)
	require.NoError(w.t, err)
	return p["shardId-000000000000"].Position
}

func TestStopLetsRunningInvocationsEndAndStartsNoOthers(t *testing.T) {
	fedSupervised(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.BatchSize = 2
		cfg.Function = w.slow(20 * time.Second)
		r := w.start(cfg)
		pages <- page(1, 10)
		pass(time.Second)
		began := time.Now()
		require.NoError(t, r.stop())
		assert.Equal(t, 19*time.Second, time.Since(began))
		assert.Equal(t, numbers(1, 2), w.delivered())
		assert.Equal(t, "2", w.stored().SequenceNumber)
		assert.False(t, r.Status().Running)
	})
}

func TestStopCancelsInvocationsAfterTheDrainTimeout(t *testing.T) {
	fedSupervised(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.DrainTimeout = 10 * time.Second
		cfg.Function = w.slow(time.Hour)
		r := w.start(cfg)
		pages <- page(1, 10)
		synctest.Wait()
		began := time.Now()
		require.ErrorIs(t, r.stop(), mapping.ErrDrainTimeout)
		assert.Equal(t, 10*time.Second, time.Since(began))
		assert.True(t, w.stored().IsZero(), "what was cut short comes again")
		assert.True(t, w.isFree(), "the lease was released")
	})
}

func TestStopNamesTheFunctionThatIgnoresItsContextAndKeepsItsLease(t *testing.T) {
	fedSupervised(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		release := make(chan struct{})
		defer close(release)
		cfg.DrainTimeout = 10 * time.Second
		cfg.Function = invoke.Func(func(context.Context, *invoke.Event) error {
			<-release
			return nil
		})
		request := ""
		cfg.Observer.Invoking = func(e observe.Invoking) { request = e.RequestID }
		r := w.start(cfg)
		pages <- page(1, 10)
		synctest.Wait()
		began := time.Now()
		err := r.stop()
		require.ErrorIs(t, err, mapping.ErrStillRunning)
		assert.ErrorContains(t, err, request)
		assert.Equal(t, 15*time.Second, time.Since(began))
		assert.False(t, w.isFree())
	})
}

func TestStopDuringABackOffIsAtOnce(t *testing.T) {
	fedSupervised(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.Function = invoke.Func(func(context.Context, *invoke.Event) error { return assert.AnError })
		r := w.start(cfg)
		pages <- page(1, 10)
		pass(30 * time.Second)
		began := time.Now()
		require.NoError(t, r.stop())
		assert.LessOrEqual(t, time.Since(began), 2*time.Millisecond, "a worker of a fleet leaves it first")
		assert.True(t, w.stored().IsZero())
	})
}

func TestRunTwiceAtOnceIsRefusedAndOneAfterTheOtherIsNot(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		r := w.start(cfg)
		pages <- page(1, 1)
		synctest.Wait()
		require.ErrorIs(t, r.Run(t.Context()), mapping.ErrRunning)
		require.NoError(t, r.stop())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.NoError(t, r.Run(ctx))
	})
}

func TestCancelledInvocationDoesNotCountWhateverItReturns(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.MaximumRetryAttempts = new(0)
		cfg.Function = invoke.Func(func(ctx context.Context, _ *invoke.Event) error {
			<-ctx.Done()
			return errors.New("aborted")
		})
		r := w.start(cfg)
		pages <- page(1, 10)
		synctest.Wait()
		require.ErrorIs(t, r.stop(), mapping.ErrDrainTimeout)
	})
}

func TestLeaseOfAFunctionThatStillRanIsReleasedWhenItReturns(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		release := make(chan struct{})
		first := true
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			if first {
				first = false
				<-release
			}
			w.see(e)
			return nil
		})
		r := w.start(cfg)
		pages <- page(1, 10)
		synctest.Wait()
		require.ErrorIs(t, r.stop(), mapping.ErrStillRunning)
		close(release)
		pass(time.Minute)
		r = w.start(cfg)
		pass(time.Hour)
		assert.Empty(t, r.Status().Shards[0].Waiting)
		require.NoError(t, r.stop())
	})
}
