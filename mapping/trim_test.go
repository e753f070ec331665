package mapping_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller"
)

// trims is a Config, polling seldom, and the gaps that it is told of.
func (w *world) trims() (mapping.Config, chan observe.Trimmed) {
	gaps := make(chan observe.Trimmed, 10)
	cfg := w.config()
	cfg.Read.PollInterval, cfg.ShardRefreshInterval = 4*time.Minute, 10*time.Minute
	cfg.FailoverTime = 5 * time.Minute // a fleet's heartbeats of many hours are rarer then
	cfg.Observer.Trimmed = func(g observe.Trimmed) { gaps <- g }
	return cfg, gaps
}

// keep makes the stream keep its records for so many hours.
func (w *world) keep(hours int32) {
	w.t.Helper()
	_, err := w.service.Client().IncreaseStreamRetentionPeriod(w.t.Context(), &kinesis.IncreaseStreamRetentionPeriodInput{
		StreamName: new("orders"), RetentionPeriodHours: &hours,
	})
	require.NoError(w.t, err)
}

func TestPositionThatRetentionHasPassedIsToldWithItsGap(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg, gaps := w.trims()
		w.put(0, 3)
		r := w.start(cfg)
		pass(time.Minute)
		position := r.Status().Shards[0].Stored
		require.NoError(t, r.stop())
		w.put(3, 3) // at 0:01, and gone when the mapping comes back
		pass(20 * time.Hour)
		w.put(6, 3)
		pass(10 * time.Hour)

		r = w.start(cfg)
		pass(time.Minute)
		assert.Equal(t, append(numbers(0, 3), numbers(6, 3)...), w.delivered(), "reading goes on at the horizon")
		assert.EqualValues(t, 1, r.Status().Counts.Gaps)
		g := <-gaps
		assert.Equal(t, position, g.Position)
		assert.WithinDuration(t, time.Now().Add(-30*time.Hour), g.From, 2*time.Minute)
		assert.WithinDuration(t, time.Now().Add(-24*time.Hour), g.To, 2*time.Minute)
		require.NoError(t, r.stop())
		assert.Contains(t, w.logs.String(), `level=ERROR msg="retention has passed the position`)

		r = w.start(cfg)
		pass(time.Minute)
		require.NoError(t, r.stop())
		assert.Empty(t, gaps, "told once")
	})
}

func TestGapIsToldThoughNothingIsLeftBehindIt(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg, gaps := w.trims()
		w.put(0, 3)
		r := w.start(cfg)
		pass(time.Minute)
		require.NoError(t, r.stop())
		w.put(3, 3)
		pass(30 * time.Hour)
		r = w.start(cfg)
		pass(time.Minute)
		assert.Len(t, gaps, 1)
		require.NoError(t, r.stop())
	})
}

func TestIdleShardWhoseCheckpointWasTrimmedHasNoGap(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg, gaps := w.trims()
		w.put(0, 3)
		r := w.start(cfg)
		pass(100 * time.Hour) // caught up all the time
		require.NoError(t, r.stop())
		w.put(3, 1)
		pass(20 * time.Hour)
		r = w.start(cfg)
		pass(time.Minute)
		require.NoError(t, r.stop())
		assert.Equal(t, numbers(0, 4), w.delivered())
		assert.Empty(t, gaps)
	})
}

func TestLongerRetentionIsAskedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		client func(poller.Client) poller.Client
		gaps   int
	}{
		"by a client that can":    {func(c poller.Client) poller.Client { return c }, 0},
		"by a client that cannot": {func(c poller.Client) poller.Client { return struct{ poller.Client }{c} }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 1, func(t *testing.T, w *world) {
				w.keep(48)
				cfg, gaps := w.trims()
				cfg.Client = tc.client(w.service.Client())
				w.put(0, 1)
				r := w.start(cfg)
				pass(40 * time.Hour)
				require.NoError(t, r.stop())
				pass(30 * time.Hour) // the checkpoint is trimmed, and what would have come since is not
				r = w.start(cfg)
				pass(time.Minute)
				require.NoError(t, r.stop())
				assert.Len(t, gaps, tc.gaps)
			})
		})
	}
}

func TestOldPositionThatIsStillThereIsNoGapAndComesNotAgain(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.keep(100)
		cfg, gaps := w.trims()
		cfg.Read.Deaggregate, cfg.BatchSize = true, 2
		_, _, err := w.stream.Put("k", aggregateOf("", "a", "b", "c"))
		require.NoError(t, err)
		cfg.Function = w.stuckAt("c")
		r := w.start(cfg)
		pass(time.Minute)
		require.NoError(t, r.stop())
		pass(90 * time.Hour)
		w.put(0, 1)
		cfg.Function = w.config().Function
		r = w.start(cfg)
		pass(time.Minute)
		require.NoError(t, r.stop())
		assert.Equal(t, []string{"a", "b", "c", "0000"}, w.delivered())
		assert.Empty(t, gaps)
	})
}

func TestRetentionPassesTheReaderWhileTheFunctionBlocks(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg, gaps := w.trims()
		cfg.BufferBytes = 1 << 10
		block := make(chan struct{})
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			<-block
			w.see(e)
			return nil
		})
		w.put(0, 20)
		r := w.start(cfg)
		pass(time.Minute)
		w.put(20, 10)
		pass(30 * time.Hour)
		w.put(30, 1)
		close(block)
		pass(10 * time.Minute)
		assert.Equal(t, append(numbers(0, 20), "0030"), w.delivered())
		assert.Len(t, gaps, 1)
		require.NoError(t, r.stop())
	})
}

// TestGapOfLessThanASecondIsTold loses a record within the second in which the mapping stopped: answers tell whole seconds only.
func TestGapOfLessThanASecondIsTold(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg, gaps := w.trims()
		cfg.Read.PollInterval = 200 * time.Millisecond
		w.put(0, 1)
		r := w.start(cfg)
		pass(10*time.Second + 450*time.Millisecond)
		w.put(1, 1)
		pass(200 * time.Millisecond)
		require.NoError(t, r.stop())
		w.put(2, 1)
		lost := time.Now()
		pass(24*time.Hour + 50*time.Millisecond)

		r = w.start(cfg)
		pass(time.Second)
		require.Equal(t, numbers(0, 2), w.delivered(), "0002 is trimmed")
		require.Len(t, gaps, 1)
		g := <-gaps
		assert.False(t, g.To.Before(lost), "what arrived after %s is still there, by what is told, and %s is lost", g.To, lost)
		assert.False(t, g.From.After(lost))
		require.NoError(t, r.stop())
	})
}
