package otelobserver_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/otelobserver"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const shardID = "shardId-000000000000"

// world is a stream under the fake clock, and an OpenTelemetry SDK that keeps what it is told.
type world struct {
	t         *testing.T
	service   *kinesistest.Service
	stream    *kinesistest.Stream
	reader    *sdkmetric.ManualReader
	meters    *sdkmetric.MeterProvider
	spans     *tracetest.SpanRecorder
	tracers   *sdktrace.TracerProvider
	telemetry otelobserver.Config
}

// inWorld runs f in a bubble.
func inWorld(t *testing.T, shards int, f func(t *testing.T, w *world), opts ...sdkmetric.ManualReaderOption) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			t: t, service: kinesistest.New(kinesistest.Config{NoLimits: true}),
			reader: sdkmetric.NewManualReader(opts...), spans: tracetest.NewSpanRecorder(),
		}
		var err error
		w.stream, err = w.service.CreateStream("orders", shards)
		require.NoError(t, err)
		w.meters = sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.reader))
		w.tracers = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans))
		w.telemetry = otelobserver.Config{MeterProvider: w.meters, TracerProvider: w.tracers}
		f(t, w)
	})
}

func (w *world) put(data ...string) {
	w.t.Helper()
	for _, d := range data {
		_, _, err := w.stream.Put(d, []byte(d))
		require.NoError(w.t, err)
	}
}

func (w *world) config(f func(*mapping.Config)) mapping.Config {
	cfg := mapping.Config{
		EventSourceARN: w.stream.ARN(), FunctionName: "ship-orders:live", StartingPosition: mapping.TrimHorizon,
		Client: w.service.Client(), Store: mapping.NewMemoryStore(), Logger: slog.New(slog.DiscardHandler),
	}
	f(&cfg)
	return cfg
}

// running is a Run in a goroutine of its own.
type running struct {
	*mapping.Mapping
	cancel context.CancelFunc
	done   chan error
}

// start runs an instrumented mapping.
func (w *world) start(f func(*mapping.Config)) *running {
	w.t.Helper()
	telemetry, err := otelobserver.New(w.telemetry)
	require.NoError(w.t, err)
	return w.run(telemetry, f)
}

func (w *world) run(telemetry *otelobserver.Telemetry, f func(*mapping.Config)) *running {
	w.t.Helper()
	m, err := mapping.New(telemetry.Instrument(w.config(f)))
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(w.t.Context())
	ctx, _ = w.tracers.Tracer("host").Start(ctx, "main") // never ends, as that of a process would
	r := &running{Mapping: m, cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- m.Run(ctx) }()
	return r
}

// series returns the attributes of the mapping's metrics, which follow their names in what collect returns.
func (r *running) series() string {
	return "{EventSourceMappingUUID=" + r.Status().UUID + ",FunctionName=ship-orders,StreamName=orders}"
}

func (r *running) stop() error {
	r.cancel()
	return <-r.done
}

// pass lets d pass on the fake clock, and all that it sets off end.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// collected is what the reader has: a line for each series, by "NAME{attribute=value,…}".
type collected struct {
	counters   map[string]int64
	histograms map[string]metricdata.HistogramDataPoint[float64]
	units      map[string]string
}

func (w *world) collect() collected {
	w.t.Helper()
	var got metricdata.ResourceMetrics
	require.NoError(w.t, w.reader.Collect(w.t.Context(), &got))
	c := collected{map[string]int64{}, map[string]metricdata.HistogramDataPoint[float64]{}, map[string]string{}}
	for _, scope := range got.ScopeMetrics {
		for _, m := range scope.Metrics {
			c.units[m.Name] = m.Unit
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				require.True(w.t, data.IsMonotonic, m.Name)
				for _, p := range data.DataPoints {
					c.counters[series(m.Name, p.Attributes)] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					c.histograms[series(m.Name, p.Attributes)] = p
				}
			default:
				require.Failf(w.t, "unexpected", "%s is a %T", m.Name, data)
			}
		}
	}
	return c
}

func series(name string, set attribute.Set) string {
	return fmt.Sprintf("%s{%s}", name, set.Encoded(attribute.DefaultEncoder()))
}

// named returns the spans of a name that have ended, in the order in which they did.
func (w *world) named(name string) []sdktrace.ReadOnlySpan {
	var got []sdktrace.ReadOnlySpan
	for _, s := range w.spans.Ended() {
		if s.Name() == name {
			got = append(got, s)
		}
	}
	return got
}

// attributes returns those of a span, as text.
func attributes(s sdktrace.ReadOnlySpan) map[string]string {
	got := map[string]string{}
	for _, a := range s.Attributes() {
		got[string(a.Key)] = a.Value.String()
	}
	return got
}
