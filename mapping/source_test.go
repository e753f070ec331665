package mapping_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

func TestLatestBeginsAtTheStartThoughTheStreamCannotBeListedYet(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		pass(10 * time.Second)
		cfg := w.config()
		cfg.StartingPosition = mapping.Latest
		w.service.Fail(kinesistest.ListShards, errors.New("connection refused"), 5)
		r := w.start(cfg)
		pass(5 * time.Second) // Run has begun 5 s ago
		w.put(0, 3)
		pass(2 * time.Minute)
		assert.Equal(t, numbers(0, 3), w.delivered())
		require.NoError(t, r.stop())
	})
}

// slowList is a Source whose listing takes a while.
type slowList struct {
	poller.Source
	d time.Duration
}

func (s slowList) Shards(ctx context.Context) ([]poller.Shard, error) {
	sh, err := s.Source.Shards(ctx)
	time.Sleep(s.d)
	return sh, err
}

func TestLatestBeginsAtTheStartThoughTheListingIsSlow(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		pass(10 * time.Second)
		cfg := w.config()
		cfg.StartingPosition = mapping.Latest
		p, err := poller.New(poller.Config{Client: w.service.Client(), StreamARN: streamARN})
		require.NoError(t, err)
		cfg.Client, cfg.Source = nil, slowList{p, 10 * time.Second}
		r := w.start(cfg)
		pass(3 * time.Second)
		w.put(0, 3)
		pass(2 * time.Minute)
		assert.Equal(t, numbers(0, 3), w.delivered())
		require.NoError(t, r.stop())
	})
}

type goneSource struct {
	mu   sync.Mutex
	gone bool
}

func (g *goneSource) Shards(context.Context) ([]poller.Shard, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	child := poller.Shard{ID: "child", Parent: "parent"}
	if g.gone {
		return []poller.Shard{child}, nil
	}
	return []poller.Shard{{ID: "parent"}, child}, nil
}

func (g *goneSource) Open(s poller.Shard, _ poller.Start) (poller.Reader, error) {
	return &goneReader{g, s.ID, false}, nil
}

type goneReader struct {
	g    *goneSource
	id   string
	done bool
}

func (r *goneReader) Next(ctx context.Context) (batch.Page, error) {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return batch.Page{}, ctx.Err()
	}
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	if r.id == "parent" && r.g.gone {
		return batch.Page{}, &poller.Error{Op: "get records", Shard: r.id, Class: poller.ShardGone, Err: errors.New("no such shard")}
	}
	if r.id == "child" && !r.done {
		r.done = true
		return page(1, 1), nil
	}
	return batch.Page{}, nil
}

func TestShardThatLeftTheStreamIsGivenUpAndItsChildrenOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, store: mapping.NewMemoryStore()}
		g := &goneSource{}
		cfg := w.config()
		cfg.Source = g
		r := w.start(cfg)
		pass(time.Minute)
		g.mu.Lock()
		g.gone = true
		g.mu.Unlock()
		pass(2 * time.Minute)
		assert.Equal(t, numbers(1, 1), w.delivered())
		for _, s := range r.Status().Shards {
			t.Log(s.ShardID, s.Waiting)
		}
		require.NoError(t, r.stop())
	})
}

func TestRecordsWithoutAnArrivalTimeNeverGrowTooOld(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.MaximumRecordAge = time.Hour
		ages := make(chan time.Duration, 1)
		cfg.Observer.Invoking = func(e observe.Invoking) { ages <- e.IteratorAge }
		r := w.start(cfg)
		p := page(1, 3)
		for i := range p.Records {
			p.Records[i].ArrivalTime = time.Time{}
		}
		pages <- p
		pass(time.Second)
		assert.Equal(t, numbers(1, 3), w.delivered())
		assert.Zero(t, <-ages)
		require.NoError(t, r.stop())
	})
}

