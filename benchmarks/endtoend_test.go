package benchmarks

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
)

const (
	endShards  = 8
	endRecords = 20_000 // of each shard
)

// BenchmarkEndToEnd reads all of a stream from a server in a process of its own. The mapping polls, cuts batches of 100,
// invokes a function that touches each record, and checkpoints; its yardstick is a bare loop over the SDK's GetRecords,
// one goroutine a shard, that touches each record and does nothing else. An op is the whole stream.
func BenchmarkEndToEnd(b *testing.B) {
	for _, size := range []int{100, 1000} {
		cfg := startServer(b, endShards, endRecords, size)
		var perCPU float64
		b.Run(fmt.Sprintf("size=%dB/consumer=sdk", size), func(b *testing.B) {
			perCPU = endToEnd(b, func() { bareLoop(b, client(cfg)) })
		})
		b.Run(fmt.Sprintf("size=%dB/consumer=mapping", size), func(b *testing.B) {
			got := endToEnd(b, func() { throughMapping(b, client(cfg)) })
			b.ReportMetric(got/perCPU, "x-sdk")
		})
	}
}

// endToEnd reports what reading the stream costs, and returns the records of a CPU second.
func endToEnd(b *testing.B, read func()) float64 {
	b.Helper()
	touched.Store(0)
	read() // so that connections stand
	runtime.GC()
	touched.Store(0)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := cpuTime(b)
	for b.Loop() {
		read()
	}
	used := cpuTime(b) - cpu
	runtime.ReadMemStats(&after)
	records := float64(b.N) * endShards * endRecords
	require.EqualValues(b, records, touched.Load())
	perCPU := records / used.Seconds()
	b.ReportMetric(records/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(perCPU, "records/cpu-s")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/records, "allocs/record")
	b.ReportMetric(0, "ns/op")
	return perCPU
}

// touched counts the records that were touched.
var touched atomic.Int64

func throughMapping(b *testing.B, c *kinesis.Client) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var left atomic.Int64
	left.Store(endShards * endRecords)
	m, err := mapping.New(mapping.Config{
		EventSourceARN: streamARN, FunctionName: "f", StartingPosition: mapping.TrimHorizon, Read: mapping.ReadOptions{PollInterval: 200 * time.Millisecond},
		Client: c, Store: mapping.NewMemoryStore(), Logger: slog.New(slog.DiscardHandler),
		Function: invoke.Func(func(_ context.Context, e *invoke.Event) error {
			n := 0
			for r := range e.Records() {
				if len(r.Data) > 0 && r.Data[0] == r.Data[len(r.Data)-1] {
					n++
				}
			}
			sink.Add(int64(n))
			touched.Add(int64(e.Len()))
			if left.Add(-int64(e.Len())) == 0 {
				cancel()
			}
			return nil
		}),
	})
	require.NoError(b, err)
	require.NoError(b, m.Run(ctx))
}

// sink keeps the compiler from leaving the touching out.
var sink atomic.Int64

func bareLoop(b *testing.B, c *kinesis.Client) {
	out, err := c.ListShards(b.Context(), &kinesis.ListShardsInput{StreamARN: aws.String(streamARN)})
	require.NoError(b, err)
	var wg sync.WaitGroup
	for _, shard := range out.Shards {
		wg.Go(func() { readShard(b, c, shard.ShardId) })
	}
	wg.Wait()
}

func readShard(b *testing.B, c *kinesis.Client, shard *string) {
	it, err := c.GetShardIterator(b.Context(), &kinesis.GetShardIteratorInput{
		StreamARN: aws.String(streamARN), ShardId: shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})
	if err != nil {
		b.Error(err)
		return
	}
	next := it.ShardIterator
	for read := 0; read < endRecords; {
		page, err := c.GetRecords(b.Context(), &kinesis.GetRecordsInput{ShardIterator: next})
		if err != nil {
			b.Error(err)
			return
		}
		n := 0
		for i := range page.Records {
			if data := page.Records[i].Data; len(data) > 0 && data[0] == data[len(data)-1] {
				n++
			}
		}
		sink.Add(int64(n))
		touched.Add(int64(len(page.Records)))
		read, next = read+len(page.Records), page.NextShardIterator
	}
}
