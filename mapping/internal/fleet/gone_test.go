package fleet_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// crewOf drives some Coordinators, a step at a time, against one table that answers at once.
type crewOf struct {
	t     *testing.T
	table *fleet.Memory
	now   time.Time
	cores map[string]*fleet.Coordinator
	gone  map[string][]fleet.Gone // by the worker that says so

	// closed, if set, is called when a worker has closed the row of another one.
	closed func(by *fleet.Coordinator)

	// blind are the workers whose readings of the leases fail.
	blind map[*fleet.Coordinator]bool
}

// sight is the table as a worker sees it.
type sight struct {
	driver.FleetTable

	blind func() bool // whether the leases cannot be read
}

func (s sight) Leases(ctx context.Context, from string) ([]driver.FleetLease, string, error) {
	if s.blind() {
		return nil, "", errors.New("throttled")
	}
	return s.FleetTable.Leases(ctx, from)
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
			table := sight{c.table, func() bool { return c.blind[core] }}
			drive(c.t.Context(), core, table, c.now, c.now, func(a fleet.Action) {
				switch a := a.(type) {
				case *fleet.Gone:
					c.gone[name] = append(c.gone[name], *a)
				case *fleet.CloseWorker:
					core.Closed(c.now, a, c.table.Close(c.t.Context(), a.Incarnation, a.Counter))
					if c.closed != nil {
						c.closed(core)
					}
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

func TestAWorkerThatLeavesSaysTheLossItHasSeen(t *testing.T) {
	c := &crewOf{t: t, table: fleet.NewMemory(100), now: time.Unix(0, 0), cores: map[string]*fleet.Coordinator{}, gone: map[string][]fleet.Gone{}}
	c.join("a", "b", "c")
	c.pass(time.Minute)
	// The worker that closes the dead one's row leaves immediately, and does not read the leases again. No other worker logs a warning.
	c.blind = map[*fleet.Coordinator]bool{}
	c.closed = func(by *fleet.Coordinator) {
		by.Stop(c.now)
		c.blind[by] = true
	}
	delete(c.cores, "b")
	c.pass(5 * time.Minute)

	var warned []fleet.Gone
	for _, gone := range c.gone {
		for _, g := range gone {
			if g.Here {
				warned = append(warned, g)
			}
		}
	}
	assert.Equal(t, []fleet.Gone{{Incarnation: "b#1", Shards: 2, Here: true}}, warned)
}

func TestAWorkerDoesNotLeaveBeforeItKnowsWhetherAnotherIsClosed(t *testing.T) {
	for name, answers := range map[string]bool{"answered": true, "never answered": false} {
		t.Run(name, func(t *testing.T) { leavesWhileItCloses(t, answers) })
	}
}

func leavesWhileItCloses(t *testing.T, answers bool) {
	t.Helper()
	c := &crewOf{t: t, table: fleet.NewMemory(100), now: time.Unix(0, 0), cores: map[string]*fleet.Coordinator{}, gone: map[string][]fleet.Gone{}}
	c.join("a", "b")
	c.pass(time.Minute)
	delete(c.cores, "b")
	a := c.cores["a"]
	var asked *fleet.CloseWorker
	log := func(action fleet.Action) {
		if action, ok := action.(*fleet.CloseWorker); ok {
			asked = action
		}
	}
	for ; asked == nil; c.now = c.now.Add(50 * time.Millisecond) {
		drive(t.Context(), a, c.table, c.now, c.now, log)
	}
	a.Stop(c.now)
	drive(t.Context(), a, c.table, c.now, c.now.Add(time.Second), log)
	assert.False(t, a.Done())
	if !answers {
		drive(t.Context(), a, c.table, c.now, c.now.Add(3*time.Second), log)
		assert.True(t, a.Done(), "it does not wait for ever")
		return
	}

	a.Closed(c.now, asked, c.table.Close(t.Context(), asked.Incarnation, asked.Counter))
	var said []fleet.Gone
	drive(t.Context(), a, c.table, c.now, c.now.Add(time.Second), func(action fleet.Action) {
		if action, ok := action.(*fleet.Gone); ok {
			said = append(said, *action)
		}
	})
	assert.True(t, a.Done())
	assert.Equal(t, []fleet.Gone{{Incarnation: "b#1", Shards: 3, Here: true}}, said)
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
