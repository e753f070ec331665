package mapping_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// stranger is a Client that has no identity, as that of another process: its mappings share no meter. It has each read wait.
type stranger struct {
	poller.Client
	latency time.Duration
	refuse  *atomic.Bool // no read is granted; may be nil
}

func (s stranger) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, o ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	if s.latency > 0 {
		time.Sleep(s.latency)
	}
	if s.refuse != nil && s.refuse.Load() {
		return nil, &types.ProvisionedThroughputExceededException{Message: new("Rate exceeded for shard shardId-000000000000")}
	}
	return s.Client.GetRecords(ctx, in, o...)
}

// polls is what an Observer saw of a mapping's reads.
type polls struct {
	mu      sync.Mutex
	good    int
	last    time.Time
	longest time.Duration
}

func (p *polls) saw(e observe.Polled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Err != nil {
		return
	}
	p.good++
	p.longest = max(p.longest, time.Since(p.last))
	p.last = time.Now()
}

// inSharedWorld runs f in a bubble with a stream of one shard that has AWS's limits.
func inSharedWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, service: kinesistest.New(modeltest.Watch(t, kinesistest.Config{})), store: mapping.NewMemoryStore()}
		var err error
		w.stream, err = w.service.CreateStream("orders", 1)
		require.NoError(t, err)
		f(t, w)
	})
}

// TestMappingsThatShareAShardDoNotStarveEachOther: each is one of a process of its own.
func TestMappingsThatShareAShardDoNotStarveEachOther(t *testing.T) {
	t.Parallel()
	const fast, slow = 200 * time.Millisecond, time.Second
	for name, c := range map[string]struct {
		latency   time.Duration
		intervals []time.Duration
		fair      func(i int) float64 // reads a second of a mapping
	}{
		"200 ms and 1 s":               {0, []time.Duration{fast, slow}, func(i int) float64 { return []float64{4, 1}[i] }},
		"2 at 200 ms, 7 ms of latency": {7 * time.Millisecond, []time.Duration{fast, fast}, func(int) float64 { return 2.5 }},
		"6 at 1 s":                     {0, slices.Repeat([]time.Duration{slow}, 6), func(int) float64 { return 5.0 / 6 }},
		"8 at 1 s, 7 ms of latency":    {7 * time.Millisecond, slices.Repeat([]time.Duration{slow}, 8), func(int) float64 { return 5.0 / 8 }},
	} {
		t.Run(name, func(t *testing.T) {
			inSharedWorld(t, func(t *testing.T, w *world) {
				const long = 10 * time.Minute
				var all []*running
				views := make([]polls, len(c.intervals))
				for i, interval := range c.intervals {
					cfg := w.config()
					cfg.FunctionName, cfg.Read.PollInterval, cfg.Client = fmt.Sprint("fn-", i), interval, stranger{Client: w.service.Client(), latency: c.latency}
					views[i].last = time.Now()
					cfg.Observer.Polled = views[i].saw
					all = append(all, w.start(cfg))
					pass(137 * time.Millisecond)
				}
				pass(long)
				reads := 0
				for i := range views {
					v := &views[i]
					reads += v.good
					assert.GreaterOrEqual(t, float64(v.good)/long.Seconds(), 0.6*c.fair(i), "mapping %d", i)
					assert.LessOrEqual(t, max(v.longest, time.Since(v.last)).Seconds(), 5/c.fair(i), "mapping %d", i)
				}
				assert.GreaterOrEqual(t, float64(reads)/long.Seconds(), 4.5)
				for _, r := range all {
					require.NoError(t, r.stop())
				}
			})
		})
	}
}

// TestMappingsOfOneProcessAreNotRefused: they share a meter.
func TestMappingsOfOneProcessAreNotRefused(t *testing.T) {
	inSharedWorld(t, func(t *testing.T, w *world) {
		var all []*running
		var refused atomic.Int64
		views := make([]polls, 6)
		for i := range views {
			cfg := w.config()
			cfg.FunctionName = fmt.Sprint("fn-", i)
			cfg.Observer.Polled = func(e observe.Polled) {
				views[i].saw(e)
				if e.Err != nil {
					refused.Add(1)
				}
			}
			all = append(all, w.start(cfg))
			pass(time.Second)
		}
		pass(5 * time.Minute)
		assert.Zero(t, refused.Load())
		for i := range views {
			assert.GreaterOrEqual(t, views[i].good, 235, "of 250") // 5 of 6 in a second
		}
		assert.NotNil(t, all[0].Status().Shards[0].Shared, "it shares with those of its process")
		for _, r := range all {
			require.NoError(t, r.stop())
		}
	})
}

