package mapping_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// TestAStreamOfMoreShardsThanAPageLists: ListShards has 1,000 shards a page, and its token excludes the stream's ARN.
func TestAStreamOfMoreShardsThanAPageLists(t *testing.T) {
	t.Parallel()
	inWorld(t, manyShards, func(t *testing.T, w *world) {
		w.put(0, manyShards)
		var opened atomic.Int64
		cfg := w.config()
		cfg.Observer.ShardOpened = func(observe.ShardOpened) { opened.Add(1) }
		r := w.start(cfg)
		pass(5 * time.Second)
		assert.EqualValues(t, manyShards, opened.Load())
		assert.Equal(t, numbers(0, manyShards), sorted(w.delivered()))
		require.NoError(t, r.stop())

		w.put(manyShards, manyShards)
		r = w.start(cfg)
		pass(5 * time.Second)
		assert.EqualValues(t, 2*manyShards, opened.Load())
		assert.Equal(t, numbers(0, 2*manyShards), sorted(w.delivered()), "a restart repeats nothing")
		require.NoError(t, r.stop())
	})
}

func TestAFleetTakesOverManyShardsOfAKilledWorker(t *testing.T) {
	t.Parallel()
	inWorld(t, fleetShards, func(t *testing.T, w *world) {
		c := newCrew(w)
		workers := []*crewman{c.join("a"), c.join("b"), c.join("c"), c.join("d")}
		pass(25 * time.Second)
		w.put(0, fleetShards)
		pass(5 * time.Second)
		n, twice := c.all()
		assert.Equal(t, []int{fleetShards, 0}, []int{n, twice})
		workers[0].view.cut.Store(true) // as good as killed: it reaches its table no more
		w.put(fleetShards, fleetShards)
		pass(25 * time.Second)
		w.put(2*fleetShards, fleetShards)
		pass(5 * time.Second)
		n, _ = c.all()
		assert.Equal(t, 3*fleetShards, n)
		c.inOrder()
		for _, worker := range workers[1:] {
			require.NoError(t, worker.stop())
		}
		workers[0].cancel()
		<-workers[0].done
	})
}

// TestAStreamOfManyShardsOverHTTP reads such a stream with the AWS SDK, over the loopback interface.
func TestAStreamOfManyShardsOverHTTP(t *testing.T) {
	w := &world{t: t, store: mapping.NewMemoryStore()}
	service := kinesistest.New(kinesistest.Config{})
	var err error
	w.stream, err = service.CreateStream("orders", 1100)
	require.NoError(t, err)
	server := kinesistest.NewServer(service)
	defer server.Close()
	w.put(0, 1100)
	cfg := w.config()
	done := make(chan struct{})
	var seen atomic.Int64
	cfg.Client = kinesis.New(server.Client().Options())
	cfg.Observer.Invoked = func(e observe.Invoked) {
		if seen.Add(int64(e.Records)) == 1100 {
			close(done)
		}
	}
	r := w.start(cfg)
	<-done
	require.NoError(t, r.stop())
	assert.Equal(t, numbers(0, 1100), sorted(w.delivered()))
}

func sorted(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}
