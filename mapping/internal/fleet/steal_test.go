package fleet_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// shared is a table in which workers of a program outside the fleet have leases, one that a Take may take from them.
type shared struct {
	*fleet.Memory
	outside map[string]string // owners, by shard
	ended   map[string]bool   // shards whose leases the owner outside keeps, fully processed
}

func (s shared) Leases(ctx context.Context, mark string) (page []driver.FleetLease, next string, err error) {
	page, next, err = s.Memory.Leases(ctx, mark)
	for i, l := range page {
		if owner := s.outside[l.Shard]; owner != "" {
			page[i].Owner, page[i].Foreign = owner, true
		}
		page[i].Finished = page[i].Finished || s.ended[l.Shard]
	}
	return page, next, err
}

func (s shared) Take(ctx context.Context, seen driver.FleetLease, owner string) (driver.FleetLease, error) {
	if seen.Foreign {
		if s.outside[seen.Shard] != seen.Owner {
			return driver.FleetLease{}, driver.ErrFleetRefused
		}
		delete(s.outside, seen.Shard)
		seen.Owner, seen.Foreign = "", false
	}
	return s.Memory.Take(ctx, seen, owner)
}

// newShared returns a table in which each of the named workers outside the fleet has so many shards, and the shards.
func newShared(t *testing.T, has map[string]int) (shared, []fleet.Shard) {
	t.Helper()
	s := shared{fleet.NewMemory(1000), map[string]string{}, map[string]bool{}}
	var all []fleet.Shard
	for name, n := range has {
		for i := range n {
			id := fmt.Sprint(name, "-", i)
			lease, err := s.Memory.Take(t.Context(), driver.FleetLease{Shard: id}, "before#1")
			require.NoError(t, err)
			require.NoError(t, s.Release(t.Context(), lease))
			all = append(all, fleet.Shard{ID: id})
			if !strings.HasPrefix(name, "free") {
				s.outside[id] = name
			}
		}
	}
	slices.SortFunc(all, func(a, b fleet.Shard) int { return strings.Compare(a.ID, b.ID) })
	return s, all
}

// counts returns how many shards each outsider has.
func (s shared) counts() map[string]int {
	n := map[string]int{}
	for _, owner := range s.outside {
		n[owner]++
	}
	return n
}

// A program that shares the table keeps what it has until another one takes it. So does a fleet that has less: one lease at a
// time, until nobody has two more than it has.
func TestASharedFleetTakesItsShareFromOutsiders(t *testing.T) {
	for name, tc := range map[string]struct {
		has  map[string]int
		want int // shards of the fleet's one worker
	}{
		"one has all":            {map[string]int{"k1": 8}, 4},
		"two have all":           {map[string]int{"k1": 6, "k2": 6}, 4},
		"one more is no reason":  {map[string]int{"k1": 1}, 0},
		"two more are":           {map[string]int{"k1": 2}, 1},
		"free ones come first":   {map[string]int{"k1": 4, "free": 4}, 4},
		"it has most of all":     {map[string]int{"k1": 1, "k2": 1, "free": 6}, 6},
		"free ones do not do it": {map[string]int{"k1": 9, "free": 1}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			table, shards := newShared(t, tc.has)
			c, err := fleet.New(fleet.Config{Worker: "a", Shared: true})
			require.NoError(t, err)
			now := time.Unix(0, 0)
			c.Shards(now, shards)
			taken := 0
			drive(t.Context(), c, table, now, now.Add(2*time.Minute), func(a fleet.Action) {
				if take, ok := a.(*fleet.Take); ok {
					taken++
					if take.Seen.Foreign {
						assert.NotContains(t, take.Seen.Owner, "a#")
					}
				}
			})
			assert.Equal(t, tc.want, taken)
			left := 0
			for _, n := range table.counts() {
				left += n
				assert.LessOrEqual(t, n-taken, 1, "nobody has two more")
			}
			assert.Equal(t, len(shards)-taken, left)
		})
	}
}

