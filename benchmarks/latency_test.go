package benchmarks

import (
	"context"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
)

// BenchmarkLatency puts records one by one at random moments and measures the time from the call of PutRecord to the function,
// polling once a second and by enhanced fan-out. Its yardsticks are the call of PutRecord itself, which is part of it, and,
// polling, half a second, which a record waits on average for its poll. An op is a record.
func BenchmarkLatency(b *testing.B) {
	cfg := startServer(b, 1, 0, 0)
	c := client(cfg)
	b.Run("by=polling", func(b *testing.B) { latency(b, c, streamARN, time.Second) })
	b.Run("by=fanout", func(b *testing.B) {
		name := "bench-" + time.Now().Format("150405.000000")
		out, err := c.RegisterStreamConsumer(b.Context(), &kinesis.RegisterStreamConsumerInput{StreamARN: aws.String(streamARN), ConsumerName: &name})
		require.NoError(b, err)
		latency(b, c, *out.Consumer.ConsumerARN, 100*time.Millisecond)
	})
}

// latency waits up to pause between two records: as long as the interval of polls, so that records come at any moment of it.
func latency(b *testing.B, c *kinesis.Client, source string, pause time.Duration) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	came := make(chan time.Time, 1)
	var wanted atomic.Uint64
	m, err := mapping.New(mapping.Config{
		EventSourceARN: source, FunctionName: "f", StartingPosition: mapping.Latest, BatchSize: 1,
		Client: c, Store: mapping.NewMemoryStore(), Logger: slog.New(slog.DiscardHandler),
		Function: invoke.Func(func(_ context.Context, e *invoke.Event) error {
			now := time.Now()
			for r := range e.Records() {
				if binary.LittleEndian.Uint64(r.Data) == wanted.Load() { // the others are of a run before
					came <- now
				}
			}
			return nil
		}),
	})
	require.NoError(b, err)
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()

	var took, puts []time.Duration
	rng := rand.New(rand.NewPCG(1, 1))
	put := func() {
		began := time.Now()
		wanted.Store(uint64(began.UnixNano()))
		data := binary.LittleEndian.AppendUint64(nil, wanted.Load())
		_, err := c.PutRecord(b.Context(), &kinesis.PutRecordInput{StreamARN: aws.String(streamARN), PartitionKey: aws.String("k"), Data: data})
		require.NoError(b, err)
		puts = append(puts, time.Since(began))
		took = append(took, (<-came).Sub(began))
	}
	put() // so that all stands
	took, puts = took[:0], puts[:0]
	for b.Loop() {
		time.Sleep(time.Duration(rng.Int64N(int64(pause))))
		put()
	}
	slices.Sort(took)
	slices.Sort(puts)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
	b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
	b.ReportMetric(ms(puts[len(puts)/2]), "put-p50-ms")
	b.ReportMetric(0, "ns/op")
	cancel()
	require.NoError(b, <-ended)
}
