package mapping_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
)

// rows returns the shards of which something is stored.
func (w *world) rows() []string {
	w.t.Helper()
	all, err := w.store.Progress(w.t.Context(), storeName)
	require.NoError(w.t, err)
	var ids []string
	for id := range all {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func TestRowOfAShardThatHasLeftTheStreamIsDeleted(t *testing.T) {
	supervised(t, 1, func(t *testing.T, w *world) {
		cfg, gaps := w.trims()
		r := w.start(cfg)
		w.put(0, 10)
		pass(10 * time.Minute)
		_, _, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		w.put(10, 20)
		pass(23 * time.Hour)
		assert.Equal(t, []string{shardID(0), shardID(1), shardID(2)}, w.rows(), "the stream lists it still")
		pass(3 * time.Hour)
		assert.Equal(t, []string{shardID(1), shardID(2)}, w.rows())
		require.NoError(t, r.stop())

		r = w.start(cfg)
		pass(10 * time.Minute)
		w.put(30, 1)
		pass(10 * time.Minute)
		assert.ElementsMatch(t, numbers(0, 31), w.delivered(), "nothing comes again")
		assert.Empty(t, gaps)
		require.NoError(t, r.stop())
	})
}

func TestRowStaysUntilEachChildHasProgress(t *testing.T) {
	supervised(t, 1, func(t *testing.T, w *world) {
		cfg, _ := w.trims()
		r := w.start(cfg)
		w.put(0, 1)
		pass(10 * time.Minute)
		low, high, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		_, err = w.stream.PutTo(low, "a", []byte("0001"))
		require.NoError(t, err)
		pass(40 * time.Hour)
		assert.Equal(t, []string{shardID(0), low}, w.rows())
		require.NoError(t, r.stop())

		r = w.start(cfg) // with a parent that nobody lists, and a child that nobody has begun
		_, err = w.stream.PutTo(high, "b", []byte("0002"))
		require.NoError(t, err)
		pass(2 * time.Hour)
		assert.Equal(t, []string{low, high}, w.rows())
		assert.Equal(t, numbers(0, 3), w.delivered())
		require.NoError(t, r.stop())
	})
}

func TestShardThatLeftTheStreamUnreadIsToldOfOnce(t *testing.T) {
	supervised(t, 1, func(t *testing.T, w *world) {
		cfg, gaps := w.trims()
		w.put(0, 1)
		r := w.start(cfg)
		pass(10 * time.Minute)
		require.NoError(t, r.stop())
		w.put(1, 5)
		_, _, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		pass(30 * time.Hour)
		w.put(6, 5)
		for range 2 {
			r = w.start(cfg)
			pass(10 * time.Minute)
			assert.Len(t, gaps, 1)
			require.NoError(t, r.stop())
		}
		assert.ElementsMatch(t, append(numbers(0, 1), numbers(6, 5)...), w.delivered())
		g := <-gaps
		assert.Equal(t, shardID(0), g.Shard)
		assert.WithinDuration(t, g.To, g.From, 7*time.Hour)
		assert.NotContains(t, w.rows(), shardID(0))
	})
}

func TestShardThatLeavesTheStreamWhileItsFunctionBlocksKeepsItsRow(t *testing.T) {
	supervised(t, 1, func(t *testing.T, w *world) {
		cfg, _ := w.trims()
		block := make(chan struct{})
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			if e.Origin.ShardID == shardID(0) {
				<-block
			}
			w.see(e)
			return nil
		})
		w.put(0, 5)
		r := w.start(cfg)
		pass(10 * time.Minute)
		_, _, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		pass(40 * time.Hour)
		w.put(5, 5)
		pass(time.Hour)
		assert.Empty(t, w.delivered())
		close(block)
		pass(3 * time.Hour)
		assert.ElementsMatch(t, numbers(0, 10), w.delivered())
		assert.Equal(t, numbers(0, 5), w.delivered()[:5])
		require.NoError(t, r.stop())
	})
}