func TestStreamThatWasReplacedIsNotTakenForTheOldOne(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 5)
		r := w.start(w.config())
		pass(time.Second)
		_, _, err := w.stream.Split("shardId-000000000000")
		require.NoError(t, err)
		pass(time.Minute)
		require.NoError(t, r.stop())
		w.service = kinesistest.New(modeltest.Watch(t, kinesistest.Config{NoLimits: true}))
		w.stream, err = w.service.CreateStream("orders", 1)
		require.NoError(t, err)
		w.put(5, 5)
		m, err := mapping.New(w.config())
		require.NoError(t, err)
		require.ErrorIs(t, m.Run(t.Context()), mapping.ErrStreamReplaced)
	})
}

// TestStreamThatIsReplacedUnderARunningMappingEndsIt deletes the stream and makes it anew within a poll's interval, so that
// the mapping never sees it missing.
func TestStreamThatIsReplacedUnderARunningMappingEndsIt(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 5)
		ended := make(chan error, 1)
		m, err := mapping.New(w.config())
		require.NoError(t, err)
		go func() { ended <- m.Run(t.Context()) }()
		pass(1500 * time.Millisecond)
		_, err = w.service.Client().DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: new("orders")})
		require.NoError(t, err)
		w.stream, err = w.service.CreateStream("orders", 1)
		require.NoError(t, err)
		w.put(5, 5)
		require.ErrorIs(t, <-ended, mapping.ErrStreamReplaced)
		assert.Equal(t, numbers(0, 5), w.delivered(), "nothing of the new stream was read at a position of the old one")
		require.ErrorIs(t, m.Run(t.Context()), mapping.ErrStreamReplaced)
	})
}

type herd struct {
	n        int
	listings atomic.Int64
	mu       sync.Mutex
	opened   map[string]time.Time
}

func (h *herd) Shards(context.Context) ([]poller.Shard, error) {
	h.listings.Add(1)
	time.Sleep(time.Second)
	var all []poller.Shard
	for i := range h.n {
		all = append(all, poller.Shard{ID: fmt.Sprint("p", i)}, poller.Shard{ID: fmt.Sprint("c", i), Parent: fmt.Sprint("p", i)})
	}
	return all, nil
}

func (h *herd) Open(s poller.Shard, _ poller.Start) (poller.Reader, error) {
	h.mu.Lock()
	h.opened[s.ID] = time.Now()
	h.mu.Unlock()
	return herdReader(s.ID), nil
}

type herdReader string

func (r herdReader) Next(ctx context.Context) (batch.Page, error) {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return batch.Page{}, ctx.Err()
	}
	return batch.Page{End: r[0] == 'p'}, nil
}

func TestReshardOfManyShardsIsSwift(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, store: mapping.NewMemoryStore()}
		h := &herd{n: 300, opened: map[string]time.Time{}}
		cfg := w.config()
		cfg.Source = h
		began := time.Now()
		r := w.start(cfg)
		pass(2 * time.Minute)
		require.NoError(t, r.stop())
		last := time.Duration(0)
		for _, at := range h.opened {
			last = max(last, at.Sub(began))
		}
		assert.Len(t, h.opened, 600)
		assert.Less(t, last, 20*time.Second, "the last of 300 children opened; listings %d", h.listings.Load())
	})
}

func TestAtTimestampBeginsThereInShardsFoundLaterToo(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 3)
		pass(5 * time.Second)
		cfg := w.config()
		cfg.StartingPosition, cfg.StartingPositionTimestamp = mapping.AtTimestamp, time.Now()
		w.put(3, 3)
		pass(5 * time.Second)
		_, _, err := w.stream.Split("shardId-000000000000")
		require.NoError(t, err)
		w.put(6, 3)
		r := w.start(cfg)
		pass(time.Minute)
		assert.ElementsMatch(t, numbers(3, 6), w.delivered())
		require.NoError(t, r.stop())
	})
}
