package otelobserver_test

import (
	"context"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/otelobserver"
	"github.com/shardmill/shardmill/poller"
)

// pages is a stream of one shard that has a number of records ready, and then waits.
type pages struct{ left int }

const pageSize = 1000

func (p *pages) Shards(context.Context) ([]poller.Shard, error) {
	return []poller.Shard{{ID: shardID, StartingSequenceNumber: "1"}}, nil
}

func (p *pages) Open(poller.Shard, poller.Start) (poller.Reader, error) {
	return &pageReader{left: p.left}, nil
}

type pageReader struct{ read, left int }

func (r *pageReader) Next(ctx context.Context) (batch.Page, error) {
	if r.left == 0 {
		<-ctx.Done()
		return batch.Page{}, ctx.Err()
	}
	page := batch.Page{Records: make([]batch.Record, min(r.left, pageSize))}
	for i := range page.Records {
		r.read++
		page.Records[i] = batch.Record{SequenceNumber: strconv.Itoa(r.read), PartitionKey: "k", Data: []byte("{}"), ArrivalTime: time.Now()}
	}
	r.left -= len(page.Records)
	return page, nil
}

// through runs a mapping until it has invoked its function so many times with batches of a size.
func through(tb testing.TB, invocations, batchSize int, instrument func(mapping.Config) mapping.Config) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	defer cancel()
	var left atomic.Int64
	left.Store(int64(invocations * batchSize))
	m, err := mapping.New(instrument(mapping.Config{
		EventSourceARN: "arn:aws:kinesis:us-east-1:123456789012:stream/orders", FunctionName: "f", StartingPosition: mapping.TrimHorizon,
		BatchSize: batchSize, Source: &pages{left: invocations * batchSize}, Logger: slog.New(slog.DiscardHandler),
		Function: invoke.Func(func(_ context.Context, e *invoke.Event) error {
			if left.Add(-int64(e.Len())) <= 0 {
				cancel()
			}
			return nil
		}),
	}))
	require.NoError(tb, err)
	require.NoError(tb, m.Run(ctx))
}

// instrumented returns the ways to instrument a mapping: not at all, with providers that do nothing, metrics alone, and
// with spans of which none or all are sampled.
func instrumented(tb testing.TB) map[string]func(mapping.Config) mapping.Config {
	tb.Helper()
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	all := map[string]func(mapping.Config) mapping.Config{"bare": func(cfg mapping.Config) mapping.Config { return cfg }}
	for name, cfg := range map[string]otelobserver.Config{
		"noop":      {MeterProvider: metricnoop.NewMeterProvider(), TracerProvider: tracenoop.NewTracerProvider()},
		"metrics":   {MeterProvider: meters, TracerProvider: tracenoop.NewTracerProvider()},
		"unsampled": {MeterProvider: meters, TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))},
		"sampled":   {MeterProvider: meters, TracerProvider: sdktrace.NewTracerProvider()},
	} {
		telemetry, err := otelobserver.New(cfg)
		require.NoError(tb, err)
		all[name] = telemetry.Instrument
	}
	return all
}

// BenchmarkInvocation is a mapping's invocation of a function that does nothing, with one record. The yardstick is the same
// mapping with no telemetry; spans are made and thrown away, for what exports them has a cost of its own.
func BenchmarkInvocation(b *testing.B) {
	all := instrumented(b)
	var yardstick float64
	for _, name := range []string{"bare", "noop", "metrics", "unsampled", "sampled"} {
		b.Run("telemetry="+name, func(b *testing.B) {
			b.ReportAllocs()
			through(b, b.N, 1, all[name])
			perOp := float64(b.Elapsed()) / float64(b.N)
			if name == "bare" {
				yardstick = perOp
			}
			b.ReportMetric(perOp/yardstick, "x-bare")
		})
	}
}

// TestNothingIsAllocatedForARecord compares the allocations of a large and a small batch, with and without telemetry. The
// large one is a page, and has the share of its poll.
func TestNothingIsAllocatedForARecord(t *testing.T) {
	const invocations = 50
	all := instrumented(t)
	extra := func(batchSize int) float64 {
		with := testing.AllocsPerRun(3, func() { through(t, invocations, batchSize, all["sampled"]) })
		without := testing.AllocsPerRun(3, func() { through(t, invocations, batchSize, all["bare"]) })
		return (with - without) / invocations
	}
	small, large := extra(1), extra(pageSize)
	t.Logf("allocations an invocation: %.1f with 1 record, %.1f with %d", small, large, pageSize)
	require.Less(t, large-small, 0.05*pageSize)
}
