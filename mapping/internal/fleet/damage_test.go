package fleet_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// damagedTable is a table some of whose rows cannot be read: those of the shards and incarnations named.
type damagedTable struct {
	*fleet.Memory
	damaged map[string]bool
}

func (d damagedTable) Leases(ctx context.Context, mark string) (page []driver.FleetLease, next string, err error) {
	page, next, err = d.Memory.Leases(ctx, mark)
	for i, l := range page {
		if d.damaged[l.Shard] {
			page[i] = driver.FleetLease{Shard: l.Shard, Damage: "its row does not parse"}
		}
	}
	return page, next, err
}

func (d damagedTable) Workers(ctx context.Context, mark string) (page []driver.FleetWorker, next string, err error) {
	page, next, err = d.Memory.Workers(ctx, mark)
	for i, w := range page {
		if d.damaged[w.Incarnation] {
			page[i] = driver.FleetWorker{Incarnation: w.Incarnation, Damage: "its row does not parse"}
		}
	}
	return page, next, err
}

// stage is a worker "b" over a table whose rows may be damaged, with the leases that it has.
type stage struct {
	*testing.T
	table damagedTable
	core  *fleet.Coordinator
	now   time.Time
	has   map[string]driver.FleetLease
}

func newStage(t *testing.T, shards ...string) *stage {
	c, err := fleet.New(fleet.Config{Worker: "b"})
	require.NoError(t, err)
	s := &stage{t, damagedTable{fleet.NewMemory(100), map[string]bool{}}, c, time.Unix(0, 0), map[string]driver.FleetLease{}}
	var listed []fleet.Shard
	for _, id := range shards {
		listed = append(listed, fleet.Shard{ID: id})
	}
	c.Shards(s.now, listed)
	return s
}

// pass lets time pass, and returns which shards the worker has then.
func (s *stage) pass(d time.Duration) []string {
	until := s.now.Add(d)
	drive(s.Context(), s.core, s.table, s.now, until, func(a fleet.Action) {
		switch a := a.(type) {
		case *fleet.Take:
			s.has[a.Seen.Shard] = a.Seen
		case *fleet.Drop:
			delete(s.has, a.Lease.Shard)
		case *fleet.DropAll:
			clear(s.has)
		case *fleet.CloseWorker:
			assert.Fail(s, "a worker is closed", a.Incarnation)
		default:
		}
	})
	s.now = until
	return slices.Sorted(maps.Keys(s.has))
}

func TestDamagedLeaseRowKeepsOnlyItsShardFromTheFleet(t *testing.T) {
	s := newStage(t, "1", "2", "3")
	for _, id := range []string{"1", "2", "3"} {
		lease, err := s.table.Take(t.Context(), driver.FleetLease{Shard: id}, "gone#1")
		require.NoError(t, err)
		require.NoError(t, s.table.Release(t.Context(), lease))
	}
	s.table.damaged["2"] = true
	assert.Equal(t, []string{"1", "3"}, s.pass(time.Minute))
	states := s.core.States()
	require.Len(t, states, 3)
	assert.Equal(t, "its row does not parse", states[1].Lease.Damage)

	s.table.damaged["1"] = true
	assert.Equal(t, []string{"1", "3"}, s.pass(10*time.Minute), "what is processed is not lost")

	clear(s.table.damaged)
	assert.Equal(t, []string{"1", "2", "3"}, s.pass(10*time.Minute))
	assert.Empty(t, s.core.States()[0].Lease.Damage)
}

func TestLeasesOfAWorkerWhoseRowIsDamagedAreLeftAlone(t *testing.T) {
	for _, name := range []string{"a#1", "c#1"} { // before and behind this worker's own name
		t.Run(name, func(t *testing.T) {
			s := newStage(t, "1", "2", "3")
			require.NoError(t, s.table.Heartbeat(t.Context(), driver.FleetWorker{Incarnation: name, Counter: 1}, true))
			_, err := s.table.Take(t.Context(), driver.FleetLease{Shard: "2"}, name)
			require.NoError(t, err)
			s.table.damaged[name] = true
			assert.Equal(t, []string{"1", "3"}, s.pass(10*time.Minute), "the others are shared out among the others")
			require.NoError(t, s.table.Retire(t.Context(), name))
			clear(s.table.damaged)
			assert.Equal(t, []string{"1", "2", "3"}, s.pass(10*time.Minute))
		})
	}
}
