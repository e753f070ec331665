package mapping_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/observe"
)

// closingCall is a final invocation of a tumbling window.
type closingCall struct {
	shard string
	state int // the records that its state has counted
}

// closings is a function that counts the records of its windows, and what became of the windows.
type closings struct {
	answer func(context.Context) error // to each final invocation

	mu      sync.Mutex
	calls   []closingCall
	running int
	most    int // final invocations at one time
}

func (f *closings) called() []closingCall {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

func (f *closings) function() invoke.ResponseFunc {
	return invoke.StateFunc(func(ctx context.Context, e *invoke.Event, n map[string]int) (map[string]int, error) {
		if !e.Window.Final {
			return map[string]int{"n": n["n"] + e.Len()}, nil
		}
		f.mu.Lock()
		f.calls = append(f.calls, closingCall{e.Origin.ShardID, n["n"]})
		f.running++
		f.most = max(f.most, f.running)
		f.mu.Unlock()
		err := f.answer(ctx)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.running--
		return n, err
	})
}

// windowed is a mapping with windows over one store, alone or as a worker of a fleet.
type windowed struct {
	w     *world
	cfg   mapping.Config
	gaps  chan observe.Trimmed
	fleet *sharedStore // nil where it is alone
}

// giveUps runs f alone and in a fleet, in a stream whose first shard has left it while it had an open window with three records.
func giveUps(t *testing.T, fn *closings, f func(t *testing.T, m *windowed)) {
	for name, store := range map[string]func() *sharedStore{"alone": func() *sharedStore { return nil }, "fleet": newSharedStore} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 1, func(t *testing.T, w *world) {
				*fn = closings{answer: func(context.Context) error { return nil }}
				m := &windowed{w: w, fleet: store()}
				m.cfg, m.gaps = w.trims()
				m.cfg.TumblingWindow, m.cfg.Function = 15*time.Minute, fn.function()
				w.put(0, 3)
				r := m.start()
				pass(9 * time.Minute)
				require.NoError(t, r.stop())
				require.Empty(t, fn.called())
				require.JSONEq(t, `{"n":3}`, string(m.stored().Window.State))
				_, _, err := w.stream.Split(shardID(0))
				require.NoError(t, err)
				pass(30 * time.Hour)
				f(t, m)
			})
		})
	}
}

// start starts a worker.
func (m *windowed) start() *running {
	cfg := m.cfg
	if m.fleet != nil {
		cfg.Store, cfg.FailoverTime = &view{sharedStore: m.fleet}, time.Minute
	}
	return m.w.start(cfg)
}

// stored returns what is stored for the first shard.
func (m *windowed) stored() driver.Progress {
	store := m.cfg.Store
	if m.fleet != nil {
		store = &view{sharedStore: m.fleet}
	}
	all, err := store.Progress(m.w.t.Context(), storeName)
	require.NoError(m.w.t, err)
	return all[shardID(0)]
}

// isEnded reports whether the end of the first shard is stored, or its row deleted since.
func (m *windowed) isEnded() bool {
	p := m.stored()
	return p.Version == 0 || p.End && p.Window == nil
}

func TestTheOpenWindowOfAShardThatHasLeftTheStreamIsClosedByItsFinalInvocation(t *testing.T) {
	var fn closings
	giveUps(t, &fn, func(t *testing.T, m *windowed) {
		for range 2 {
			r := m.start()
			pass(10 * time.Minute)
			assert.Equal(t, []closingCall{{shardID(0), 3}}, fn.called())
			assert.True(t, m.isEnded())
			assert.Len(t, m.gaps, 1, "what was not read is reported once")
			require.NoError(t, r.stop())
		}
	})
}

func TestTheFinalInvocationOfAShardThatHasLeftTheStreamIsRetried(t *testing.T) {
	var fn closings
	giveUps(t, &fn, func(t *testing.T, m *windowed) {
		calls := 0
		fn.answer = func(context.Context) error {
			assert.False(t, m.isEnded(), "the end is stored after the window is closed")
			if calls++; calls < 3 {
				return errors.New("not yet")
			}
			return nil
		}
		r := m.start()
		pass(time.Hour)
		assert.Equal(t, slices.Repeat([]closingCall{{shardID(0), 3}}, 3), fn.called())
		assert.True(t, m.isEnded())
		require.NoError(t, r.stop())
	})
}

func TestAFinalInvocationThatIsGivenUpEndsAShardThatHasLeftTheStream(t *testing.T) {
	var fn closings
	giveUps(t, &fn, func(t *testing.T, m *windowed) {
		m.cfg.MaximumRetryAttempts = new(1)
		fn.answer = func(context.Context) error { return errors.New("never") }
		r := m.start()
		pass(time.Hour)
		assert.Len(t, fn.called(), 2)
		assert.True(t, m.isEnded())
		require.NoError(t, r.stop())
	})
}

