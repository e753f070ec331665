package mapping_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/poller"
)

// claimsLag is a Client whose reads claim a lag, whatever the shard has.
type claimsLag struct {
	poller.Client
	lag   atomic.Int64 // in milliseconds; 0: the truth
	reads atomic.Int64
}

func (l *claimsLag) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, o ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	l.reads.Add(1)
	out, err := l.Client.GetRecords(ctx, in, o...)
	if lag := l.lag.Load(); err == nil && lag > 0 {
		out.MillisBehindLatest = &lag
	}
	return out, err
}

// TestShardThatIsBehindForEverClosesItsWindow, is read once a second, and says why it waits.
func TestShardThatIsBehindForEverClosesItsWindow(t *testing.T) {
	const says = "the stream says that the shard is 1h12m38s behind, but has returned no records and made no progress since 2000-01-01T00:00:00.000Z"
	for _, window := range []time.Duration{0, 10 * time.Second, 2 * time.Minute} {
		t.Run(fmt.Sprint(window), func(t *testing.T) {
			inWorld(t, 1, func(t *testing.T, w *world) {
				l := &claimsLag{Client: w.service.Client()}
				l.lag.Store(4_358_000)
				cfg := w.config()
				cfg.Client = l
				finals := &atomic.Int64{}
				if window > 0 {
					cfg.TumblingWindow, cfg.Function = window, w.counting(finals)
				}
				w.put(0, 10)
				r := w.start(cfg)
				patience := max(time.Minute, window+5*time.Second)
				pass(patience - 500*time.Millisecond)
				assert.Empty(t, r.Status().Shards[0].Waiting)
				assert.Zero(t, finals.Load())
				pass(2 * time.Second)
				assert.Equal(t, says, r.Status().Shards[0].Waiting)
				assert.Equal(t, min(window, 1) > 0, finals.Load() == 1)
				pass(10*time.Minute - patience)
				assert.InDelta(t, 600, l.reads.Load(), 10, "once a second")

				w.put(10, 10)
				pass(2 * time.Second)
				assert.Empty(t, r.Status().Shards[0].Waiting)
				pass(5 * time.Minute)
				assert.Equal(t, numbers(0, 20), w.delivered())
				assert.Equal(t, 2*min(int64(window), 1), finals.Load())
				assert.NotEmpty(t, r.Status().Shards[0].Waiting)
				l.lag.Store(0)
				pass(2 * time.Second)
				assert.Empty(t, r.Status().Shards[0].Waiting)
				require.NoError(t, r.stop())
				assert.Equal(t, 2, strings.Count(w.logs.String(), "brings nothing and gets no further"))
			})
		})
	}
}

// counting returns a function with a state that keeps what it sees, and counts the final invocations.
func (w *world) counting(finals *atomic.Int64) invoke.ResponseFunc {
	return func(_ context.Context, e *invoke.Event) (*invoke.Response, error) {
		w.see(e)
		if e.Window.Final {
			finals.Add(1)
		}
		return &invoke.Response{State: []byte(`{}`)}, nil
	}
}

// TestLateRecordsOfAStalledShardJoinTheCurrentWindow: none is lost, and no window is opened again.
func TestLateRecordsOfAStalledShardJoinTheCurrentWindow(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		l := &holding{claimsLag: claimsLag{Client: w.service.Client()}}
		l.lag.Store(60_000)
		cfg := w.config()
		cfg.Client = l
		var starts []time.Duration
		began := time.Now()
		cfg.TumblingWindow, cfg.Function = 10*time.Second, invoke.ResponseFunc(func(_ context.Context, e *invoke.Event) (*invoke.Response, error) {
			w.see(e)
			starts = append(starts, e.Window.Start.Sub(began))
			return &invoke.Response{State: []byte(`{}`)}, nil
		})
		w.put(0, 1)
		r := w.start(cfg)
		pass(2 * time.Second)
		l.hold.Store(true)
		w.put(1, 1) // it arrives in the first window, and the stream does not give it
		pass(2 * time.Minute)
		require.Equal(t, []time.Duration{0, 0}, starts, "a record, and the final invocation")
		l.hold.Store(false)
		pass(5 * time.Second)
		assert.Equal(t, numbers(0, 2), w.delivered())
		assert.Equal(t, []time.Duration{0, 0, time.Minute, time.Minute}, starts, "the window that was current when the first was closed, which is over")
		require.NoError(t, r.stop())
	})
}

// holding gives nothing while hold is set.
type holding struct {
	claimsLag
	hold atomic.Bool
}

func (h *holding) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, o ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	out, err := h.claimsLag.GetRecords(ctx, in, o...)
	if err == nil && h.hold.Load() {
		out.Records, out.NextShardIterator = out.Records[:0], in.ShardIterator
	}
	return out, err
}
