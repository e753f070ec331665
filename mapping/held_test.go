package mapping_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
)

// TestRowOfAFinishedShardWhoseWorkerHasDiedIsDeleted has a worker of a fleet die between storing a shard's end and releasing its
// lease: whoever comes after it deletes the row when the shard has left the stream.
func TestRowOfAFinishedShardWhoseWorkerHasDiedIsDeleted(t *testing.T) {
	t.Parallel()
	for name, restarts := range map[string]bool{"another worker lives on": false, "one is started later": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 1, func(t *testing.T, w *world) {
				store := newSharedStore()
				join := func(v *view) *running {
					cfg, _ := w.trims()
					cfg.Store, cfg.FailoverTime = v, time.Minute
					return w.start(cfg)
				}
				first := &view{sharedStore: store}
				a := join(first)
				w.put(0, 10)
				pass(10 * time.Minute)
				var b *running
				if !restarts {
					b = join(&view{sharedStore: store})
					pass(time.Minute)
				}
				first.mortal.Store(true)
				_, _, err := w.stream.Split(shardID(0))
				require.NoError(t, err)
				w.put(10, 20)
				pass(5 * time.Minute)
				require.NoError(t, a.stop())
				if restarts {
					b = join(&view{sharedStore: store})
				}
				pass(23 * time.Hour)
				assert.Empty(t, store.deleted, "the stream lists it still")
				pass(3 * time.Hour)
				assert.Equal(t, []string{shardID(0)}, store.deleted)
				assert.ElementsMatch(t, numbers(0, 30), w.delivered())
				assert.Len(t, w.logs.lines("newChildren=2"), 1, "one worker processed it to its end")
				require.NoError(t, b.stop())
			})
		})
	}
}

// TestRowOfAFinishedShardWhoseReleaseFailedIsDeleted has the worker live on.
func TestRowOfAFinishedShardWhoseReleaseFailedIsDeleted(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		v := &view{sharedStore: newSharedStore()}
		cfg, _ := w.trims()
		cfg.Store, cfg.FailoverTime = v, time.Minute
		r := w.start(cfg)
		w.put(0, 10)
		pass(10 * time.Minute)
		v.keeping.Store(true)
		_, _, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		w.put(10, 20)
		pass(5 * time.Minute)
		v.keeping.Store(false)
		pass(26 * time.Hour)
		assert.Equal(t, []string{shardID(0)}, v.deleted)
		assert.ElementsMatch(t, numbers(0, 30), w.delivered())
		require.NoError(t, r.stop())
	})
}

// TestRowOfAFinishedShardIsNotDeletedWhileItsWorkerLives has the worker hang, with heartbeats that go on, before it releases the
// lease.
func TestRowOfAFinishedShardIsNotDeletedWhileItsWorkerLives(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		store := newSharedStore()
		first := &view{sharedStore: store}
		cfg, _ := w.trims()
		cfg.Store, cfg.FailoverTime = first, 10*time.Minute
		a := w.start(cfg)
		w.put(0, 10)
		pass(10 * time.Minute)
		cfg.Store = &view{sharedStore: store}
		b := w.start(cfg)
		pass(time.Minute)
		first.keeping.Store(true)
		_, _, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		w.put(10, 20)
		pass(28 * time.Hour)
		assert.Empty(t, store.deleted)
		first.keeping.Store(false)
		pass(2 * time.Hour)
		assert.Equal(t, []string{shardID(0)}, store.deleted)
		require.NoError(t, a.stop())
		require.NoError(t, b.stop())
	})
}

// leasing is a Store whose leases are its own rows, as those of a database are: they outlive their process, and one that is not
// renewed expires at a time. What has expired is judged by Acquire alone.
type leasing struct {
	driver.Store

	mu      sync.Mutex
	held    map[string]driver.Lease
	expired bool // all that are held are
	broken  bool // nothing is released
	dies    bool // the process dies when the end of a shard is stored: nothing works any more
	dead    bool
}

var errDead = errors.New("the process is dead")

// breaks has nothing released any more, or everything.
func (l *leasing) breaks(broken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = broken
}

func (l *leasing) Acquire(ctx context.Context, m, shard, owner string) (driver.Lease, driver.Progress, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return driver.Lease{}, driver.Progress{}, errDead
	}
	if held, ok := l.held[shard]; ok && l.expired {
		_ = l.Store.Release(ctx, held)
		delete(l.held, shard)
	}
	lease, p, err := l.Store.Acquire(ctx, m, shard, owner)
	if err == nil {
		l.held[shard] = lease
	}
	return lease, p, err
}

func (l *leasing) Commit(ctx context.Context, lease driver.Lease, p driver.Progress) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return errDead
	}
	err := l.Store.Commit(ctx, lease, p)
	l.dead = err == nil && l.dies && p.End
	return err
}

func (l *leasing) Release(ctx context.Context, lease driver.Lease) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken || l.dead {
		return errDead
	}
	if l.held[lease.Shard] == lease {
		delete(l.held, lease.Shard)
	}
	return l.Store.Release(ctx, lease)
}

// TestALoneProcessDeletesTheRowOfAFinishedShardWhoseLeaseWasNeverReleased has the process die, or the release fail.
func TestALoneProcessDeletesTheRowOfAFinishedShardWhoseLeaseWasNeverReleased(t *testing.T) {
	for name, dies := range map[string]bool{"the release failed": false, "the process died": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 1, func(t *testing.T, w *world) {
				before := &leasing{Store: w.store, held: map[string]driver.Lease{}, dies: dies}
				cfg, _ := w.trims()
				cfg.Store = before
				r := w.start(cfg)
				w.put(0, 10)
				pass(10 * time.Minute)
				_, _, err := w.stream.Split(shardID(0))
				require.NoError(t, err)
				w.put(10, 20)
				before.breaks(!dies)
				pass(10 * time.Minute)
				before.breaks(false)
				after := before
				if dies {
					_ = r.stop()
					after = &leasing{Store: w.store, held: before.held, expired: true}
					cfg.Store = after
					r = w.start(cfg)
				}
				pass(23 * time.Hour)
				assert.Contains(t, w.rows(), shardID(0), "the stream lists it still")
				pass(3 * time.Hour)
				assert.NotContains(t, w.rows(), shardID(0))
				require.NoError(t, r.stop())
				assert.Empty(t, after.held)
			})
		})
	}
}

// TestALoneProcessDoesNotDeleteTheRowOfAFinishedShardThatAnotherHolds has the store judge.
func TestALoneProcessDoesNotDeleteTheRowOfAFinishedShardThatAnotherHolds(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg, _ := w.trims()
		r := w.start(cfg)
		pass(10 * time.Minute)
		_, _, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		w.put(0, 20)
		pass(10 * time.Minute)
		lease, _, err := w.store.Acquire(t.Context(), storeName, shardID(0), "another")
		require.NoError(t, err)
		pass(48 * time.Hour)
		assert.Contains(t, w.rows(), shardID(0))
		require.NoError(t, w.store.Release(t.Context(), lease))
		pass(2 * time.Hour)
		assert.NotContains(t, w.rows(), shardID(0))
		require.NoError(t, r.stop())
	})
}
