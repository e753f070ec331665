package benchmarks

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
)

// BenchmarkIdleShards holds open shards that have nothing to read, at one poll a second each, and measures what that
// costs this process: its CPU time a shard and second, the cores that all of them take, all of its resident memory, and its
// goroutines.
// An op is a second.
func BenchmarkIdleShards(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000, 10_000} {
		b.Run(fmt.Sprintf("shards=%d", n), func(b *testing.B) { idle(b, n) })
	}
}

func idle(b *testing.B, shards int) {
	debug.FreeOSMemory() // of the benchmarks before
	cfg := startServer(b, shards, 0, 0)
	var polls atomic.Int64
	m, err := mapping.New(mapping.Config{
		EventSourceARN: streamARN, FunctionName: "f", StartingPosition: mapping.TrimHorizon,
		Client: client(cfg), Store: mapping.NewMemoryStore(), Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Function: invoke.Func(func(context.Context, *invoke.Event) error { return nil }),
		Observer: observe.Observer{Polled: func(observe.Polled) { polls.Add(1) }},
	})
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	for polls.Load() < int64(3*shards) { // all are open, and settled
		time.Sleep(10 * time.Millisecond)
	}
	polls.Store(0)
	cpu := cpuTime(b)
	for b.Loop() {
		time.Sleep(time.Second)
	}
	used := cpuTime(b) - cpu
	seconds := b.Elapsed().Seconds()
	memory := resident(b)
	b.ReportMetric(float64(used.Microseconds())/seconds/float64(shards), "cpu-µs/shard/s")
	b.ReportMetric(used.Seconds()/seconds, "cores")
	b.ReportMetric(float64(polls.Load())/seconds/float64(shards), "polls/shard/s")
	b.ReportMetric(float64(memory)/1e6, "MB")
	b.ReportMetric(float64(memory)/1e3/float64(shards), "kB/shard")
	b.ReportMetric(float64(runtime.NumGoroutine())/float64(shards), "goroutines/shard")
	b.ReportMetric(0, "ns/op")
	cancel()
	require.NoError(b, <-ended)
}