// TestTumblingWindowsOfASharedShardCloseInTime: a window closes by a read that begins after its end, and reads are never far apart.
func TestTumblingWindowsOfASharedShardCloseInTime(t *testing.T) {
	const latency = 11 * time.Millisecond
	inSharedWorld(t, func(t *testing.T, w *world) {
		var all []*running
		for i := range 8 {
			cfg := w.config()
			cfg.FunctionName, cfg.Client = fmt.Sprint("fn-", i), stranger{w.service.Client(), latency, nil}
			all = append(all, w.start(cfg))
			pass(137 * time.Millisecond)
		}
		var closed []time.Duration // after the window's end
		cfg := w.config()
		cfg.FunctionName, cfg.TumblingWindow, cfg.Client = "sums", 30*time.Second, stranger{w.service.Client(), latency, nil}
		cfg.Function = invoke.ResponseFunc(func(_ context.Context, e *invoke.Event) (*invoke.Response, error) {
			if e.Window.Final {
				closed = append(closed, time.Since(e.Window.End))
			}
			return &invoke.Response{State: []byte(`{}`)}, nil
		})
		all = append(all, w.start(cfg))
		for range 20 {
			pass(17 * time.Second)
			w.put(0, 1)
		}
		pass(2 * time.Minute)
		require.Greater(t, len(closed), 8)
		for _, d := range closed {
			assert.Less(t, d, 20*time.Second)
		}
		for _, r := range all {
			require.NoError(t, r.stop())
		}
	})
}

// TestASharedShardIsSaid: in Status with what is had, and in one line when it begins and one when it is over.
func TestASharedShardIsSaid(t *testing.T) {
	inSharedWorld(t, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.Client = stranger{Client: w.service.Client()}
		r := w.start(cfg)
		pass(10 * time.Minute)
		s := r.Status().Shards[0]
		assert.Nil(t, s.Shared)
		assert.Empty(t, s.Waiting)
		assert.NotContains(t, w.logs.String(), "shared with other consumers")

		var others []*running
		for i := range 11 {
			other := w.config()
			other.FunctionName, other.Client = fmt.Sprint("fn-", i), stranger{Client: w.service.Client()}
			other.Logger = slog.New(slog.DiscardHandler)
			others = append(others, w.start(other))
		}
		pass(5 * time.Minute)
		s = r.Status().Shards[0]
		require.NotNil(t, s.Shared)
		assert.InDelta(t, 5.0/12, s.Shared.Granted, 0.15)
		assert.InDelta(t, 1, s.Shared.Wanted, 0.1)
		assert.Contains(t, s.Waiting, "the shard's reads are shared with other consumers: it gets 0.")
		assert.Contains(t, s.Waiting, "of the shard's 5 reads a second")

		for _, other := range others {
			require.NoError(t, other.stop())
		}
		pass(10 * time.Minute)
		s = r.Status().Shards[0]
		assert.Nil(t, s.Shared)
		assert.Empty(t, s.Waiting)
		lines := sharingLines(w.logs.String())
		require.Len(t, lines, 2, lines)
		assert.Contains(t, lines[0], "level=WARN")
		assert.Contains(t, lines[0], "readsPerSecond=0.")
		assert.Contains(t, lines[0], "fan-out")
		assert.Contains(t, lines[1], "level=INFO")
		require.NoError(t, r.stop())
	})
}

func sharingLines(log string) (lines []string) {
	for line := range strings.Lines(log) {
		if strings.Contains(line, "shared with other consumers") {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestBehindGrowsWhileNoReadIsAnswered: how much has come meanwhile is not known, and nothing is not it.
func TestBehindGrowsWhileNoReadIsAnswered(t *testing.T) {
	inSharedWorld(t, func(t *testing.T, w *world) {
		var refuse atomic.Bool
		refuse.Store(true)
		cfg := w.config()
		cfg.Client = stranger{Client: w.service.Client(), refuse: &refuse}
		behind := func(r *running) float64 { return r.Status().Shards[0].Behind.Seconds() }
		r := w.start(cfg)
		pass(20 * time.Second)
		assert.InDelta(t, 20, behind(r), 0.1, "from the start")

		refuse.Store(false)
		pass(time.Minute)
		assert.Zero(t, behind(r))

		refuse.Store(true)
		pass(time.Minute)
		assert.InDelta(t, 60, behind(r), 2)
		assert.Contains(t, r.Status().Shards[0].Waiting, "throttled since 2000-01-01T00:0")
		assert.Equal(t, "No records processed", r.Status().LastProcessingResult, "throttling does not show")

		refuse.Store(false)
		pass(time.Minute)
		assert.Zero(t, behind(r))
		require.NoError(t, r.stop())
	})
}

// TestBehindGrowsWhileThereIsNoRoomToRead: a function that hangs keeps the shard from being read.
func TestBehindGrowsWhileThereIsNoRoomToRead(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		release := make(chan struct{})
		cfg := w.config()
		cfg.BufferBytes, cfg.BatchSize = 1<<10, 1
		cfg.Function = invoke.Func(func(context.Context, *invoke.Event) error {
			<-release
			return nil
		})
		w.put(0, 100)
		r := w.start(cfg)
		pass(time.Hour)
		s := r.Status().Shards[0]
		assert.Contains(t, s.Waiting, "no room to read")
		assert.InDelta(t, 3600, s.Behind.Seconds(), 5)
		close(release)
		pass(time.Minute)
		assert.Zero(t, r.Status().Shards[0].Behind)
		require.NoError(t, r.stop())
	})
}
