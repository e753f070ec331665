package mapping_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/boltstore"
	"github.com/shardmill/shardmill/mapping/driver"
)

const renamedLine = "the store has progress of the same stream under other names"

// ran has a mapping process what there is, and stops it.
func (w *world) ran(cfg mapping.Config) {
	w.t.Helper()
	r := w.start(cfg)
	pass(time.Minute)
	require.NoError(w.t, r.stop())
}

func (w *world) called(function string) mapping.Config {
	cfg := w.config()
	cfg.FunctionName = function
	return cfg
}

func TestARenamedFunctionIsWarnedOfAndGoesOnUnderItsOldName(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) driver.Store{
		"memory": func(*testing.T) driver.Store { return mapping.NewMemoryStore() },
		"file": func(t *testing.T) driver.Store {
			s, err := boltstore.Open(t.TempDir() + "/store.db")
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, s.Close()) })
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 2, func(t *testing.T, w *world) {
				w.store = open(t)
				w.put(0, 20)
				w.ran(w.called("ship-orders"))
				assert.Empty(t, w.logs.lines(renamedLine), "the first start")
				require.Len(t, w.delivered(), 20)
				w.ran(w.called("ship-orders"))
				assert.Empty(t, w.logs.lines(renamedLine), "a restart")
				require.Len(t, w.delivered(), 20)

				r := w.start(w.called("deliver-orders"))
				pass(time.Second)
				lines := w.logs.lines(renamedLine)
				require.Len(t, lines, 1)
				assert.Contains(t, lines[0], "level=WARN")
				assert.Contains(t, lines[0], "set Config.StoreName to that name")
				assert.Contains(t, lines[0], `others="`+storeName+`"`)
				require.NoError(t, r.stop())
				require.Len(t, w.delivered(), 40, "it replays, as it says")
				w.ran(w.called("deliver-orders"))
				assert.Len(t, w.logs.lines(renamedLine), 1, "a restart with progress of its own")

				w.put(20, 5)
				old, err := mapping.StoreKey(streamARN, "ship-orders")
				require.NoError(t, err)
				cfg := w.called("send-orders")
				cfg.StoreName = old
				before, err := mapping.New(w.called("ship-orders"))
				require.NoError(t, err)
				m, err := mapping.New(cfg)
				require.NoError(t, err)
				assert.Equal(t, before.Status().UUID, m.Status().UUID, "objects in S3 keep their keys")
				w.ran(cfg)
				assert.Len(t, w.delivered(), 45, "it goes on where ship-orders ended")
				assert.Len(t, w.logs.lines(renamedLine), 1)
			})
		})
	}
}

// TestAUUIDThatIsAddedIsANewNameToo: with StoreName the mapping keeps its progress, and gets the UUID.
func TestAUUIDThatIsAddedIsANewNameToo(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 5)
		w.ran(w.called("ship-orders"))
		cfg := w.called("ship-orders")
		cfg.UUID, cfg.StoreName = "0f4c2e3a-8a53-4f5e-9d0e-6a3c1b2d4e5f", storeName
		w.ran(cfg)
		assert.Empty(t, w.logs.lines(renamedLine))
		assert.Len(t, w.delivered(), 5)
		cfg.StoreName = ""
		r := w.start(cfg)
		pass(time.Minute)
		assert.Equal(t, cfg.UUID, r.Status().UUID)
		require.NoError(t, r.stop())
		assert.Len(t, w.logs.lines(renamedLine), 1)
		assert.Len(t, w.delivered(), 10)
	})
}

func TestNoOtherNameIsNamedThatRunsOrIsOfAnotherStream(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		other, err := w.service.CreateStream("parcels", 1)
		require.NoError(t, err)
		_, _, err = other.Put("k", []byte("x"))
		require.NoError(t, err)
		w.put(0, 3)
		cfg := w.called("ship-orders")
		cfg.EventSourceARN = other.ARN()
		w.ran(cfg)
		cfg = w.called("ship-orders")
		cfg.StoreName = "a name that says nothing of its stream"
		w.ran(cfg)
		runs := w.start(w.called("runs"))
		pass(time.Minute)
		w.ran(w.called("new"))
		assert.Empty(t, w.logs.lines(renamedLine))
		require.NoError(t, runs.stop())
		w.ran(w.called("newer"))
		lines := w.logs.lines(renamedLine)
		require.Len(t, lines, 1)
		assert.Contains(t, lines[0], "function:new, ")
		assert.Contains(t, lines[0], "function:runs")
		assert.Contains(t, lines[0], "count=2")
	})
}

