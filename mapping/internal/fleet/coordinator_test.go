package fleet_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	_ driver.FleetTable = (*fleet.Memory)(nil)
	_ driver.FleetTable = (*fleet.Faulty)(nil)
)

// drive does what a Coordinator wants done against a table that answers at once, until the given time.
func drive(ctx context.Context, c *fleet.Coordinator, table driver.FleetTable, now, until time.Time, log func(fleet.Action)) {
	for !now.After(until) {
		actions := c.Next(now)
		for _, a := range actions {
			log(a)
			switch a := a.(type) {
			case *fleet.Heartbeat:
				c.Beaten(now, a, table.Heartbeat(ctx, a.Row, a.Join))
			case *fleet.ReadWorkers:
				rows, _, err := table.Workers(ctx, "")
				c.Workers(now, rows, err)
			case *fleet.ReadLeases:
				rows, _, err := table.Leases(ctx, "")
				c.Leases(now, rows, err)
			case *fleet.Take:
				row, err := table.Take(ctx, a.Seen, a.Owner)
				c.Taken(now, a, row, err)
			case *fleet.Drain:
				_ = table.Release(ctx, a.Lease)
				c.Ended(now, a.Lease, fleet.Released)
			case *fleet.RetireWorker:
				c.Retired(now, a, table.Retire(ctx, a.Incarnation))
			}
		}
		if at, ok := c.Wake(now); ok && len(actions) == 0 {
			now = at
		} else if !ok && len(actions) == 0 {
			return
		}
	}
}

func ExampleCoordinator() {
	table := fleet.NewMemory(100)
	c, err := fleet.New(fleet.Config{Worker: "a"})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Unix(0, 0)
	c.Shards(now, []fleet.Shard{{ID: "shard-1"}, {ID: "shard-2", Parents: []string{"shard-1"}}})
	show := func(a fleet.Action) {
		switch a.(type) {
		case *fleet.ReadWorkers, *fleet.ReadLeases:
		default:
			fmt.Println(a)
		}
	}
	drive(context.Background(), c, table, now, now.Add(2*time.Second), show)
	c.Stop(now.Add(2 * time.Second))
	drive(context.Background(), c, table, now.Add(2*time.Second), now.Add(4*time.Second), show)
	fmt.Println("done:", c.Done())
	// Output:
	// heartbeat a#1 counter=1 generation=0 join
	// take shard-1/0 owner= for a#1
	// heartbeat a#1 counter=2 generation=1
	// heartbeat a#1 counter=3 generation=1 leaving
	// drain shard-1/1 owner=a#1
	// retire a#1
	// done: true
}

func TestConfigViolations(t *testing.T) {
	_, err := fleet.New(fleet.Config{Failover: time.Millisecond, HandOver: time.Microsecond})
	require.Error(t, err)
	for _, field := range []string{"Worker", "Failover", "HandOver"} {
		assert.ErrorContains(t, err, field)
	}
}

// TestWrites holds what the Table promises of each write: its condition, and what a repetition does.
func TestWrites(t *testing.T) {
	ctx, m := t.Context(), fleet.NewMemory(10)
	row := driver.FleetWorker{Incarnation: "a", Counter: 2}
	refused := func(err error) { t.Helper(); require.ErrorIs(t, err, driver.ErrFleetRefused) }

	refused(m.Heartbeat(ctx, row, false))
	refused(m.Close(ctx, "a", 2))
	refused(m.Retire(ctx, "a"))
	require.NoError(t, m.Remove(ctx, "a"))
	require.NoError(t, m.Heartbeat(ctx, row, true))
	require.NoError(t, m.Heartbeat(ctx, row, true), "again")
	require.NoError(t, m.Heartbeat(ctx, row, false), "again")
	refused(m.Heartbeat(ctx, driver.FleetWorker{Incarnation: "a", Counter: 1}, false))
	refused(m.Remove(ctx, "a"))
	refused(m.Close(ctx, "a", 1))
	require.NoError(t, m.Close(ctx, "a", 2))
	require.NoError(t, m.Close(ctx, "a", 2), "again")
	refused(m.Heartbeat(ctx, driver.FleetWorker{Incarnation: "a", Counter: 3}, true))
	require.NoError(t, m.Remove(ctx, "a"))
	require.NoError(t, m.Remove(ctx, "a"), "again")

	none := driver.FleetLease{Shard: "s"}
	first, err := m.Take(ctx, none, "a")
	require.NoError(t, err)
	assert.Equal(t, driver.FleetLease{Shard: "s", Owner: "a", Epoch: 1}, first)
	again, err := m.Take(ctx, none, "a")
	require.NoError(t, err, "again")
	assert.Equal(t, first, again)
	_, err = m.Take(ctx, none, "b")
	refused(err)
	require.NoError(t, m.Commit(ctx, first, driver.FleetCheckpoint{Version: 2, Rate: 7, Value: "two"}))
	require.NoError(t, m.Commit(ctx, first, driver.FleetCheckpoint{Version: 1, Value: "one"}), "older: ignored")
	second, err := m.Take(ctx, first, "b")
	require.NoError(t, err, "from its owner")
	assert.Equal(t, driver.FleetLease{Shard: "s", Owner: "b", Epoch: 2, Begun: true, Rate: 7}, second)
	refused(m.Commit(ctx, first, driver.FleetCheckpoint{Version: 3, Value: "three"}))
	require.NoError(t, m.Release(ctx, first), "lost: nothing happens")
	require.NoError(t, m.Commit(ctx, second, driver.FleetCheckpoint{Version: 1, Finished: true, Value: "end"}))
	require.NoError(t, m.Release(ctx, second))
	require.NoError(t, m.Release(ctx, second), "again")
	_, err = m.Take(ctx, first, "b")
	refused(err)
	rows, next, err := m.Leases(ctx, "")
	require.NoError(t, err)
	assert.Empty(t, next)
	assert.Equal(t, []driver.FleetLease{{Shard: "s", Epoch: 3, Begun: true, Finished: true}}, rows)
	c, ok := m.Checkpoint("s")
	assert.True(t, ok)
	assert.Equal(t, "end", c.Value)
}

