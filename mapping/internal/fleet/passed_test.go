package fleet_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// outsiders is a table whose leases that are marked by "!" a program outside the fleet has.
type outsiders struct {
	*fleet.Memory
	rows    string
	deleted string // a row that the program has deleted
}

func (o outsiders) Leases(ctx context.Context, mark string) (page []driver.FleetLease, next string, err error) {
	page, next, err = o.Memory.Leases(ctx, mark)
	page = slices.DeleteFunc(page, func(l driver.FleetLease) bool { return l.Shard == o.deleted })
	for i, l := range page {
		if slices.Contains(strings.Fields(o.rows), l.Shard+"!") {
			page[i].Owner, page[i].Foreign = "kcl", true
		}
	}
	return page, next, err
}

// TestShardsWithoutARowBehindBegunOnes holds which shards without a row are taken, and which are not since a child tells
// that they are finished. "c<a,b" is shard c with the parents a and b; rows are "c" with nothing processed, "c+" begun,
// "c." finished, and "c!" begun by a program outside the fleet that has it.
func TestShardsWithoutARowBehindBegunOnes(t *testing.T) {
	for name, tc := range map[string]struct{ listed, rows, taken string }{
		"no rows at all":                      {"a b<a c<a", "", "a"},
		"a split whose child is begun":        {"a b<a c<a", "b+ c", "b c"},
		"a split whose child is another's":    {"a b<a c<a", "b! c", "c"},
		"a split whose child is finished":     {"a b<a c<a d<b", "b. c", "c d"},
		"children that nobody has begun":      {"a b<a c<a", "b c", "a"},
		"a merge":                             {"a b c<a,b", "c+", "c"},
		"a merge, one parent's row is left":   {"a b c<a,b", "b. c+", "c"},
		"a parent whose row says otherwise":   {"a b c<a,b", "b+ c+", "b"},
		"parents of parents":                  {"a b c<a,b d<c e<c", "d+ e", "d e"},
		"the row in between is not begun":     {"a b<a c<b", "b c+", "a"},
		"another family":                      {"a b<a x y<x", "b+ y", "b x"},
		"a child that has left the stream":    {"a x", "b+", "a x"},
		"a parent that has left the stream":   {"b<a c<a", "b+ c", "b c"},
		"two generations, with nothing begun": {"a b<a c<b", "b c", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, m := t.Context(), fleet.NewMemory(100)
			for row := range strings.FieldsSeq(tc.rows) {
				id := strings.TrimRight(row, "+.!")
				lease, err := m.Take(ctx, driver.FleetLease{Shard: id}, "before#1")
				require.NoError(t, err)
				if id != row {
					require.NoError(t, m.Commit(ctx, lease, driver.FleetCheckpoint{Version: 1, Finished: strings.HasSuffix(row, ".")}))
				}
				require.NoError(t, m.Release(ctx, lease))
			}
			var listed []fleet.Shard
			for s := range strings.FieldsSeq(tc.listed) {
				id, parents, _ := strings.Cut(s, "<")
				listed = append(listed, fleet.Shard{ID: id, Parents: slices.DeleteFunc(strings.Split(parents, ","), func(p string) bool { return p == "" })})
			}
			c, err := fleet.New(fleet.Config{Worker: "a"})
			require.NoError(t, err)
			now := time.Unix(0, 0)
			c.Shards(now, listed)
			table := outsiders{Memory: m, rows: tc.rows}
			var taken []string
			drive(ctx, c, table, now, now.Add(30*time.Second), func(a fleet.Action) {
				if take, ok := a.(*fleet.Take); ok {
					taken = append(taken, take.Seen.Shard)
				}
			})
			slices.Sort(taken)
			assert.Equal(t, tc.taken, strings.Join(slices.Compact(taken), " "))
		})
	}
}

// TestRowOfAParentThatIsDeletedIsNotMissed has a program outside the fleet delete the row of a finished parent that was seen.
func TestRowOfAParentThatIsDeletedIsNotMissed(t *testing.T) {
	ctx, m := t.Context(), fleet.NewMemory(100)
	c, err := fleet.New(fleet.Config{Worker: "a"})
	require.NoError(t, err)
	now := time.Unix(0, 0)
	c.Shards(now, []fleet.Shard{{ID: "parent"}, {ID: "begun", Parents: []string{"parent"}}, {ID: "new", Parents: []string{"parent"}}})
	for shard, end := range map[string]bool{"parent": true, "begun": false} {
		lease, err := m.Take(ctx, driver.FleetLease{Shard: shard}, "before#1")
		require.NoError(t, err)
		require.NoError(t, m.Commit(ctx, lease, driver.FleetCheckpoint{Version: 1, Finished: end}))
		require.NoError(t, m.Release(ctx, lease))
	}
	var taken []string
	read := 0
	look := func(a fleet.Action) {
		switch a := a.(type) {
		case *fleet.Take:
			taken = append(taken, a.Seen.Shard)
		case *fleet.ReadLeases:
			read++
		default:
		}
	}
	drive(ctx, c, m, now, now.Add(30*time.Second), look)
	require.ElementsMatch(t, []string{"begun", "new"}, taken)

	taken, read = nil, 0
	drive(ctx, c, outsiders{Memory: m, deleted: "parent"}, now.Add(30*time.Second), now.Add(10*time.Minute), look)
	assert.Empty(t, taken)
	assert.Positive(t, read)
}