// KCL keeps the leases of ended shards for minutes, and counts them as work. A fleet counts what is left to process: of five
// leases, two of which are of open shards, it takes one.
func TestLeasesOfEndedShardsAreNoLoadOfAnOutsider(t *testing.T) {
	table, shards := newShared(t, map[string]int{"k1": 5})
	for _, s := range shards[:3] {
		table.ended[s.ID] = true
	}
	c, err := fleet.New(fleet.Config{Worker: "a", Shared: true})
	require.NoError(t, err)
	now := time.Unix(0, 0)
	c.Shards(now, shards)
	drive(t.Context(), c, table, now, now.Add(2*time.Minute), func(fleet.Action) {})
	assert.Equal(t, map[string]int{"k1": 4}, table.counts())
	for _, s := range shards[:3] {
		assert.Equal(t, "k1", table.outside[s.ID], "an ended shard is left to its owner")
	}
}

// A table is given to a fleet while the program that had it still stops: nothing is taken from that.
func TestAFleetThatDoesNotShareTakesNothingFromOutsiders(t *testing.T) {
	table, shards := newShared(t, map[string]int{"k1": 8})
	c, err := fleet.New(fleet.Config{Worker: "a"})
	require.NoError(t, err)
	now := time.Unix(0, 0)
	c.Shards(now, shards)
	drive(t.Context(), c, table, now, now.Add(time.Minute), func(a fleet.Action) {
		assert.NotContains(t, a.String(), "take")
	})
	assert.Equal(t, map[string]int{"k1": 8}, table.counts())
}

// The counter of a lease whose owner outside the fleet has died stands still from the first reading after that on: with three
// readings in a failover time it is found within two.
func TestRowsAreReadThreeTimesInAFailoverTimeWhileOutsidersHaveLeases(t *testing.T) {
	table, shards := newShared(t, map[string]int{"k1": 1})
	c, err := fleet.New(fleet.Config{Worker: "a", Shared: true})
	require.NoError(t, err)
	now, readings := time.Unix(0, 0), 0
	c.Shards(now, shards)
	drive(t.Context(), c, table, now, now.Add(10*fleet.DefaultFailover), func(a fleet.Action) {
		if _, ok := a.(*fleet.ReadLeases); ok {
			readings++
		}
	})
	assert.InDelta(t, 30, readings, 2)
}

// A shard whose parents are not finished may have an owner outside the fleet, which waits. It is not taken: it could not be
// processed.
func TestASharedFleetTakesNoShardThatHasToWait(t *testing.T) {
	table, shards := newShared(t, map[string]int{"k1": 4})
	for i := 1; i < len(shards); i++ {
		shards[i].Parents = []string{shards[0].ID}
	}
	c, err := fleet.New(fleet.Config{Worker: "a", Shared: true})
	require.NoError(t, err)
	now := time.Unix(0, 0)
	c.Shards(now, shards)
	drive(t.Context(), c, table, now, now.Add(time.Minute), func(fleet.Action) {})
	assert.Equal(t, map[string]int{"k1": 3}, table.counts())
	assert.NotContains(t, table.outside, shards[0].ID)
}

// Members of a fleet that see the same rows do not all take from the outsider that has most.
func TestTheMembersOfASharedFleetTakeNoMoreThanTheirShareTogether(t *testing.T) {
	table, shards := newShared(t, map[string]int{"k1": 8, "k2": 8, "k3": 8})
	now := time.Unix(0, 0)
	var all []*fleet.Coordinator
	for _, name := range []string{"a", "b", "c"} {
		c, err := fleet.New(fleet.Config{Worker: name, Shared: true})
		require.NoError(t, err)
		c.Shards(now, shards)
		all = append(all, c)
	}
	taken := map[string]int{}
	for at := now; at.Before(now.Add(2 * time.Minute)); at = at.Add(50 * time.Millisecond) {
		for _, c := range all {
			drive(t.Context(), c, table, at, at, func(a fleet.Action) {
				if take, ok := a.(*fleet.Take); ok && take.Seen.Foreign {
					taken[take.Owner]++
				}
			})
		}
	}
	assert.Equal(t, map[string]int{"a#1": 4, "b#1": 4, "c#1": 4}, taken)
	assert.Equal(t, map[string]int{"k1": 4, "k2": 4, "k3": 4}, table.counts())
}
