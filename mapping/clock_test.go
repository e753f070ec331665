package mapping_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

const differ = "this host's clock differs from the stream's"

// forms are the ways in which a mapping hears the service's clock.
var forms = map[string]func(t *testing.T, w *world, cfg *mapping.Config){
	"client": func(*testing.T, *world, *mapping.Config) {},
	"SDK":    func(t *testing.T, w *world, cfg *mapping.Config) { cfg.Client = w.pipe(t).Client() },
	"fan-out": func(t *testing.T, w *world, cfg *mapping.Config) {
		consumer, err := w.stream.RegisterConsumer("shipping")
		require.NoError(t, err)
		cfg.EventSourceARN, cfg.Client = consumer, w.pipe(t).Client()
	},
	"first known with a page": func(_ *testing.T, w *world, cfg *mapping.Config) {
		cfg.Client = timeless{w.service.Client()}
	},
}

func (w *world) pipe(t *testing.T) *kinesistest.Server {
	server := kinesistest.NewPipeServer(w.service)
	t.Cleanup(server.Close)
	return server
}

// timeless is a Client whose answers carry no time, but those of reads.
type timeless struct{ poller.Client }

func (c timeless) ListShards(ctx context.Context, in *kinesis.ListShardsInput, o ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	out, err := c.Client.ListShards(ctx, in, o...)
	if err == nil {
		out.ResultMetadata = middleware.Metadata{}
	}
	return out, err
}

func (c timeless) GetShardIterator(ctx context.Context, in *kinesis.GetShardIteratorInput, o ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error) {
	out, err := c.Client.GetShardIterator(ctx, in, o...)
	if err == nil {
		out.ResultMetadata = middleware.Metadata{}
	}
	return out, err
}

// TestRecordAgeGoesByTheServicesClock: a record is discarded when it is ten minutes old by the clock that it arrived by, neither
// before it was invoked nor two hours late.
func TestRecordAgeGoesByTheServicesClock(t *testing.T) {
	for form, change := range forms {
		for _, ahead := range []time.Duration{0, 2 * time.Hour, -2 * time.Hour} {
			t.Run(form+"/"+ahead.String(), func(t *testing.T) {
				inSkewedWorld(t, ahead, func(t *testing.T, w *world) {
					cfg := w.config()
					change(t, w, &cfg)
					cfg.MaximumRecordAge = 10 * time.Minute
					fails := false
					cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
						w.see(e)
						if fails {
							return errors.New("not now")
						}
						return nil
					})
					r := w.start(cfg)
					w.put(0, 10)
					pass(2 * time.Second)
					assert.Equal(t, numbers(0, 10), w.delivered())
					assert.InDelta(t, ahead.Seconds(), r.Status().ClockAhead.Seconds(), 1.5)

					fails = true
					w.put(10, 1)
					pass(9 * time.Minute)
					assert.Zero(t, r.Status().Counts.Dropped)
					pass(90 * time.Second)
					assert.EqualValues(t, 1, r.Status().Counts.Dropped)
					require.NoError(t, r.stop())
					want := 1
					if ahead == 0 {
						want = 0
					}
					assert.Equal(t, want, strings.Count(w.logs.String(), differ))
				})
			})
		}
	}
}

// TestIteratorAgeGoesByTheServicesClock: records wait for their batching window.
func TestIteratorAgeGoesByTheServicesClock(t *testing.T) {
	for _, ahead := range []time.Duration{2 * time.Hour, -2 * time.Hour} {
		inSkewedWorld(t, ahead, func(t *testing.T, w *world) {
			cfg := w.config()
			cfg.MaximumBatchingWindow = 10 * time.Second
			var ages []time.Duration
			cfg.Observer.Invoking = func(e observe.Invoking) { ages = append(ages, e.IteratorAge) }
			w.put(0, 1)
			r := w.start(cfg)
			pass(15 * time.Second)
			require.NoError(t, r.stop())
			require.Len(t, ages, 1)
			assert.InDelta(t, 10, ages[0].Seconds(), 1.5)
		})
	}
}

// TestShardIsNotGivenUpByAnotherClock: our clock says that retention has passed a shard which a listing lacks.
func TestShardIsNotGivenUpByAnotherClock(t *testing.T) {
	inSkewedWorld(t, 48*time.Hour, func(t *testing.T, w *world) {
		const shard = "shardId-000000000007"
		lease, _, err := w.store.Acquire(t.Context(), storeName, shard, "somebody")
		require.NoError(t, err)
		resolved := time.Now().Add(-49 * time.Hour) // an hour ago by the service's clock
		require.NoError(t, w.store.Commit(t.Context(), lease, driver.Progress{Version: 1, Position: batch.Position{SequenceNumber: "1"}, ResolvedUpTo: resolved}))
		require.NoError(t, w.store.Release(t.Context(), lease))
		cfg := w.config()
		cfg.Read.PollInterval = 4 * time.Minute
		r := w.start(cfg)
		pass(3 * time.Hour)
		require.NoError(t, r.stop())
		all, err := w.store.Progress(t.Context(), storeName)
		require.NoError(t, err)
		require.Contains(t, all, shard, "its row is not deleted")
		assert.False(t, all[shard].End)
	})
}

// ahead is an HTTP client whose first answer has a Date that is hours ahead.
type ahead struct {
	kinesis.HTTPClient
	answers atomic.Int32
}

func (a *ahead) Do(r *http.Request) (*http.Response, error) {
	resp, err := a.HTTPClient.Do(r)
	if err == nil && a.answers.Add(1) == 1 {
		resp.Header.Set("Date", time.Now().Add(6*time.Hour).UTC().Format(http.TimeFormat))
	}
	return resp, err
}

// TestOneDateMakesNoRecordTooOld: records that are discarded do not come again, and the first answer may come out of anything that
// stands between.
func TestOneDateMakesNoRecordTooOld(t *testing.T) {
	inSkewedWorld(t, 0, func(t *testing.T, w *world) {
		consumer, err := w.stream.RegisterConsumer("shipping")
		require.NoError(t, err)
		cfg := w.config()
		cfg.EventSourceARN, cfg.MaximumRecordAge = consumer, time.Hour
		cfg.Client = kinesis.NewFromConfig(w.pipe(t).Config(), func(o *kinesis.Options) { o.HTTPClient = &ahead{HTTPClient: o.HTTPClient} })
		w.put(0, 10)
		r := w.start(cfg)
		pass(time.Minute)
		assert.Equal(t, numbers(0, 10), w.delivered())
		assert.Zero(t, r.Status().Counts.Dropped)
		require.NoError(t, r.stop())
	})
}
