package fleet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// crewOf drives some Coordinators, a step at a time, against one table that answers at once.
type crewOf struct {
	t     *testing.T
	table *fleet.Memory
	now   time.Time
	cores map[string]*fleet.Coordinator
	gone  map[string][]fleet.Gone // by the worker that says so
}

func (c *crewOf) join(names ...string) {
	c.t.Helper()
	for _, name := range names {
		core, err := fleet.New(fleet.Config{Worker: name})
		require.NoError(c.t, err)
		core.Shards(c.now, []fleet.Shard{{ID: "1"}, {ID: "2"}, {ID: "3"}, {ID: "4"}, {ID: "5"}, {ID: "6"}})
		c.cores[name] = core
	}
}

func (c *crewOf) pass(d time.Duration) {
	for end := c.now.Add(d); c.now.Before(end); c.now = c.now.Add(50 * time.Millisecond) {
		for name, core := range c.cores {
			drive(c.t.Context(), core, c.table, c.now, c.now, func(a fleet.Action) {
				switch a := a.(type) {
				case *fleet.Gone:
					c.gone[name] = append(c.gone[name], *a)
				case *fleet.CloseWorker:
					core.Closed(c.now, a, c.table.Close(c.t.Context(), a.Incarnation, a.Counter))
				case *fleet.RemoveWorker:
					_ = c.table.Remove(c.t.Context(), a.Incarnation)
				default:
				}
			})
		}
	}
}

func TestTheLossOfAWorkerIsSaidOnceByEachOther(t *testing.T) {
	c := &crewOf{t: t, table: fleet.NewMemory(100), now: time.Unix(0, 0), cores: map[string]*fleet.Coordinator{}, gone: map[string][]fleet.Gone{}}
	c.join("a", "b", "c")
	c.pass(time.Minute)
	assert.Empty(t, c.gone)

	delete(c.cores, "b")
	c.pass(20 * time.Second)
	c.join("d") // which was not there
	c.pass(5 * time.Minute)
	here := 0
	for _, name := range []string{"a", "c"} {
		require.Len(t, c.gone[name], 1, name)
		g := c.gone[name][0]
		assert.Equal(t, "b#1", g.Incarnation)
		assert.Equal(t, 2, g.Shards)
		if g.Here {
			here++
		}
		assert.Equal(t, g.Here, strings.HasSuffix(g.String(), " here"))
	}
	assert.Equal(t, 1, here, "one of them has closed it")
	assert.Empty(t, c.gone["d"])
}

func TestAWorkerThatLeavesIsNoLoss(t *testing.T) {
	c := &crewOf{t: t, table: fleet.NewMemory(100), now: time.Unix(0, 0), cores: map[string]*fleet.Coordinator{}, gone: map[string][]fleet.Gone{}}
	c.join("a", "b")
	c.pass(time.Minute)
	c.cores["b"].Stop(c.now)
	c.pass(time.Minute)
	require.True(t, c.cores["b"].Done())
	assert.Empty(t, c.gone)
}

func TestAWorkersNameIsReadable(t *testing.T) {
	for name, ok := range map[string]bool{
		"w1": true, "host-1234": true, "ns/pod#3@eu": true, "größe": true, strings.Repeat("w", 255): true,
		"": false, "a b": false, "a\nb": false, "a\u00a0b": false, "\x00": false, "\xff": false, strings.Repeat("w", 256): false,
	} {
		err := fleet.CheckName(name)
		assert.Equal(t, ok, err == nil, "%q: %v", name, err)
		if err != nil {
			assert.ErrorContains(t, err, "must be 1 to 255 bytes")
		}
	}
}
