package mapping_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
)

// hooked is a Store whose commits a test decides about, and which keeps the order of what it was asked.
type hooked struct {
	driver.Store
	commit func() error // before each commit; its error is that of the commit

	mu    sync.Mutex
	calls []string
}

func (h *hooked) note(call string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, call)
}

func (h *hooked) noted() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.calls)
}

func (h *hooked) Commit(ctx context.Context, lease driver.Lease, p driver.Progress) error {
	if h.commit != nil {
		if err := h.commit(); err != nil {
			if errors.Is(err, driver.ErrLeaseLost) {
				err = errors.Join(err, h.Store.Release(ctx, lease))
			}
			return err
		}
	}
	err := h.Store.Commit(ctx, lease, p)
	if err == nil {
		h.note("commit " + p.Position.String())
	}
	return err
}

func (h *hooked) Release(ctx context.Context, lease driver.Lease) error {
	h.note("release")
	return h.Store.Release(ctx, lease)
}

// stubborn is a function that ignores its ctx, and that counts how many of its invocations run at the same time.
type stubborn struct {
	d time.Duration

	mu            sync.Mutex
	running, most int
	calls         int
}

func (s *stubborn) Invoke(context.Context, *invoke.Event) error {
	s.mu.Lock()
	s.calls++
	s.running++
	s.most = max(s.most, s.running)
	s.mu.Unlock()
	time.Sleep(s.d)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	return nil
}

func (s *stubborn) counts() (running, most, calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running, s.most, s.calls
}

func TestAShardWhoseLeaseWasLostIsNotTakenAgainBeforeItsStragglersEnd(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		var once sync.Once
		f := &stubborn{d: time.Minute}
		cfg.Function, cfg.BatchSize = invoke.Func(f.Invoke), 1
		cfg.Store = &hooked{Store: w.store, commit: func() (err error) {
			once.Do(func() {
				time.Sleep(10 * time.Second)
				err = driver.ErrLeaseLost
			})
			return err
		}}
		r := w.start(cfg)
		pages <- page(1, 3)
		pass(80 * time.Second) // the first invocation ended at 60 s, and its commit found the lease lost at 70 s
		require.Len(t, r.Status().Shards, 1)
		assert.Contains(t, r.Status().Shards[0].Waiting, "ignored the loss of the shard's lease")
		pass(39 * time.Second)
		running, _, calls := f.counts()
		assert.Equal(t, []int{1, 2}, []int{running, calls}, "the second invocation ignores the loss")
		pass(10 * time.Second) // it has ended at 120 s
		pages <- page(2, 2)
		pass(5 * time.Minute)
		running, most, calls := f.counts()
		assert.Equal(t, []int{0, 1, 4}, []int{running, most, calls}, "the shard was taken again when the straggler had ended")
		require.NoError(t, r.stop())
	})
}

func TestRunReportsAFunctionThatStillRunsAfterItsLeaseWasLost(t *testing.T) {
	for name, fleet := range map[string]bool{"one process": false, "fleet": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 1, func(t *testing.T, w *world) {
				stuck := make(chan struct{})
				defer close(stuck)
				w.put(0, 3)
				cfg := w.config()
				cfg.BatchSize, cfg.DrainTimeout = 1, time.Second
				cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
					w.see(e)
					if len(w.delivered()) == 2 {
						<-stuck
					}
					return nil
				})
				v := &view{sharedStore: newSharedStore()}
				cfg.Store = &hooked{Store: w.store, commit: func() error { return driver.ErrLeaseLost }}
				if fleet {
					cfg.Store = v
				}
				r := w.start(cfg)
				pass(20 * time.Second)
				v.cut.Store(true)
				pass(30 * time.Second)
				v.cut.Store(false)
				pass(30 * time.Second)
				err := r.stop()
				require.ErrorIs(t, err, mapping.ErrStillRunning)
				assert.ErrorContains(t, err, "request ")
			})
		})
	}
}

func TestAFleetsWorkerDoesNotTakeItsOwnStragglersShard(t *testing.T) {
	for _, d := range []time.Duration{4 * time.Second, time.Minute} {
		t.Run(d.String(), func(t *testing.T) {
			inWorld(t, 1, func(t *testing.T, w *world) {
				v, f := &view{sharedStore: newSharedStore()}, &stubborn{d: d}
				cfg := w.config()
				cfg.Store, cfg.BatchSize, cfg.Function = v, 3, invoke.Func(f.Invoke)
				r := w.start(cfg)
				pass(5 * time.Second)
				w.put(0, 9)
				pass(2 * time.Second)
				v.cut.Store(true)
				pass(15 * time.Second)
				v.cut.Store(false)
				pass(10 * time.Minute)
				running, most, calls := f.counts()
				assert.Equal(t, 1, most, "invocations of one shard at the same time in one process")
				assert.Zero(t, running)
				assert.GreaterOrEqual(t, calls, 4, "the shard was taken again")
				require.NoError(t, r.stop())
			})
		})
	}
}

// TestAStragglersLeaseOutlivesTheFinalCommit: the function returns while the final commit is still retried. The commit must
// not be fenced off by the release.
func TestAStragglersLeaseOutlivesTheFinalCommit(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		var down atomic.Bool
		h := &hooked{Store: w.store, commit: func() error {
			if down.Load() {
				return errors.New("the store is down")
			}
			return nil
		}}
		cfg.Store, cfg.BatchSize, cfg.DrainTimeout = h, 1, -1
		first := true
		cfg.Function = invoke.Func(func(ctx context.Context, e *invoke.Event) error {
			if first {
				first = false
				down.Store(true) // the commit of this batch fails until the second one has returned
				return nil
			}
			<-ctx.Done()
			time.Sleep(6 * time.Second) // 5 s of them are waited for; then the final commit has 5 s
			time.AfterFunc(time.Second, func() { down.Store(false) })
			return nil
		})
		r := w.start(cfg)
		pages <- page(1, 2)
		pass(time.Second)
		require.ErrorIs(t, r.stop(), mapping.ErrDrainTimeout, "nothing runs any more when Run returns")
		assert.Equal(t, []string{"commit 1", "release"}, h.noted())
	})
}

// TestAStragglerReturnsWhenRunGivesItUp has both happen at the same instant, in any order, for the race detector.
func TestAStragglerReturnsWhenRunGivesItUp(t *testing.T) {
	for range 20 {
		fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
			h := &hooked{Store: w.store}
			cfg.Store, cfg.DrainTimeout = h, -1
			cfg.Function = invoke.Func(func(ctx context.Context, _ *invoke.Event) error {
				<-ctx.Done()
				time.Sleep(5 * time.Second) // as long as Run waits
				return context.Cause(ctx)
			})
			r := w.start(cfg)
			pages <- page(1, 1)
			synctest.Wait()
			err := r.stop()
			assert.True(t, errors.Is(err, mapping.ErrStillRunning) || errors.Is(err, mapping.ErrDrainTimeout), "%v", err)
			pass(time.Second)
			assert.Equal(t, []string{"release"}, h.noted())
		})
	}
}
