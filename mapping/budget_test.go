package mapping_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/poller"
)

// TestBudgetBoundsAllShardsAndStuckOnesStopNoOther has shards whose function fails for ever, with more to read than the Budget
// holds, and one beside them that goes on.
func TestBudgetBoundsAllShardsAndStuckOnesStopNoOther(t *testing.T) {
	inWorld(t, 4, func(t *testing.T, w *world) {
		const records, size = 40, 1 << 20 // 40 MiB a shard
		shards := w.stream.Shards()
		for _, shard := range shards {
			for range records {
				_, err := w.stream.PutTo(*shard.ShardId, "k", make([]byte, size-100))
				require.NoError(t, err)
			}
		}
		budget, err := poller.NewBudget(64 << 20)
		require.NoError(t, err)
		cfg := w.config()
		cfg.Budget, cfg.BatchSize = budget, 4
		var good atomic.Int64
		free := *shards[3].ShardId
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			if e.Origin.ShardID != free {
				return errors.New("stuck")
			}
			good.Add(int64(e.Len()))
			return nil
		})
		var mu sync.Mutex
		most := int64(0)
		cfg.Observer.Polled = func(mapping.Polled) {
			mu.Lock()
			defer mu.Unlock()
			n, _ := budget.Used()
			most = max(most, n)
		}
		r := w.start(cfg)
		pass(5 * time.Minute)
		assert.EqualValues(t, records, good.Load())
		assert.LessOrEqual(t, most, int64(64<<20)+10<<20, "a page may go beyond it")
		n, _ := budget.Used()
		assert.Greater(t, n, int64(40<<20), "the stuck ones hold what they have read")
		require.NoError(t, r.stop())
		n, _ = budget.Used()
		assert.Zero(t, n)
	})
}