// TestAFinalInvocationThatAStopCutsShortIsMadeAgain stops in the middle of it. The lease is released: the next Run has it.
func TestAFinalInvocationThatAStopCutsShortIsMadeAgain(t *testing.T) {
	var fn closings
	giveUps(t, &fn, func(t *testing.T, m *windowed) {
		m.cfg.DrainTimeout = time.Second
		fn.answer = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		r := m.start()
		pass(10 * time.Minute)
		require.Len(t, fn.called(), 1)
		require.ErrorIs(t, r.stop(), mapping.ErrDrainTimeout)
		assert.False(t, m.isEnded())
		assert.Empty(t, m.gaps)

		fn.answer = func(context.Context) error { return nil }
		r = m.start()
		pass(10 * time.Minute)
		assert.Equal(t, slices.Repeat([]closingCall{{shardID(0), 3}}, 2), fn.called())
		assert.True(t, m.isEnded())
		require.NoError(t, r.stop())
	})
}

// TestOneWorkerMakesTheFinalInvocationOfAShardThatHasLeftTheStream has several look for such shards while it runs for hours.
func TestOneWorkerMakesTheFinalInvocationOfAShardThatHasLeftTheStream(t *testing.T) {
	var fn closings
	giveUps(t, &fn, func(t *testing.T, m *windowed) {
		if m.fleet == nil {
			return // it waits for the lease
		}
		fn.answer = func(ctx context.Context) error {
			select {
			case <-time.After(150 * time.Minute):
			case <-ctx.Done():
			}
			return ctx.Err()
		}
		a, b, c := m.start(), m.start(), m.start()
		pass(4 * time.Hour)
		assert.Equal(t, []closingCall{{shardID(0), 3}}, fn.called())
		assert.True(t, m.isEnded())
		for _, r := range []*running{a, b, c} {
			require.NoError(t, r.stop())
		}
	})
}

// slowStore is a Store that answers a Commit of an end, or the first Release of each lease, as it is set.
type slowStore struct {
	driver.Store

	mu       sync.Mutex
	hang     bool           // a Commit of an end does not return before its ctx is done
	refuse   map[string]int // how many Releases of a shard's leases fail
	acquired map[string]int
	released map[string]int
}

func newSlowStore(s driver.Store) *slowStore {
	return &slowStore{Store: s, refuse: map[string]int{}, acquired: map[string]int{}, released: map[string]int{}}
}

func (s *slowStore) Acquire(ctx context.Context, m, shard, owner string) (driver.Lease, driver.Progress, error) {
	l, p, err := s.Store.Acquire(ctx, m, shard, owner)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.acquired[shard]++
	}
	return l, p, err
}

func (s *slowStore) Commit(ctx context.Context, l driver.Lease, p driver.Progress) error {
	s.mu.Lock()
	hang := s.hang
	s.mu.Unlock()
	if hang && p.End {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.Store.Commit(ctx, l, p)
}

func (s *slowStore) Release(ctx context.Context, l driver.Lease) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse[l.Shard] > 0 {
		s.refuse[l.Shard]--
		return errors.New("the store is busy")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.released[l.Shard]++
	return s.Store.Release(ctx, l)
}

func (s *slowStore) assertReleased(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	assert.True(t, maps.Equal(s.acquired, s.released), "acquired %v, released %v", s.acquired, s.released)
}

// TestAStopWhileAShardThatHasLeftTheStreamIsEndedReleasesItsLease has the store hang when it is to store the end.
func TestAStopWhileAShardThatHasLeftTheStreamIsEndedReleasesItsLease(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		store := newSlowStore(w.store)
		cfg, gaps := w.trims()
		cfg.Store = store
		w.put(0, 1)
		r := w.start(cfg)
		pass(10 * time.Minute)
		require.NoError(t, r.stop())
		_, _, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		pass(30 * time.Hour)

		store.hang = true
		r = w.start(cfg)
		pass(10*time.Minute + 10*time.Second)
		_ = r.stop()
		store.assertReleased(t)
		assert.Len(t, gaps, 1, "for all that is known the end is stored")

		store.hang = false
		r = w.start(cfg)
		pass(10 * time.Minute)
		assert.Len(t, gaps, 2)
		require.NoError(t, r.stop())
		store.assertReleased(t)
	})
}

func TestAReleaseThatFailsIsMadeAgainForAShardThatHasLeftTheStream(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		store := newSlowStore(w.store)
		cfg, gaps := w.trims()
		cfg.Store = store
		w.put(0, 1)
		r := w.start(cfg)
		pass(10 * time.Minute)
		require.NoError(t, r.stop())
		_, _, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		pass(30 * time.Hour)

		store.refuse[shardID(0)] = 2
		r = w.start(cfg)
		pass(10 * time.Minute)
		store.mu.Lock()
		assert.Equal(t, store.acquired[shardID(0)], store.released[shardID(0)])
		store.mu.Unlock()
		assert.Len(t, gaps, 1)
		require.NoError(t, r.stop())
	})
}
