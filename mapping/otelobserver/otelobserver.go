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

// scope is the name of the instrumentation, by which its metrics and spans are told from others.
const scope = "github.com/shardmill/shardmill/mapping/otelobserver"

// noContext is what measurements and spans are given that belong to no call: an Observer has no ctx.
var noContext = context.Background() //nolint:forbidigo // nothing is cancelled through it, and it carries nothing

// Config says where to. The zero value is the global providers of OpenTelemetry, and one series for all shards of a mapping.
type Config struct {
	// MeterProvider takes the metrics. nil means otel.GetMeterProvider() when New is called; that of the package metric/noop
	// turns them off.
	MeterProvider metric.MeterProvider

	// TracerProvider takes the spans. nil means otel.GetTracerProvider() when New is called; that of the package trace/noop
	// turns them off.
	TracerProvider trace.TracerProvider

	// PerShard gives each metric the attribute ShardId. Shards come and go with each reshard, and a series for each that ever
	// was may be many.
	PerShard bool
}

// Telemetry instruments mappings: any number of them, which may run at once and share its instruments. New makes one; it has
// nothing to be closed, for the providers are the caller's. Its method may be called by any goroutine.
type Telemetry struct {
	instruments
	tracer   trace.Tracer
	perShard bool
}

// New returns a Telemetry. The error is that of a MeterProvider that does not take an instrument.
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

// Instrument returns cfg with an Observer that tells t, after cfg's own, and with a Function that runs cfg's own in a
// span. It is for one mapping, whose UUID and function's ARN it learns from its events; another one needs a call of its own,
// and calling it on what it returned counts all twice. A cfg that mapping.New refuses, it refuses afterwards.
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

// refused reports whether mapping.New looks into the Function and refuses it, which it could not if it were wrapped.
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

// both returns a function that calls first, if there is one, and then.
func both[E any](first, then func(E)) func(E) {
	if first == nil {
		return then
	}
	return func(e E) {
		first(e)
		then(e)
	}
}
