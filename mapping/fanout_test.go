package mapping_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// TestConsumerIsReadByFanOut runs over HTTP, where alone the SDK can subscribe.
func TestConsumerIsReadByFanOut(t *testing.T) {
	w := &world{t: t, service: kinesistest.New(modeltest.Watch(t, kinesistest.Config{})), store: mapping.NewMemoryStore()}
	var err error
	w.stream, err = w.service.CreateStream("orders", 1)
	require.NoError(t, err)
	consumer, err := w.stream.RegisterConsumer("shipping")
	require.NoError(t, err)
	server := kinesistest.NewServer(w.service)
	defer server.Close()
	_, _, err = w.stream.Put("k", aggregateOf("", "a", "b"))
	require.NoError(t, err)
	w.put(0, 10)
	_, _, err = w.stream.Split(shardID(0))
	require.NoError(t, err)
	w.put(10, 10)

	var mu sync.Mutex
	sources := map[string]bool{}
	docs := &documents{}
	cfg := w.config()
	cfg.EventSourceARN, cfg.Client = consumer, server.Client()
	cfg.MaximumRetryAttempts, cfg.BisectBatchOnFunctionError, cfg.DestinationConfig.OnFailure.Target = new(0), true, docs
	cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
		mu.Lock()
		sources[e.Origin.EventSourceARN] = true
		mu.Unlock()
		for r := range e.Records() {
			if string(r.Data) == "0015" {
				return errors.New("poison")
			}
		}
		w.see(e)
		return nil
	})
	r := w.start(cfg)
	want := append([]string{"a", "b"}, numbers(0, 20)...)
	want = append(want[:17], want[18:]...) // without 0015
	require.Eventually(t, func() bool { return len(w.delivered()) >= len(want) }, 20*time.Second, 10*time.Millisecond)
	assert.ElementsMatch(t, want, w.delivered())
	assert.Equal(t, want[:12], w.delivered()[:12], "the parent comes first, its aggregate taken apart (case 40)")
	require.NoError(t, r.stop())
	assert.Equal(t, map[string]bool{consumer: true}, sources, "case 32")
	require.Len(t, docs.got, 1)
	assert.Equal(t, consumer, docs.got[0]["KinesisBatchInfo"].(map[string]any)["streamArn"], "case 32")
	assert.Zero(t, reads(w.service), "nothing is polled")
	progress, err := w.store.Progress(t.Context(), consumer+" arn:aws:lambda:us-east-1:123456789012:function:ship-orders")
	require.NoError(t, err)
	assert.True(t, progress[shardID(0)].End)
}

func reads(s *kinesistest.Service) (n int) {
	for _, c := range s.Calls() {
		if c.Op == kinesistest.GetRecords {
			n++
		}
	}
	return n
}

func TestClientThatCannotSubscribeIsRefusedForAConsumer(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.EventSourceARN += "/consumer/shipping:1700000000"
		cfg.Client = struct{ poller.Client }{cfg.Client}
		_, err := mapping.New(cfg)
		var field *mapping.ConfigError
		require.ErrorAs(t, err, &field)
		assert.Equal(t, "Client", field.Field)
		assert.ErrorContains(t, err, "SubscribeToShard")

		cfg = w.config()
		cfg.Read.FallBackToPolling = true
		_, err = mapping.New(cfg)
		require.ErrorContains(t, err, "FallBackToPolling: is set, but goes with the ARN of a consumer")
	})
}

// closing is a Source whose Readers must be closed.
type closing struct {
	source
	open chan int // how many there are
}

func (c closing) Open(poller.Shard, poller.Start) (poller.Reader, error) {
	c.open <- <-c.open + 1
	return closer(c), nil
}

type closer closing

func (c closer) Next(ctx context.Context) (batch.Page, error) { return c.source.Next(ctx) }

func (c closer) Close() error {
	c.open <- <-c.open - 1
	return nil
}

func TestReadersAreClosedHoweverTheirShardEnds(t *testing.T) {
	for name, end := range map[string]func(w *world, r *running, pages chan batch.Page, store *brittle){
		"stop": func(_ *world, r *running, _ chan batch.Page, _ *brittle) { require.NoError(t, r.stop()) },
		"end of the shard": func(_ *world, r *running, pages chan batch.Page, _ *brittle) {
			close(pages)
			pass(time.Second)
		},
		"loss of the lease": func(_ *world, r *running, pages chan batch.Page, store *brittle) {
			store.set(0, driver.ErrLeaseLost)
			pages <- page(1, 1)
			synctest.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
				src := closing{source{pages}, make(chan int, 1)}
				src.open <- 0
				store := &brittle{Store: w.store}
				cfg.Source, cfg.Store = src, store
				r := w.start(cfg)
				synctest.Wait()
				n := <-src.open
				assert.Equal(t, 1, n)
				src.open <- n
				end(w, r, pages, store)
				n = <-src.open
				assert.Zero(t, n)
				src.open <- n
				if name != "stop" {
					require.NoError(t, r.stop())
				}
			})
		})
	}
}
