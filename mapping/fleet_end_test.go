package mapping_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
)

// lister counts how often the table of a fleet is shown the stream's shards.
type lister struct {
	*view
	listed atomic.Int64
}

func (l *lister) Fleet(name string) driver.FleetTable { return listerTable{l.view.Fleet(name), l} }

type listerTable struct {
	driver.FleetTable
	lister *lister
}

// Listed implements driver.FleetLister.
func (t listerTable) Listed([]driver.FleetShard) {
	t.lister.listed.Add(1)
	time.Sleep(time.Millisecond) // so that time passes, however often it is called
}

// TestAWorkerThatEndsListsTheShardsNoMore: what ended it is the answer to each listing from then on.
func TestAWorkerThatEndsListsTheShardsNoMore(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		l := &lister{view: &view{sharedStore: newSharedStore()}}
		cfg := w.config()
		cfg.Store, cfg.ShardRefreshInterval = l, 5*time.Second
		cfg.Function = invoke.Func(func(context.Context, *invoke.Event) error {
			time.Sleep(20 * time.Second)
			return nil
		})
		w.put(0, 1)
		began := time.Now()
		r := w.start(cfg)
		pass(3 * time.Second)
		before := l.listed.Load()
		require.NoError(t, w.stream.Replace())
		require.ErrorIs(t, <-r.done, mapping.ErrStreamReplaced)
		assert.Greater(t, time.Since(began), 15*time.Second, "it waits for the invocation")
		assert.LessOrEqual(t, l.listed.Load()-before, int64(5))
	})
}
