package dynamostore_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
)

func TestRestartedProcessTakesOverWhatTheOneBeforeHad(t *testing.T) {
	db := server(t)
	before := open(t, db, "a")
	old, _ := acquire(t, before, orders)
	require.NoError(t, before.Commit(t.Context(), old, at(7, 7)))

	after := open(t, db, "a")
	next, p := acquire(t, after, orders)
	assert.Equal(t, at(7, 7), p)
	assert.Greater(t, next.Epoch, old.Epoch)

	// The one before was only paused: it can store nothing, and take nothing back.
	require.ErrorIs(t, before.Commit(t.Context(), old, at(8, 8)), driver.ErrLeaseLost)
	require.NoError(t, before.Release(t.Context(), old))
	_, _, err := before.Acquire(t.Context(), orders, shard0, "owner")
	require.ErrorIs(t, err, driver.ErrLeaseHeld)
	assert.ErrorContains(t, err, "process 2 of worker a")
	require.NoError(t, after.Commit(t.Context(), next, at(1, 9)))

	require.NoError(t, after.Release(t.Context(), next))
	_, p = acquire(t, before, orders) // once it is given back, anybody can have it
	assert.Equal(t, at(1, 9), p)
}

func TestProcessOfAnotherNameTakesNothing(t *testing.T) {
	db := server(t)
	held, _ := acquire(t, open(t, db, "a"), orders)
	other := open(t, db, "b")
	_, _, err := other.Acquire(t.Context(), orders, shard0, "owner")
	require.ErrorIs(t, err, driver.ErrLeaseHeld)
	assert.ErrorContains(t, err, "process 1 of worker a")
	require.ErrorIs(t, other.Delete(t.Context(), orders, shard0), driver.ErrLeaseHeld)
	assert.NotZero(t, held)
}

func TestLostLeaseCanBeHadAgain(t *testing.T) {
	db := server(t)
	a := open(t, db, "a")
	lost, _ := acquire(t, a, orders)
	b := open(t, db, "a")
	taken, _ := acquire(t, b, orders)
	require.NoError(t, b.Release(t.Context(), taken))
	require.ErrorIs(t, a.Commit(t.Context(), lost, at(1, 1)), driver.ErrLeaseLost)
	acquire(t, a, orders) // though a lease that was lost is never released
}

func TestLostAnswersOfAcquire(t *testing.T) {
	db := server(t)
	for name, f := range map[string]fault{"the SDK did it twice": twice, "the caller asks again": lostReply, "it never arrived": lostCall} {
		t.Run(name, func(t *testing.T) {
			c := &cutter{Client: db}
			s := open(t, c, t.Name())
			warm, _, err := s.Acquire(t.Context(), t.Name(), "another", "owner") // the tables and the incarnation
			require.NoError(t, err)

			c.next(f)
			got, p, err := s.Acquire(t.Context(), t.Name(), shard0, "owner")
			if f != twice {
				require.ErrorIs(t, err, errCut)
				assert.Zero(t, got)
				got, p, err = s.Acquire(t.Context(), t.Name(), shard0, "owner")
			}
			require.NoError(t, err)
			assert.Zero(t, p)
			require.NoError(t, s.Commit(t.Context(), got, at(1, 1)))
			_, _, err = s.Acquire(t.Context(), t.Name(), shard0, "owner")
			require.ErrorIs(t, err, driver.ErrLeaseHeld)
			require.NoError(t, s.Commit(t.Context(), warm, at(1, 1)))
		})
	}
}

func TestLostAnswersOfCommitAndRelease(t *testing.T) {
	db := server(t)
	for name, f := range map[string]fault{"the SDK did it twice": twice, "the caller asks again": lostReply, "it never arrived": lostCall, "throttled": throttled} {
		t.Run(name, func(t *testing.T) {
			c := &cutter{Client: db}
			s := open(t, c, t.Name())
			lease, _ := acquire(t, s, t.Name())
			require.NoError(t, s.Commit(t.Context(), lease, at(1, 1)))

			c.next(f)
			err := s.Commit(t.Context(), lease, at(2, 2))
			switch f {
			case twice:
				require.NoError(t, err)
			case throttled:
				require.ErrorIs(t, err, dynamostore.ErrThrottled)
			default:
				require.ErrorIs(t, err, errCut)
			}
			require.NoError(t, s.Commit(t.Context(), lease, at(2, 2)))
			require.NoError(t, s.Commit(t.Context(), lease, at(3, 3)))
			all, err := s.Progress(t.Context(), t.Name())
			require.NoError(t, err)
			assert.Equal(t, map[string]driver.Progress{shard0: at(3, 3)}, all)

			c.next(f)
			if err := s.Release(t.Context(), lease); f == twice {
				require.NoError(t, err)
			} else {
				require.Error(t, err)
			}
			_, p := acquire(t, s, t.Name()) // though the table may say that we have it
			assert.Equal(t, at(3, 3), p)
		})
	}
}

func TestCommitIsOneWrite(t *testing.T) {
	c := &cutter{Client: server(t)}
	s := open(t, c, "a")
	lease, _ := acquire(t, s, orders)
	before := c.count()
	for i := range 10 {
		require.NoError(t, s.Commit(t.Context(), lease, at(uint64(i+1), i)))
	}
	assert.Equal(t, 10, c.count()-before)
}
