package registry_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
	"github.com/shardmill/shardmill/mapping/registry"
)

// forgetful is a store whose Forget does what a test wants.
type forgetful struct {
	*mapping.MemoryStore
	mu     sync.Mutex
	answer func(ctx context.Context) error // nil: it forgets
	calls  int
}

func (f *forgetful) set(answer func(context.Context) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func (f *forgetful) called() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func (f *forgetful) Forget(ctx context.Context, uuid string) error {
	f.mu.Lock()
	answer := f.answer
	f.calls++
	f.mu.Unlock()
	if answer != nil {
		if err := answer(ctx); err != nil {
			return err
		}
	}
	return f.MemoryStore.Forget(ctx, uuid)
}

// forgetRows counts the rows of mappings that are still to be forgotten.
func (w *world) forgetRows(store driver.DefinitionStore) (n int) {
	w.t.Helper()
	rows, _, err := store.Definitions(w.t.Context())
	require.NoError(w.t, err)
	for _, row := range rows {
		if strings.HasPrefix(row.Key, "forget/") {
			n++
		}
	}
	return n
}

// deleted creates a mapping that processes a record, and deletes it.
func (w *world) deleted(r *running) string {
	w.t.Helper()
	c := r.create(orders())
	w.put("1")
	pass(3 * time.Second)
	_, err := r.Delete(w.t.Context(), c.UUID)
	require.NoError(w.t, err)
	pass(3 * time.Second)
	require.Equal(w.t, registry.CodeResourceNotFound, r.state(c.UUID))
	return c.UUID
}

// The Store has the progress, even if another store has the definitions, so the Store must forget it.
func TestForgetIsTheStoresThatHasTheProgress(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.Definitions = mapping.NewMemoryStore()
		r := w.start(cfg)
		uuid := w.deleted(r)
		pass(2 * time.Minute)
		progress, err := w.store.Progress(t.Context(), uuid)
		require.NoError(t, err)
		assert.Empty(t, progress)
		assert.Zero(t, w.forgetRows(cfg.Definitions))
		require.NoError(t, r.stop())
	})
}

// Deleting a table takes long. Changes are applied as fast as usual meanwhile.
func TestForgetHoldsNothingUp(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		store := &forgetful{MemoryStore: w.store}
		store.set(func(ctx context.Context) error {
			select {
			case <-time.After(45 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		cfg := w.config()
		cfg.Store = store
		r := w.start(cfg)
		w.deleted(r)
		pass(65 * time.Second)
		require.Equal(t, 1, store.called())
		c := r.create(orders())
		assert.Equal(t, "Enabled", r.state(c.UUID))
		pass(time.Minute)
		assert.Equal(t, 1, store.called())
		assert.Zero(t, w.forgetRows(store))
		require.NoError(t, r.stop())
	})
}

// A mapping that cannot be forgotten is logged once, kept, and retried ever more rarely.
func TestForgetThatIsRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		store := &forgetful{MemoryStore: w.store}
		denied := errors.New("not authorized to perform: dynamodb:DeleteTable")
		store.set(func(context.Context) error { return denied })
		cfg := w.config()
		cfg.Store = store
		r := w.start(cfg)
		w.deleted(r)
		pass(24 * time.Hour)
		assert.Equal(t, 1, strings.Count(w.logs.String(), "level=ERROR"), w.logs.String())
		assert.Contains(t, w.logs.String(), denied.Error())
		assert.InDelta(t, 28, store.called(), 4, "once an hour")
		assert.Equal(t, 1, w.forgetRows(store))
		store.set(nil)
		pass(time.Hour)
		assert.Zero(t, w.forgetRows(store))
		require.NoError(t, r.stop())
	})
}