func TestManyOtherNamesAreCounted(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 3)
		for _, name := range strings.Split("abcdefgh", "") {
			w.ran(w.called("f-" + name))
		}
		lines := w.logs.lines(renamedLine)
		require.Len(t, lines, 7)
		assert.Contains(t, lines[6], "count=7")
		assert.Equal(t, 5, strings.Count(lines[6], "function:f-")-strings.Count(lines[6], "function:f-h"))
	})
}

// fleets is what one process sees of a ListedStore whose mappings have a sharedStore each.
type fleets struct {
	*view
	shared *sync.Map // by the mapping's name, of *sharedStore
	dead   atomic.Bool
}

func (f *fleets) of(name string) *view {
	store, _ := f.shared.LoadOrStore(name, newSharedStore())
	v := &view{sharedStore: store.(*sharedStore)}
	v.cut.Store(f.dead.Load())
	return v
}

// mortalTable is a table of a process that may have died.
type mortalTable struct {
	driver.FleetTable
	f *fleets
}

func (m mortalTable) Heartbeat(ctx context.Context, row driver.FleetWorker, join bool) error {
	if m.f.dead.Load() {
		return errSilent
	}
	return m.FleetTable.Heartbeat(ctx, row, join)
}

func (m mortalTable) Retire(ctx context.Context, incarnation string) error {
	if m.f.dead.Load() {
		return errSilent
	}
	return m.FleetTable.Retire(ctx, incarnation)
}

func (f *fleets) Fleet(name string) driver.FleetTable { return mortalTable{f.of(name).Fleet(name), f} }

func (f *fleets) Progress(ctx context.Context, name string) (map[string]driver.Progress, error) {
	return f.of(name).Progress(ctx, name)
}

func (f *fleets) Names(context.Context) (names []string, err error) {
	f.shared.Range(func(name, _ any) bool {
		names = append(names, name.(string))
		return true
	})
	return names, nil
}

func (f *fleets) Held(context.Context, string) (bool, error) { panic("not called") }

func TestARenamedFunctionOfAFleetIsWarnedOfWhenTheOldFleetIsDead(t *testing.T) {
	for name, c := range map[string]struct {
		killed, runs bool
		lines        int
	}{
		"stopped": {lines: 1},
		"killed":  {killed: true, lines: 1},
		"running": {runs: true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 2, func(t *testing.T, w *world) {
				shared := &sync.Map{}
				open := func() *fleets { return &fleets{view: &view{sharedStore: newSharedStore()}, shared: shared} }
				w.put(0, 10)
				first, second := w.called("ship-orders"), w.called("deliver-orders")
				before := open()
				first.Store, second.Store = before, open()
				old := w.start(first)
				pass(time.Minute)
				before.dead.Store(c.killed)
				if !c.killed && !c.runs {
					require.NoError(t, old.stop())
				}
				r := w.start(second)
				pass(5 * time.Minute)
				lines := w.logs.lines(renamedLine)
				assert.Len(t, lines, c.lines)
				for _, line := range lines {
					assert.Contains(t, line, storeName)
				}
				require.NoError(t, r.stop())
				if c.killed || c.runs {
					_ = old.stop()
				}
			})
		})
	}
}

func TestAStoreNameThatNoStoreTakesIsRefused(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		for _, name := range []string{strings.Repeat("n", 1025), "\xff"} {
			cfg := w.config()
			cfg.StoreName = name
			_, err := mapping.New(cfg)
			require.ErrorContains(t, err, "mapping: StoreName: is ")
			require.ErrorContains(t, err, "must be at most 1024 bytes of UTF-8")
		}
	})
}
