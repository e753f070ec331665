package mapping_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
)

// closable is a Store that its owner can close.
type closable struct {
	driver.Store
	closed atomic.Bool
	broken atomic.Bool
}

func (c *closable) err() error {
	switch {
	case c.closed.Load():
		return fmt.Errorf("file: %w", driver.ErrStoreClosed)
	case c.broken.Load():
		return fmt.Errorf("file: %w: input/output error", driver.ErrStoreBroken)
	}
	return nil
}

func (c *closable) Progress(ctx context.Context, name string) (map[string]driver.Progress, error) {
	if err := c.err(); err != nil {
		return nil, err
	}
	return c.Store.Progress(ctx, name)
}

func (c *closable) Acquire(ctx context.Context, name, shard, owner string) (driver.Lease, driver.Progress, error) {
	if err := c.err(); err != nil {
		return driver.Lease{}, driver.Progress{}, err
	}
	return c.Store.Acquire(ctx, name, shard, owner)
}

func (c *closable) Commit(ctx context.Context, lease driver.Lease, p driver.Progress) error {
	if err := c.err(); err != nil {
		return err
	}
	return c.Store.Commit(ctx, lease, p)
}

func (c *closable) Release(ctx context.Context, lease driver.Lease) error {
	if err := c.err(); err != nil {
		return err
	}
	return c.Store.Release(ctx, lease)
}

// withClosable is fed with a Store that can be closed.
func withClosable(t *testing.T, f func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page, store *closable)) {
	t.Helper()
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		store := &closable{Store: w.store}
		cfg.Store = store
		f(t, w, cfg, pages, store)
	})
}

// TestStoreThatIsClosedUnderAMappingEndsIt: it would go on for ever else, and do all of it again after a restart.
func TestStoreThatIsClosedUnderAMappingEndsIt(t *testing.T) {
	withClosable(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page, store *closable) {
		r := w.start(cfg)
		pages <- page(1, 10)
		pass(time.Second)
		store.closed.Store(true)
		pages <- page(11, 10)
		began := time.Now()
		err := <-r.done
		require.ErrorIs(t, err, driver.ErrStoreClosed)
		require.ErrorIs(t, err, mapping.ErrNotStored)
		assert.Zero(t, time.Since(began))
		require.ErrorIs(t, r.Run(t.Context()), driver.ErrStoreClosed, "and it does not begin again")
		assert.Zero(t, time.Since(began))
	})
}

// TestStoreThatBreaksUnderAMappingEndsIt: nothing can be stored until somebody opens it again, so to go on in silence would
// do all of it again.
func TestStoreThatBreaksUnderAMappingEndsIt(t *testing.T) {
	withClosable(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page, store *closable) {
		r := w.start(cfg)
		pages <- page(1, 10)
		pass(time.Second)
		store.broken.Store(true)
		pages <- page(11, 10)
		began := time.Now()
		err := <-r.done
		require.ErrorIs(t, err, driver.ErrStoreBroken)
		require.ErrorIs(t, err, mapping.ErrNotStored)
		require.ErrorContains(t, err, "input/output error")
		assert.Zero(t, time.Since(began))
		assert.NotContains(t, w.logs.String(), "failed; retrying")
		require.ErrorIs(t, r.Run(t.Context()), driver.ErrStoreBroken, "and it does not begin again")
		assert.Zero(t, time.Since(began))
	})
}

// TestStoreThatIsClosedBeforeTheStop: nothing more can be stored, so there is nothing to wait for.
func TestStoreThatIsClosedBeforeTheStop(t *testing.T) {
	withClosable(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page, store *closable) {
		cfg.Function = w.slow(10 * time.Second)
		r := w.start(cfg)
		pages <- page(1, 10)
		synctest.Wait()
		store.closed.Store(true)
		began := time.Now()
		err := r.stop()
		require.ErrorIs(t, err, driver.ErrStoreClosed)
		require.ErrorIs(t, err, mapping.ErrNotStored)
		assert.Equal(t, 10*time.Second, time.Since(began), "what the function takes, and no more")
	})
}

// TestStoreThatIsClosedBeforeAShardIsOpened closes it while the shard's lease is held elsewhere.
func TestStoreThatIsClosedBeforeAShardIsOpened(t *testing.T) {
	withClosable(t, func(t *testing.T, w *world, cfg mapping.Config, _ chan batch.Page, store *closable) {
		_, _, err := w.store.Acquire(t.Context(), storeName, "shardId-000000000000", "other")
		require.NoError(t, err)
		r := w.start(cfg)
		pass(10 * time.Second)
		store.closed.Store(true)
		began := time.Now()
		require.ErrorIs(t, <-r.done, driver.ErrStoreClosed)
		assert.LessOrEqual(t, time.Since(began), time.Second)
	})
}
