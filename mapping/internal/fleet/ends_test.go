package fleet_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// finishedBy stores the end of a shard under a lease of an owner, who does not release it.
func finishedBy(t *testing.T, m *fleet.Memory, owner string) {
	t.Helper()
	lease, err := m.Take(t.Context(), driver.FleetLease{Shard: "s"}, owner)
	require.NoError(t, err)
	require.NoError(t, m.Commit(t.Context(), lease, driver.FleetCheckpoint{Version: 1, Finished: true, Value: "end"}))
}

// rowOf returns the only lease row of a table.
func rowOf(t *testing.T, m *fleet.Memory) driver.FleetLease {
	t.Helper()
	rows, _, err := m.Leases(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, rows, 1)
	return rows[0]
}

func TestFinishedLeaseOfAWorkerThatIsGoneIsFreed(t *testing.T) {
	for name, gone := range map[string]func(m *fleet.Memory){
		"its row is closed": func(m *fleet.Memory) {
			_ = m.Heartbeat(t.Context(), driver.FleetWorker{Incarnation: "x#1", Counter: 1}, true)
			_ = m.Retire(t.Context(), "x#1")
		},
		"its row is removed": func(*fleet.Memory) {},
		"it falls silent": func(m *fleet.Memory) {
			_ = m.Heartbeat(t.Context(), driver.FleetWorker{Incarnation: "x#1", Counter: 1}, true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := fleet.NewMemory(100)
			finishedBy(t, m, "x#1")
			gone(m)
			driveFor(t, m, time.Minute, func(time.Time) {})
			assert.Equal(t, driver.FleetLease{Shard: "s", Epoch: 3, Begun: true, Finished: true}, rowOf(t, m))
		})
	}
}

// TestFinishedLeaseOfALivingWorkerIsLeftAlone has its owner hang before it releases the lease, with heartbeats that go on.
func TestFinishedLeaseOfALivingWorkerIsLeftAlone(t *testing.T) {
	m := fleet.NewMemory(100)
	finishedBy(t, m, "x#1")
	counter := uint64(0)
	driveFor(t, m, 10*time.Minute, func(time.Time) {
		counter++
		require.NoError(t, m.Heartbeat(t.Context(), driver.FleetWorker{Incarnation: "x#1", Counter: counter}, true))
	})
	assert.Equal(t, driver.FleetLease{Shard: "s", Owner: "x#1", Epoch: 1, Begun: true, Finished: true}, rowOf(t, m))
}

// driveFor drives a worker against a table for a while, and calls each now and then. Its calls are answered, but for the first
// releases.
func driveFor(t *testing.T, m *fleet.Memory, d time.Duration, each func(now time.Time)) {
	t.Helper()
	c, err := fleet.New(fleet.Config{Worker: "a"})
	require.NoError(t, err)
	now := time.Unix(0, 0)
	c.Shards(now, nil)
	for end := now.Add(d); now.Before(end); now = now.Add(time.Second) {
		each(now)
		drive(t.Context(), c, m, now, now.Add(time.Second), func(a fleet.Action) {
			switch a := a.(type) {
			case *fleet.CloseWorker:
				c.Closed(now, a, m.Close(t.Context(), a.Incarnation, a.Counter))
			case *fleet.Release:
				_ = m.Release(t.Context(), a.Lease)
			}
		})
	}
}

// TestOwnFinishedLeaseWhoseReleaseFailedIsReleasedAgain holds that nothing more than a release is made of it.
func TestOwnFinishedLeaseWhoseReleaseFailedIsReleasedAgain(t *testing.T) {
	m, failures := fleet.NewMemory(100), 2
	c, err := fleet.New(fleet.Config{Worker: "a"})
	require.NoError(t, err)
	now := time.Unix(0, 0)
	c.Shards(now, []fleet.Shard{{ID: "s"}})
	takes := 0
	log := func(a fleet.Action) {
		switch a := a.(type) {
		case *fleet.Take:
			takes++
		case *fleet.Release:
			if failures--; failures < 0 {
				_ = m.Release(t.Context(), a.Lease)
			}
		}
	}
	drive(t.Context(), c, m, now, now.Add(5*time.Second), log)
	now = now.Add(5 * time.Second)
	lease := rowOf(t, m)
	require.Equal(t, "a#1", lease.Owner)
	require.NoError(t, m.Commit(t.Context(), lease, driver.FleetCheckpoint{Version: 1, Finished: true, Value: "end"}))
	c.Ended(now, lease, fleet.Abandoned)
	drive(t.Context(), c, m, now, now.Add(10*time.Minute), log)
	assert.Equal(t, driver.FleetLease{Shard: "s", Epoch: 2, Begun: true, Finished: true}, rowOf(t, m))
	assert.Equal(t, 1, takes)
	assert.Negative(t, failures)
}

func TestDeletedRowsEpochsGoOn(t *testing.T) {
	m := fleet.NewMemory(100)
	require.NoError(t, m.Delete(t.Context(), "s"), "there is none")
	finishedBy(t, m, "x#1")
	require.ErrorIs(t, m.Delete(t.Context(), "s"), driver.ErrFleetRefused, "it has an owner")
	lease := rowOf(t, m)
	require.NoError(t, m.Release(t.Context(), lease))
	require.NoError(t, m.Delete(t.Context(), "s"))
	_, ok := m.Checkpoint("s")
	assert.False(t, ok)
	row, err := m.Take(t.Context(), driver.FleetLease{Shard: "s"}, "x#1")
	require.NoError(t, err)
	assert.Equal(t, driver.FleetLease{Shard: "s", Owner: "x#1", Epoch: 3}, row)
	again, err := m.Take(t.Context(), driver.FleetLease{Shard: "s"}, "x#1")
	require.NoError(t, err, "again")
	assert.Equal(t, row, again)
	require.Error(t, m.Delete(t.Context(), "s"))
	require.NoError(t, m.Release(t.Context(), row))
	require.ErrorContains(t, m.Delete(t.Context(), "s"), "not finished")
}