// TestPages holds that the marks lead through all rows.
func TestPages(t *testing.T) {
	ctx, m := t.Context(), fleet.NewMemory(3)
	for i := range 10 {
		_, err := m.Take(ctx, driver.FleetLease{Shard: fmt.Sprint("s", i)}, "a")
		require.NoError(t, err)
	}
	var got []string
	pages := 0
	for mark := ""; pages == 0 || mark != ""; pages++ {
		rows, next, err := m.Leases(ctx, mark)
		require.NoError(t, err)
		for _, r := range rows {
			got = append(got, r.Shard)
		}
		mark = next
	}
	assert.Equal(t, []string{"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9"}, got)
	assert.Equal(t, 4, pages)
}

// TestFaulty holds what each kind of fault does to a write.
func TestFaulty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fleet.NewMemory(10)
		var fault fleet.Fault
		f := &fleet.Faulty{Table: m, Plan: func(string) fleet.Fault { return fault }}
		take := func(shard string) error {
			_, err := f.Take(t.Context(), driver.FleetLease{Shard: shard}, "a")
			return err
		}
		fault = fleet.Fault{Fail: fleet.ErrThrottled}
		require.ErrorIs(t, take("throttled"), fleet.ErrThrottled)
		fault = fleet.Fault{Lose: true}
		require.ErrorIs(t, take("lost"), fleet.ErrLost)
		fault = fleet.Fault{Before: time.Second, After: 2 * time.Second}
		began := time.Now()
		require.NoError(t, take("slow"))
		assert.Equal(t, 3*time.Second, time.Since(began))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		_, err := f.Take(ctx, driver.FleetLease{Shard: "late"}, "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		fault = fleet.Fault{}
		rows, _, err := f.Leases(t.Context(), "")
		require.NoError(t, err)
		require.Len(t, rows, 2)
		assert.Equal(t, "lost", rows[0].Shard, "its answer was lost, not the write")
		assert.Equal(t, "slow", rows[1].Shard)
	})
}

// TestRowThatWasMadeAnewIsAlive has a worker whose joins are not answered: it is closed, its row removed, and then one of its
// joins makes the row anew. Who has not seen the row absent must not take it for closed.
func TestRowThatWasMadeAnewIsAlive(t *testing.T) {
	ctx, m := t.Context(), fleet.NewMemory(100)
	c, err := fleet.New(fleet.Config{Worker: "a"})
	require.NoError(t, err)
	now := time.Unix(0, 0)
	require.NoError(t, m.Heartbeat(ctx, driver.FleetWorker{Incarnation: "b#1", Counter: 1}, true))
	require.NoError(t, m.Retire(ctx, "b#1"))
	drive(ctx, c, m, now, now.Add(2*time.Second), func(fleet.Action) {})

	require.NoError(t, m.Remove(ctx, "b#1"))
	require.NoError(t, m.Heartbeat(ctx, driver.FleetWorker{Incarnation: "b#1", Counter: 9}, true))
	_, err = m.Take(ctx, driver.FleetLease{Shard: "shard-1"}, "b#1")
	require.NoError(t, err)
	require.NoError(t, m.Heartbeat(ctx, driver.FleetWorker{Incarnation: "b#1", Counter: 10, Generation: 1}, false))
	c.Shards(now.Add(2*time.Second), []fleet.Shard{{ID: "shard-1"}})
	var took []fleet.Action
	read := 0
	drive(ctx, c, m, now.Add(2*time.Second), now.Add(8*time.Second), func(a fleet.Action) {
		switch a := a.(type) {
		case *fleet.Take:
			if a.Seen.Owner != "" { // before it has read the lease
				took = append(took, a)
			}
		case *fleet.ReadLeases:
			read++
		default:
		}
	})
	assert.Empty(t, took)
	assert.Positive(t, read)
}
