package boltstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// gate is a group whose transactions wait for a word from the test.
type gate struct {
	group
	begun chan int // how many calls a transaction has
	end   chan struct{}
}

func newGate() *gate {
	g := &gate{begun: make(chan int), end: make(chan struct{})}
	g.run = func(calls []*call) {
		g.begun <- len(calls)
		<-g.end
		for _, c := range calls {
			c.err = c.do(nil)
		}
	}
	return g
}

func (g *gate) pass() int {
	n := <-g.begun
	g.end <- struct{}{}
	return n
}

func TestFirstGoesAtOnceAndTheOthersTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		var callers errgroup.Group
		first := make(chan struct{})
		callers.Go(func() error {
			defer close(first)
			return g.do(t.Context(), func(*txn) error { return nil })
		})
		require.Equal(t, 1, <-g.begun)
		failures := make([]error, 20)
		for i := range failures {
			callers.Go(func() error {
				failures[i] = g.do(t.Context(), func(*txn) error {
					if i%2 == 1 {
						return fmt.Errorf("call %d", i)
					}
					return nil
				})
				return nil
			})
		}
		synctest.Wait()
		g.end <- struct{}{}
		require.Equal(t, 20, <-g.begun)
		<-first // does not stay to lead the others
		g.end <- struct{}{}
		require.NoError(t, callers.Wait())
		for i, err := range failures {
			if i%2 == 1 {
				assert.EqualError(t, err, fmt.Sprintf("call %d", i))
			} else {
				assert.NoError(t, err)
			}
		}
	})
}

func TestGroupIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		var callers errgroup.Group
		for range 1 + maxGroup + 1 {
			callers.Go(func() error { return g.do(t.Context(), func(*txn) error { return nil }) })
		}
		synctest.Wait()
		assert.Equal(t, []int{1, maxGroup, 1}, []int{g.pass(), g.pass(), g.pass()})
		require.NoError(t, callers.Wait())
	})
}

func TestCancelledCallLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		var callers errgroup.Group
		var done atomic.Int32
		call := func(ctx context.Context, want error) {
			callers.Go(func() error {
				if err := g.do(ctx, func(*txn) error { done.Add(1); return nil }); !errors.Is(err, want) {
					return fmt.Errorf("got %w, want %w", err, want)
				}
				return nil
			})
			synctest.Wait()
		}
		early, cancelEarly := context.WithCancel(t.Context())
		late, cancelLate := context.WithCancel(t.Context())
		call(t.Context(), nil)
		call(early, context.Canceled)
		call(late, nil)
		require.Equal(t, 1, <-g.begun)
		cancelEarly()
		synctest.Wait()
		g.end <- struct{}{}
		require.Equal(t, 1, <-g.begun)
		cancelLate() // its transaction has begun
		synctest.Wait()
		g.end <- struct{}{}
		require.NoError(t, callers.Wait())
		assert.EqualValues(t, 2, done.Load())
	})
}

func TestCloseWaitsForCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		var callers errgroup.Group
		for range 3 {
			callers.Go(func() error { return g.do(t.Context(), func(*txn) error { return nil }) })
		}
		synctest.Wait()
		closed := make(chan struct{})
		callers.Go(func() error {
			g.close()
			close(closed)
			return nil
		})
		synctest.Wait()
		require.ErrorIs(t, g.do(t.Context(), nil), os.ErrClosed)
		g.pass()
		select {
		case <-closed:
			t.Error("closed before the calls were through")
		default:
		}
		g.pass()
		<-closed
		require.NoError(t, callers.Wait())
	})
}

// counting opens a store that counts its transactions.
func counting(t testing.TB, transactions *atomic.Int64) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "store.db"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	s.group.run = func(calls []*call) {
		transactions.Add(1)
		s.run(calls)
	}
	return s
}

func TestManyShardsShareTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var transactions atomic.Int64
		s := counting(t, &transactions)
		leases := acquireMany(t, s, 64)
		transactions.Store(0)
		begun, end := make(chan struct{}), make(chan struct{})
		run := s.group.run
		s.group.run = func(calls []*call) {
			begun <- struct{}{}
			<-end
			run(calls)
		}
		var g errgroup.Group
		for _, lease := range leases {
			g.Go(func() error { return s.Commit(t.Context(), lease, progressAt(1)) })
		}
		<-begun
		synctest.Wait() // all others are in the queue
		end <- struct{}{}
		<-begun
		end <- struct{}{}
		require.NoError(t, g.Wait())
		s.group.run = run
		assert.EqualValues(t, 2, transactions.Load(), "transactions for 64 commits")
		all, err := s.Progress(t.Context(), "m")
		require.NoError(t, err)
		assert.Len(t, all, 64)
	})
}

