package mapping_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
)

// TestFleetOpensNoGrandchildOfAShardThatMayHaveLeft has a shard leave the stream unread, whose children wait until that is certain,
// and are merged meanwhile: what follows them waits, too, else its records come before theirs.
func TestFleetOpensNoGrandchildOfAShardThatMayHaveLeft(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		c := newCrew(w)
		see := func(cfg *mapping.Config) {
			cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error { w.see(e); return nil })
		}
		put := func(data string) {
			_, _, err := w.stream.Put("one key", []byte(data))
			require.NoError(t, err)
		}
		put("0000")
		a := c.joinWith("a", see)
		pass(10 * time.Second)
		require.NoError(t, a.stop())
		low, high, err := w.stream.Split("shardId-000000000000")
		require.NoError(t, err)
		pass(25 * time.Hour)
		put("0001")

		b := c.joinWith("b", see)
		pass(time.Second)
		_, err = w.stream.Merge(low, high)
		require.NoError(t, err)
		put("0002")
		pass(3 * time.Minute)
		assert.Equal(t, numbers(0, 3), w.delivered())
		require.NoError(t, b.stop())
	})
}
