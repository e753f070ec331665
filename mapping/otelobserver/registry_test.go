package otelobserver_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/otelobserver"
	"github.com/shardmill/shardmill/mapping/registry"
)

// One Telemetry serves all mappings of a registry, by way of Configure: each has series of its own, which go on when the
// mapping is changed, and the mapping's UUID in them is that of the API.
func TestMappingsOfARegistry(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		telemetry, err := otelobserver.New(w.telemetry)
		require.NoError(t, err)
		reg, err := registry.New(registry.Config{
			Functions: registry.Functions{
				"ship-orders": invoke.Func(succeed),
				"bill-orders": invoke.Func(func(context.Context, *invoke.Event) error { return errors.New("no paper") }),
			},
			Client: w.service.Client(), Store: mapping.NewMemoryStore(), Logger: slog.New(slog.DiscardHandler),
			Configure: func(_ registry.Configuration, m *mapping.Config) { *m = telemetry.Instrument(*m) },
		})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- reg.Run(ctx) }()
		of := map[string]string{}
		var ship string
		for _, f := range []string{"ship-orders", "bill-orders"} {
			c, err := reg.Create(t.Context(), registry.CreateInput{
				EventSourceARN: w.stream.ARN(), FunctionName: f, StartingPosition: "TRIM_HORIZON",
				Settings: registry.Settings{MaximumRetryAttempts: new(0)},
			})
			require.NoError(t, err)
			of[f] = "{EventSourceMappingUUID=" + c.UUID + ",FunctionName=" + f + ",StreamName=orders}"
			if ship == "" {
				ship = c.UUID
			}
		}
		w.put("1")
		pass(3 * time.Second)
		_, err = reg.Update(t.Context(), ship, registry.UpdateInput{Settings: registry.Settings{BatchSize: new(1)}})
		require.NoError(t, err)
		pass(3 * time.Second)
		w.put("2", "3")
		pass(3 * time.Second)
		cancel()
		require.NoError(t, <-done)

		got := w.collect().counters
		for name, want := range map[string][2]int64{
			"PolledEventCount":       {3, 3},
			"InvokedEventCount":      {3, 3},
			"Invocations":            {3, 2},
			"Errors":                 {0, 2},
			"FailedInvokeEventCount": {0, 3},
			"DroppedEventCount":      {0, 3},
		} {
			assert.Equal(t, want, [2]int64{got[name+of["ship-orders"]], got[name+of["bill-orders"]]}, name)
		}
		assert.Len(t, w.named("process orders"), 5)
	})
}