// TestFullDiskIsNoEnd has a write fail for lack of room: nothing of it is stored, and the store goes on.
func TestFullDiskIsNoEnd(t *testing.T) {
	t.Parallel()
	var transactions atomic.Int64
	s := counting(t, &transactions)
	lease := acquireMany(t, s, 1)[0]
	require.NoError(t, s.Commit(t.Context(), lease, progressAt(1)))
	s.db.MaxSize = 32 << 10
	big := progressAt(2)
	big.Window = &batch.Window{State: make([]byte, 100<<10)}
	require.ErrorContains(t, s.Commit(t.Context(), lease, big), s.path)
	_, _, err := s.Acquire(t.Context(), "m", string(make([]byte, 30<<10)), "a")
	require.Error(t, err)

	require.NoError(t, s.Commit(t.Context(), lease, progressAt(2)))
	s.db.MaxSize = 0
	_, _, err = s.Acquire(t.Context(), "m", string(make([]byte, 30<<10)), "a")
	require.NoError(t, err, "a lease that could not be stored was not granted")
	all, err := s.Progress(t.Context(), "m")
	require.NoError(t, err)
	assert.Equal(t, map[string]driver.Progress{lease.Shard: progressAt(2)}, all)
}

func TestNameThatIsTooLongIsAnError(t *testing.T) {
	t.Parallel()
	var transactions atomic.Int64
	s := counting(t, &transactions)
	long := string(make([]byte, 40<<10))
	_, _, err := s.Acquire(t.Context(), "m", long, "a")
	require.ErrorContains(t, err, "key too large")
	_, _, err = s.Acquire(t.Context(), long, "s", "a")
	require.ErrorContains(t, err, "key too large")
}

// TestUnknownOutcomeStopsTheStore: once the header of a failed write may be on the disk, nothing may build on it.
func TestUnknownOutcomeStopsTheStore(t *testing.T) {
	t.Parallel()
	var transactions atomic.Int64
	s := counting(t, &transactions)
	lease := acquireMany(t, s, 1)[0]
	cause := errors.New("fsync: input/output error")
	var id int
	require.NoError(t, s.group.do(t.Context(), func(tx *txn) error { id = tx.tx.ID() - 1; return nil }))
	failed := s.commitFailed(id+1, cause)
	require.ErrorIs(t, failed, cause)
	require.NotErrorIs(t, failed, driver.ErrStoreBroken)
	require.NoError(t, s.Commit(t.Context(), lease, progressAt(1)), "the header had not been written")
	require.ErrorIs(t, s.commitFailed(id+1, cause), driver.ErrStoreBroken, "the first that learns of it is told as well")
	for name, err := range afterwards(t, s, lease) {
		require.ErrorIs(t, err, driver.ErrStoreBroken, name)
		require.ErrorIs(t, err, cause, name)
		require.NotErrorIs(t, err, driver.ErrStoreClosed, name)
	}
}

// TestCrashOfTheDatabaseStopsTheStore: it may hold locks that nobody gives back.
func TestCrashOfTheDatabaseStopsTheStore(t *testing.T) {
	t.Parallel()
	var transactions atomic.Int64
	s := counting(t, &transactions)
	lease := acquireMany(t, s, 1)[0]
	err := s.do(t.Context(), func(*txn) error { panic("page 3 already freed") })
	require.ErrorIs(t, err, driver.ErrStoreBroken, "the call that it happened to")
	require.ErrorContains(t, err, "page 3 already freed")
	for name, err := range afterwards(t, s, lease) {
		require.ErrorIs(t, err, driver.ErrStoreBroken, name)
		require.ErrorContains(t, err, "page 3 already freed", name)
	}
}

// afterwards returns what calls of a store come to.
func afterwards(t *testing.T, s *Store, lease driver.Lease) map[string]error {
	t.Helper()
	_, progress := s.Progress(t.Context(), "m")
	_, _, acquire := s.Acquire(t.Context(), "m", "another", "a")
	return map[string]error{"commit": s.Commit(t.Context(), lease, progressAt(2)), "progress": progress, "acquire": acquire}
}

func progressAt(v int) driver.Progress {
	return driver.Progress{Version: uint64(v), Position: batch.Position{SequenceNumber: fmt.Sprintf("4959033827149025660855969253836157109592%08d", v)}}
}

func acquireMany(t testing.TB, s *Store, n int) []driver.Lease {
	t.Helper()
	leases := make([]driver.Lease, n)
	var g errgroup.Group
	for i := range leases {
		g.Go(func() (err error) {
			leases[i], _, err = s.Acquire(t.Context(), "m", fmt.Sprintf("shardId-%012d", i), "a")
			return err
		})
	}
	require.NoError(t, g.Wait())
	return leases
}
