package mapping_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// shards are those of the tests here, as kinesistest names them.
func shardID(i int) string { return "shardId-00000000000" + string(rune('0'+i)) }

func TestChildrenOpenThoughNoListingHasThem(t *testing.T) {
	supervised(t, 1, func(t *testing.T, w *world) {
		w.put(0, 10)
		r := w.start(w.config())
		synctest.Wait()
		w.service.Fail(kinesistest.ListShards, errors.New("connection refused"), -1)
		low, high, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		w.put(10, 10)
		_, err = w.stream.Merge(low, high)
		require.NoError(t, err)
		w.put(20, 10)
		pass(8 * time.Second) // two generations of 2 s, and the cadence
		require.ElementsMatch(t, numbers(0, 30), w.delivered())
		assert.Equal(t, numbers(0, 10), w.delivered()[:10])
		assert.Equal(t, numbers(20, 10), w.delivered()[20:])
		require.NoError(t, r.stop())
		w.service.ClearFaults()
	})
}

func TestChildOfAMergeWaitsForAParentThatNoListingHasHadYet(t *testing.T) {
	supervised(t, 2, func(t *testing.T, w *world) {
		hold := make(chan struct{})
		cfg := w.config()
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			if e.Origin.ShardID == shardID(1) {
				<-hold
			}
			w.see(e)
			return nil
		})
		w.put(0, 10)
		r := w.start(cfg)
		synctest.Wait()
		first := len(w.delivered()) // those of shard 0; shard 1 is held
		w.service.Fail(kinesistest.ListShards, errors.New("connection refused"), -1)
		low, _, err := w.stream.Split(shardID(1))
		require.NoError(t, err)
		w.put(10, 10)
		_, err = w.stream.Merge(shardID(0), low) // shard 4, whose parent 2 comes from 1
		require.NoError(t, err)
		w.put(20, 10)
		pass(10 * time.Minute)
		for _, d := range w.delivered()[first:] {
			assert.Less(t, d, "0020", "a record of the merged shard came before its parent was opened")
		}
		assert.Equal(t, "waiting for its parents to be complete: "+shardID(0)+" and "+low, waitingOf(r, shardID(4)))
		close(hold)
		pass(time.Minute)
		assert.ElementsMatch(t, numbers(0, 30), w.delivered())
		require.NoError(t, r.stop())
		w.service.ClearFaults()
	})
}

func waitingOf(r *running, shard string) string {
	for _, s := range r.Status().Shards {
		if s.ShardID == shard {
			return s.Waiting
		}
	}
	return "no shard " + shard
}

// staleLists is a Source whose listings show the stream as it was at the first one, until it is refreshed.
type staleLists struct {
	poller.Source
	mu  sync.Mutex
	old []poller.Shard
}

func (s *staleLists) Shards(ctx context.Context) ([]poller.Shard, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.old == nil {
		var err error
		if s.old, err = s.Source.Shards(ctx); err != nil {
			return nil, err
		}
	}
	return s.old, nil
}

func (s *staleLists) refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.old = nil
}

func TestStaleListingsDropNoChild(t *testing.T) {
	supervised(t, 2, func(t *testing.T, w *world) {
		p, err := poller.New(poller.Config{Client: w.service.Client(), StreamARN: streamARN})
		require.NoError(t, err)
		lists := &staleLists{Source: p}
		hold := make(chan struct{})
		cfg := w.config()
		cfg.Client, cfg.Source, cfg.ShardRefreshInterval = nil, lists, time.Second
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			if e.Origin.ShardID == shardID(1) {
				<-hold
			}
			w.see(e)
			return nil
		})
		w.put(0, 10)
		r := w.start(cfg)
		synctest.Wait()
		merged, err := w.stream.Merge(shardID(0), shardID(1))
		require.NoError(t, err)
		w.put(10, 10)
		pass(time.Minute)
		assert.Contains(t, waitingOf(r, merged), "waiting for its parents")
		close(hold)
		pass(5 * time.Second)
		assert.ElementsMatch(t, numbers(0, 20), w.delivered())
		// The child is read now, and the listings still lack it. That its reads fail for a while is no end of it.
		w.service.Inject(kinesistest.Fault{Op: kinesistest.GetRecords, Shard: merged, Err: &types.ResourceNotFoundException{}, Times: 5})
		w.put(20, 5)
		pass(time.Minute)
		assert.ElementsMatch(t, numbers(0, 25), w.delivered())
		assert.NotContains(t, w.logs.String(), "has left the stream")
		lists.refresh()
		pass(10 * time.Minute)
		w.put(25, 1)
		pass(2 * time.Second)
		assert.Contains(t, w.delivered(), "0025")
		require.NoError(t, r.stop())
	})
}

func TestShardThatSomebodyElseReadToItsEndIsFinished(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		other := w.start(w.config())
		synctest.Wait()
		r := w.start(w.config()) // waits for the lease
		pass(time.Second)
		assert.Contains(t, waitingOf(r, shardID(0)), "no lease")
		w.put(0, 5)
		_, _, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		w.put(5, 5)
		pass(10 * time.Second)
		require.NoError(t, other.stop())
		w.put(10, 5)
		pass(10 * time.Second)
		assert.ElementsMatch(t, numbers(0, 15), w.delivered())
		select {
		case err := <-r.done:
			t.Fatalf("Run has ended: %v", err)
		default:
		}
		require.NoError(t, r.stop())
	})
}

func TestShardThatIsListedAsOpenForAMomentAfterItsEndIsFinished(t *testing.T) {
	supervised(t, 1, func(t *testing.T, w *world) {
		p, err := poller.New(poller.Config{Client: w.service.Client(), StreamARN: streamARN})
		require.NoError(t, err)
		lists := &staleLists{Source: p}
		cfg := w.config()
		cfg.Client, cfg.Source = nil, lists
		r := w.start(cfg)
		synctest.Wait()
		_, _, err = w.stream.Split(shardID(0))
		require.NoError(t, err)
		w.put(0, 5)
		pass(3 * time.Second)
		require.NoError(t, r.stop())
		r = w.start(cfg)
		pass(5 * time.Second)
		lists.refresh()
		w.put(5, 5)
		pass(time.Minute)
		assert.ElementsMatch(t, numbers(0, 10), w.delivered())
		require.NoError(t, r.stop())
	})
}
