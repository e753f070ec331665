package otelobserver

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
)

// scope is the name of the instrumentation; it distinguishes its metrics and spans from others.
const scope = "github.com/shardmill/shardmill/mapping/otelobserver"

// noContext is the context of measurements and spans outside a call: an Observer has no ctx.
var noContext = context.Background() //nolint:forbidigo // nothing is cancelled through it, and it carries nothing

// Config says where metrics and spans go. The zero value means the global providers of OpenTelemetry, and one series
// for all shards of a mapping.
type Config struct {
	// MeterProvider gets the metrics. nil means otel.GetMeterProvider() when New is called; that of the package
	// metric/noop turns them off.
	MeterProvider metric.MeterProvider

	// TracerProvider gets the spans. nil means otel.GetTracerProvider() when New is called; that of the package
	// trace/noop turns them off.
	TracerProvider trace.TracerProvider

	// PerShard adds the attribute ShardId to each metric. Shards are created with each reshard, so there may be many
	// series.
	PerShard bool
}

// Telemetry instruments any number of mappings, which may run concurrently and share its instruments. It needs no
// closing, because the providers are the caller's. It is safe for concurrent use.
type Telemetry struct {
	instruments
	tracer   trace.Tracer
	perShard bool
}

// New returns a Telemetry. The error is that of a MeterProvider that refuses an instrument.
func New(cfg Config) (*Telemetry, error) {
	if cfg.MeterProvider == nil {
		cfg.MeterProvider = otel.GetMeterProvider()
	}
	if cfg.TracerProvider == nil {
		cfg.TracerProvider = otel.GetTracerProvider()
	}
	t := &Telemetry{
		tracer:   cfg.TracerProvider.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL)),
		perShard: cfg.PerShard,
	}
	if err := t.open(cfg.MeterProvider.Meter(scope)); err != nil {
		return nil, fmt.Errorf("otelobserver: %w", err)
	}
	return t, nil
}

// Instrument returns cfg with an Observer that reports to t, after cfg's own, and with a Function that runs cfg's own
// in a span. It is for one mapping, whose UUID and function's ARN it learns from its events. Another mapping needs a
// call of its own, and instrumenting twice counts everything twice. A cfg that mapping.New refuses is still refused
// afterwards.
func (t *Telemetry) Instrument(cfg mapping.Config) mapping.Config {
	o := &observed{Telemetry: t, stream: streamOf(cfg.EventSourceARN), shards: map[string]*shard{}}
	own := cfg.Observer
	cfg.Observer.ShardOpened = both(own.ShardOpened, o.shardOpened)
	cfg.Observer.ShardClosed = both(own.ShardClosed, o.shardClosed)
	cfg.Observer.Polled = both(own.Polled, o.polled)
	cfg.Observer.Invoking = both(own.Invoking, o.invoking)
	cfg.Observer.Invoked = both(own.Invoked, o.invoked)
	cfg.Observer.Discarded = both(own.Discarded, o.discarded)
	cfg.Observer.Committed = both(own.Committed, o.committed)
	if !refused(&cfg) {
		cfg.Function = &invoker{next: cfg.Function, observed: o}
	}
	return cfg
}

// refused reports whether mapping.New refuses the Function after a look at its type, which wrapping would hide.
func refused(cfg *mapping.Config) bool {
	switch f := cfg.Function.(type) {
	case nil:
		return true
	case invoke.Func:
		return f == nil || cfg.TumblingWindow > 0
	case invoke.ResponseFunc:
		return f == nil
	}
	return false
}

// both returns a function that calls first, if there is one, and then then.
func both[E any](first, then func(E)) func(E) {
	if first == nil {
		return then
	}
	return func(e E) {
		first(e)
		then(e)
	}
}
