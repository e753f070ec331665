package mapping_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/observe"
)

// pairs keeps the invocations that an Observer saw begin and end, by request ID and attempt.
type pairs struct {
	mu    sync.Mutex
	open  map[string]int
	ended []observe.Invoked
}

func (p *pairs) observe(o *observe.Observer) {
	p.open = map[string]int{}
	o.Invoking = func(e observe.Invoking) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.open[e.RequestID]++
	}
	o.Invoked = func(e observe.Invoked) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.open[e.RequestID]--; p.open[e.RequestID] == 0 {
			delete(p.open, e.RequestID)
		}
		p.ended = append(p.ended, e)
	}
}

func TestEachInvokingHasItsInvokedAfterAStop(t *testing.T) {
	for name, c := range map[string]struct {
		function invoke.Func
		want     error
		err      error // of Invoked
	}{
		"cut short": {func(ctx context.Context, _ *invoke.Event) error {
			<-ctx.Done()
			return ctx.Err()
		}, mapping.ErrDrainTimeout, context.Canceled},
		"still running": {func(context.Context, *invoke.Event) error {
			time.Sleep(time.Hour)
			return nil
		}, mapping.ErrStillRunning, mapping.ErrStillRunning},
	} {
		t.Run(name, func(t *testing.T) {
			fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
				var p pairs
				p.observe(&cfg.Observer)
				cfg.Function, cfg.DrainTimeout = c.function, time.Second
				r := w.start(cfg)
				pages <- page(1, 3)
				synctest.Wait()
				require.ErrorIs(t, r.stop(), c.want)
				assert.Empty(t, p.open)
				require.Len(t, p.ended, 1)
				assert.Equal(t, batch.Ignored, p.ended[0].Step)
				assert.ErrorIs(t, p.ended[0].Err, c.err)
				assert.Zero(t, r.Status().Counts.Invocations, "what a stop cut short does not count")
				pass(2 * time.Hour)
				assert.Len(t, p.ended, 1, "it is reported once")
			})
		})
	}
}

func TestEachInvokingHasItsInvokedAfterItsLeaseWasLost(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		var p pairs
		p.observe(&cfg.Observer)
		var once sync.Once
		cfg.Store = &hooked{Store: w.store, commit: func() (err error) {
			once.Do(func() {
				time.Sleep(time.Second)
				err = driver.ErrLeaseLost
			})
			return err
		}}
		cfg.BatchSize, cfg.Function = 1, w.slow(2*time.Second)
		r := w.start(cfg)
		pages <- page(1, 2)
		pass(time.Minute)
		require.NoError(t, r.stop())
		assert.Empty(t, p.open)
		require.Len(t, p.ended, 2)
		assert.Equal(t, []batch.Step{batch.Resolved, batch.Ignored}, []batch.Step{p.ended[0].Step, p.ended[1].Step})
	})
}

func TestInvocationsThatNeverRanAreNotCounted(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		answers := []error{invoke.ErrNotRun, invoke.ErrTooLarge, errors.New("it ran and failed"), nil}
		calls := 0
		cfg.Function = invoke.Func(func(context.Context, *invoke.Event) error {
			calls++
			return answers[calls-1]
		})
		r := w.start(cfg)
		pages <- page(1, 3)
		pass(time.Minute)
		require.NoError(t, r.stop())
		require.Equal(t, 4, calls)
		counts := r.Status().Counts
		assert.Equal(t, []int64{2, 9, 6}, []int64{counts.Invocations, counts.Invoked, counts.Failed})
	})
}

func TestADestinationThatEndsItsGoroutineIsTriedAgainWhereItBlocks(t *testing.T) {
	for name, end := range map[string]func(){"Goexit": runtime.Goexit, "panic": func() { panic("a bug") }} {
		t.Run(name, func(t *testing.T) {
			fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
				tries := 0
				cfg.MaximumRetryAttempts = new(0)
				cfg.Function = invoke.Func(func(context.Context, *invoke.Event) error { return assert.AnError })
				cfg.DestinationConfig.OnFailure = mapping.OnFailure{Block: true, Target: invoke.DestinationFunc(func(context.Context, *invoke.Failure) error {
					if tries++; tries < 3 {
						end()
					}
					return nil
				})}
				r := w.start(cfg)
				pages <- page(1, 3)
				pass(time.Minute)
				require.NoError(t, r.stop())
				assert.Equal(t, 3, tries)
				counts := r.Status().Counts
				assert.Equal(t, []int64{3, 0}, []int64{counts.Delivered, counts.Dropped})
			})
		})
	}
}

// unreleasing is a Store that refuses to release leases for a while.
type unreleasing struct {
	driver.Store
	refusals int
}

func (u *unreleasing) Release(ctx context.Context, lease driver.Lease) error {
	if u.refusals > 0 {
		u.refusals--
		return errors.New("the store is down")
	}
	return u.Store.Release(ctx, lease)
}

func TestAReleaseThatFailsIsRetriedAndDoesNotStallTheNextRun(t *testing.T) {
	for name, refusals := range map[string]int{"once": 1, "for longer than a stop waits": 100} {
		t.Run(name, func(t *testing.T) {
			fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
				store := &unreleasing{Store: w.store, refusals: refusals}
				cfg.Store = store
				r := w.start(cfg)
				pages <- page(1, 1)
				synctest.Wait()
				began := time.Now()
				require.NoError(t, r.stop())
				assert.LessOrEqual(t, time.Since(began), 5*time.Second)
				store.refusals = 0
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				done := make(chan error, 1)
				go func() { done <- r.Run(ctx) }()
				pages <- page(2, 1)
				require.NoError(t, <-done)
				assert.Equal(t, numbers(1, 2), w.delivered())
			})
		})
	}
}
