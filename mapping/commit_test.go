package mapping_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/observe"
)

// brittle is a Store whose Commit can be made slow, made to fail, and is written down.
type brittle struct {
	driver.Store
	mu      sync.Mutex
	delay   time.Duration
	err     error
	commits []string
}

func (b *brittle) Commit(ctx context.Context, l driver.Lease, p driver.Progress) error {
	b.mu.Lock()
	delay, err := b.delay, b.err
	b.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.commits = append(b.commits, p.Position.String())
	b.mu.Unlock()
	return b.Store.Commit(ctx, l, p)
}

func (b *brittle) set(delay time.Duration, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.delay, b.err = delay, err
}

func TestSlowStoreHoldsBackNoInvocationAndTheNewestCommitWins(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		store := &brittle{Store: w.store, delay: 20 * time.Second}
		cfg.Store, cfg.BatchSize = store, 1
		r := w.start(cfg)
		pages <- page(1, 100)
		synctest.Wait()
		assert.Equal(t, numbers(1, 100), w.delivered())
		pass(time.Minute)
		assert.Equal(t, []string{"1", "100"}, store.commits)
		assert.Equal(t, "100", r.Status().Shards[0].Stored.SequenceNumber)
		require.NoError(t, r.stop())
	})
}

func TestFailedCommitIsTriedAgainWithTheNewestPosition(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		store := &brittle{Store: w.store, err: errors.New("disk full")}
		cfg.Store = store
		r := w.start(cfg)
		pages <- page(1, 10)
		pages <- page(11, 10)
		pass(20 * time.Second)
		assert.Contains(t, w.logs.String(), "disk full")
		assert.Equal(t, numbers(1, 20), w.delivered(), "work in hand goes on")
		store.set(0, nil)
		pass(20 * time.Second)
		assert.Equal(t, []string{"20"}, store.commits)
		require.NoError(t, r.stop())
	})
}

func TestStopWithAStoreThatHangsEnds(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.Store = &brittle{Store: w.store, delay: time.Hour}
		r := w.start(cfg)
		pages <- page(1, 10)
		synctest.Wait()
		began := time.Now()
		require.ErrorIs(t, r.stop(), mapping.ErrNotStored)
		assert.Equal(t, 5*time.Second, time.Since(began))
	})
}

func TestLostLeaseCancelsWhatRunsAndItsResultDoesNotCount(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		store := &brittle{Store: w.store}
		cfg.Store, cfg.BatchSize = store, 1
		var cause error
		first := w.slow(time.Second)
		cfg.Function = funcThen(first, func(ctx context.Context) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return nil
		})
		closed := make(chan observe.ShardClosed, 10)
		cfg.Observer.ShardClosed = func(e observe.ShardClosed) { closed <- e }
		store.set(100*time.Millisecond, driver.ErrLeaseLost)
		r := w.start(cfg)
		pages <- page(1, 10)
		require.ErrorIs(t, (<-closed).Err, driver.ErrLeaseLost)
		require.ErrorIs(t, cause, driver.ErrLeaseLost)
		assert.True(t, w.stored().IsZero())
		require.NoError(t, r.stop())
	})
}

func TestLeaseThatSomebodyElseHasIsWaitedFor(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		lease, _, err := w.store.Acquire(t.Context(), storeName, "shardId-000000000000", "other")
		require.NoError(t, err)
		r := w.start(cfg)
		pass(time.Minute)
		assert.Contains(t, r.Status().Shards[0].Waiting, "no lease: ")
		require.NoError(t, w.store.Release(t.Context(), lease))
		pages <- page(1, 3)
		pass(time.Second)
		assert.Equal(t, numbers(1, 3), w.delivered())
		require.NoError(t, r.stop())
	})
}