// Somebody who has a lease is no failure: it is waited for.
func TestForgetWaitsForLeases(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		store := &forgetful{MemoryStore: w.store}
		store.set(func(context.Context) error { return driver.ErrLeaseHeld })
		cfg := w.config()
		cfg.Store = store
		r := w.start(cfg)
		w.deleted(r)
		pass(time.Hour)
		assert.NotContains(t, w.logs.String(), "level=ERROR")
		assert.InDelta(t, 59, store.called(), 2, "once a minute")
		store.set(nil)
		pass(2 * time.Minute)
		assert.Zero(t, w.forgetRows(store))
		require.NoError(t, r.stop())
	})
}

// manned is a store with the rows of a fleet's workers.
type manned struct {
	*forgetful
	*fleet.Memory
}

func (m *manned) Fleet(string) driver.FleetTable { return mannedTable{m.Memory} }

func (m *manned) Commit(ctx context.Context, lease driver.Lease, p driver.Progress) error {
	return m.MemoryStore.Commit(ctx, lease, p)
}

func (m *manned) Release(ctx context.Context, lease driver.Lease) error {
	return m.MemoryStore.Release(ctx, lease)
}

func (m *manned) Delete(ctx context.Context, name, shard string) error {
	return m.MemoryStore.Delete(ctx, name, shard)
}

type mannedTable struct{ *fleet.Memory }

func (t mannedTable) Load(context.Context, string) (driver.FleetCheckpoint, bool, error) {
	return driver.FleetCheckpoint{}, false, nil
}

// A worker of the fleet that is alive, and has not seen the deletion or still drains, would bring the table back.
func TestForgetWaitsForTheWorkersOfTheFleet(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		store := &manned{forgetful: &forgetful{MemoryStore: w.store}, Memory: fleet.NewMemory(1)}
		cfg := w.config()
		cfg.Store = store
		r := w.start(cfg)
		beat := func(name string, counter uint64) {
			require.NoError(t, store.Heartbeat(t.Context(), driver.FleetWorker{Incarnation: name, Counter: counter}, true))
		}
		beat("alive", 1)
		beat("retired", 1)
		require.NoError(t, store.Retire(t.Context(), "retired"))
		c := r.create(orders())
		_, err := r.Delete(t.Context(), c.UUID)
		require.NoError(t, err)
		for i := range uint64(180) {
			pass(time.Minute)
			beat("alive", i+2)
		}
		assert.Zero(t, store.called(), "it is alive")
		pass(59 * time.Minute)
		assert.Zero(t, store.called(), "it may be a slow one")
		pass(3 * time.Minute)
		assert.Equal(t, 1, store.called(), "it is dead")
		assert.Zero(t, w.forgetRows(store))
		assert.NotContains(t, w.logs.String(), "level=ERROR")
		require.NoError(t, r.stop())
	})
}

// A worker that learns of a deletion only after the mapping was forgotten may have stored something since. The mapping is
// forgotten again when that worker has stopped.
func TestLateWorkerSeesToIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cut := &flaky{DefinitionStore: w.store}
		cfg := w.config()
		r := w.start(cfg)
		c := r.create(orders())
		require.NoError(t, r.stop())
		cfg.Definitions = cut
		late := w.start(cfg) // it has the leases
		pass(time.Second)
		cfg.Definitions = nil
		r = w.start(cfg)
		pass(2 * time.Second)
		cut.set(func(bool) (bool, bool) { return true, false })
		_, err := r.Delete(t.Context(), c.UUID)
		require.NoError(t, err)
		pass(5 * time.Minute)
		assert.Zero(t, w.forgetRows(w.store))
		require.NoError(t, r.stop())

		_, _, err = w.store.Acquire(t.Context(), c.UUID, "shardId-000000000000", "late")
		require.NoError(t, err)
		_, err = w.store.Anchor(t.Context(), c.UUID, time.Unix(1, 0))
		require.NoError(t, err)
		cut.set(nil)
		pass(5 * time.Minute)
		at, err := w.store.Anchor(t.Context(), c.UUID, time.Unix(2, 0))
		require.NoError(t, err)
		assert.Equal(t, int64(2), at.Unix(), "what was stored late is forgotten")
		assert.Zero(t, w.forgetRows(w.store))
		late.cancel()
		<-late.done
	})
}
