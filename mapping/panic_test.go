package mapping_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/poller"
)

// panicking is a Source that panics in its second listing, which is made by Run's own goroutine.
type panicking struct {
	source
	listed *int
}

func (p panicking) Shards(ctx context.Context) ([]poller.Shard, error) {
	if *p.listed++; *p.listed > 1 {
		panic("a bug")
	}
	return p.source.Shards(ctx)
}

// TestPanicInRunsGoroutineEndsRunAtOnce: unless somebody recovers it, such a panic ends the process, with its stack. Run must
// not hold it up for shards whose ends it does not hear any more; and they must end too, for whoever recovers it.
func TestPanicInRunsGoroutineEndsRunAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, store: mapping.NewMemoryStore()}
		cfg := w.config()
		cfg.Function = w.slow(time.Hour)
		pages := source{make(chan batch.Page)}
		cfg.Source, cfg.ShardRefreshInterval = panicking{pages, new(int)}, time.Minute
		m, err := mapping.New(cfg)
		require.NoError(t, err)
		recovered := make(chan any, 1)
		go func() {
			defer func() { recovered <- recover() }()
			_ = m.Run(t.Context())
		}()
		pages.pages <- page(1, 10)
		began := time.Now()
		assert.Equal(t, "a bug", <-recovered)
		assert.Equal(t, time.Minute, time.Since(began))
		pass(time.Hour) // a goroutine that is left behind fails the bubble
	})
}
