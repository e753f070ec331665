package mapping_test

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping"
)

// named is a view of a sharedStore that has a name for its worker.
type named struct {
	*view
	worker string
}

func (n named) Worker() string { return n.worker }

// joinAs has a worker of a name join, with a log of its own.
func (c *crew) joinAs(name string) (*crewman, *logs) {
	log := &logs{}
	w := c.joinWith(name, func(cfg *mapping.Config) {
		v, _ := cfg.Store.(*view)
		cfg.Store, cfg.Logger = named{v, name}, slog.New(log.handler(c.t))
	})
	return w, log
}

func TestAWorkersNameIsInItsLeasesItsStatusAndEachOfItsLines(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	for name, want := range map[string]string{"w1": "w1", "": fmt.Sprintf("%s-%d", host, os.Getpid())} {
		inWorld(t, 3, func(t *testing.T, w *world) {
			c := newCrew(w)
			m, log := c.joinAs(name)
			c.put(0, 30)
			pass(time.Minute)
			status := m.Status()
			assert.Equal(t, want, status.Worker)
			require.Len(t, status.Shards, 3)
			for _, s := range status.Shards {
				assert.Regexp(t, "^"+want+"/[a-z0-9]{13}#1$", s.Owner)
			}
			rows, _, err := c.store.Leases(t.Context(), "")
			require.NoError(t, err)
			for _, row := range rows {
				assert.Equal(t, status.Shards[0].Owner, row.Owner)
			}
			require.NoError(t, m.stop())
			require.NotEmpty(t, log.String())
			for line := range strings.Lines(log.String()) {
				assert.Regexp(t, ` worker=`+want+`\s`, line)
			}
			assert.Len(t, log.lines("incarnation="+status.Shards[0].Owner), 1)
		})
	}
}

// TestWorkersOfOneNameAreKeptApart: their incarnations differ, in one process and over restarts.
func TestWorkersOfOneNameAreKeptApart(t *testing.T) {
	inWorld(t, 4, func(t *testing.T, w *world) {
		c := newCrew(w)
		a, _ := c.joinAs("twin")
		b, _ := c.joinAs("twin")
		c.put(0, 40)
		pass(time.Minute)
		owners := map[string]int{}
		for _, s := range a.Status().Shards {
			owners[s.Owner]++
		}
		assert.Len(t, owners, 2)
		require.NoError(t, a.stop())
		a, _ = c.joinAs("twin")
		pass(time.Minute)
		for _, s := range a.Status().Shards {
			owners[s.Owner]++
		}
		assert.Len(t, owners, 3)
		require.NoError(t, a.stop())
		require.NoError(t, b.stop())
		records, twice := c.all()
		assert.Equal(t, 40, records)
		assert.Zero(t, twice)
	})
}

func TestOneDeathIsSaidOnceByEachSurvivor(t *testing.T) {
	inWorld(t, 12, func(t *testing.T, w *world) {
		c := newCrew(w)
		dead, deadLog := c.joinAs("dead")
		var crewmen []*crewman
		var said []*logs
		for _, name := range []string{"a", "b", "c"} {
			m, log := c.joinAs(name)
			crewmen, said = append(crewmen, m), append(said, log)
		}
		pass(time.Minute)
		dead.view.cut.Store(true)
		pass(10 * time.Minute)
		warns := 0
		for _, log := range said {
			lines := log.lines(" gone=")
			require.Len(t, lines, 1, "%s", log)
			assert.Contains(t, lines[0], "gone=dead/")
			assert.Contains(t, lines[0], "shards=3")
			warns += strings.Count(lines[0], "level=WARN")
			assert.Len(t, log.lines("dead/"), 1, "%s", log)
			assert.Len(t, log.lines("level=WARN"), strings.Count(lines[0], "level=WARN"), "%s", log)
		}
		assert.Equal(t, 1, warns)
		assert.Empty(t, deadLog.lines(" gone="))

		newcomer, log := c.joinAs("d")
		pass(time.Minute)
		assert.Empty(t, log.lines(" gone="))
		for _, m := range append(crewmen, newcomer) {
			require.NoError(t, m.stop())
		}
		for _, log := range said {
			assert.Len(t, log.lines(" gone="), 1, "a worker that leaves is not gone: %s", log)
		}
		_ = dead.stop()
	})
}

func TestAWorkersNameThatIsNotReadableIsRefused(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.Store = named{&view{sharedStore: newSharedStore()}, "a worker"}
		_, err := mapping.New(cfg)
		require.EqualError(t, err, `mapping: Store: its worker's name is "a worker", must be 1 to 255 bytes of UTF-8 without spaces and control characters`)
	})
}
