package otelobserver_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/otelobserver"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// A mapping whose function fails once, what its metrics are then, and the span that the function sees.
func Example() {
	reader := sdkmetric.NewManualReader() // elsewhere: a periodic one with an exporter
	telemetry, err := otelobserver.New(otelobserver.Config{
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
		TracerProvider: sdktrace.NewTracerProvider(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	service := kinesistest.New(kinesistest.Config{})
	stream, err := service.CreateStream("orders", 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, data := range []string{"one", "two", "three"} {
		if _, _, err := stream.Put("customer", []byte(data)); err != nil {
			fmt.Println(err)
			return
		}
	}

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	attempts := 0
	m, err := mapping.New(telemetry.Instrument(mapping.Config{
		EventSourceARN:   stream.ARN(),
		FunctionName:     "ship-orders",
		StartingPosition: mapping.TrimHorizon,
		Client:           service.Client(),
		Logger:           slog.New(slog.DiscardHandler),
		Function: invoke.Func(func(ctx context.Context, e *invoke.Event) error {
			fmt.Println(e.Len(), "records in a span:", trace.SpanContextFromContext(ctx).IsSampled())
			if attempts++; attempts == 1 {
				return errors.New("no ship in port")
			}
			cancel()
			return nil
		}),
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := m.Run(ctx); err != nil {
		fmt.Println(err)
		return
	}
	show(reader, "PolledEventCount", "InvokedEventCount", "FailedInvokeEventCount", "Invocations", "Errors")
	// Output:
	// 3 records in a span: true
	// 3 records in a span: true
	// PolledEventCount 3
	// InvokedEventCount 6
	// FailedInvokeEventCount 3
	// Invocations 2
	// Errors 1
}

// show prints counters that have one series, where an exporter would send them.
func show(reader sdkmetric.Reader, names ...string) {
	var got metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &got); err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range got.ScopeMetrics[0].Metrics {
		if sum, ok := m.Data.(metricdata.Sum[int64]); ok && slices.Contains(names, m.Name) {
			fmt.Println(m.Name, sum.DataPoints[0].Value)
		}
	}
}
