package serve

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/otelobserver"
)

// metrics are those of all mappings and of the process, in Prometheus's text. A nil metrics measures nothing.
type metrics struct {
	telemetry *otelobserver.Telemetry
	registry  *prometheus.Registry
}

// newMetrics returns metrics under Lambda's names, such as shardmill_Invocations_total; otelobserver documents them.
func newMetrics() (*metrics, error) {
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithNamespace("shardmill"),
		otelprometheus.WithoutScopeInfo(), otelprometheus.WithoutTargetInfo())
	if err != nil {
		return nil, err
	}
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	telemetry, err := otelobserver.New(otelobserver.Config{
		MeterProvider: metric.NewMeterProvider(metric.WithReader(exporter)), TracerProvider: noop.NewTracerProvider(),
	})
	if err != nil {
		return nil, err
	}
	return &metrics{telemetry: telemetry, registry: registry}, nil
}

// instrument adds the metrics to a mapping.
func (m *metrics) instrument(c *mapping.Config) {
	if m != nil {
		*c = m.telemetry.Instrument(*c)
	}
}

// handler serves the metrics.
func (m *metrics) handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)})
}
