package registry_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping/registry"
)

// deafFor returns a function that takes long, and does not hear that it should end.
func (w *world) deafFor(d time.Duration) invoke.Invoker {
	return invoke.ResponseFunc(func(_ context.Context, e *invoke.Event) (*invoke.Response, error) {
		w.mu.Lock()
		for r := range e.Records() {
			w.seen = append(w.seen, "deaf "+string(r.Data))
		}
		w.mu.Unlock()
		time.Sleep(d)
		return &invoke.Response{}, nil
	})
}

// A function that does not hear that it should end holds up a transition for as long as the drain takes, and no longer. Its
// shard is processed by its successor after it has returned, and not before.
func TestFunctionThatDoesNotEnd(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.Functions = registry.Functions{"ship-orders": w.deafFor(10 * time.Minute), "bill-orders": w.function("bill")}
		a := w.start(cfg)
		c := a.create(orders())
		w.put("1")
		pass(2 * time.Second)
		b := w.start(cfg) // waits for the leases
		pass(2 * time.Second)
		update := func(s registry.Settings, function *string) {
			t.Helper()
			_, err := a.Update(t.Context(), c.UUID, registry.UpdateInput{Settings: s, FunctionName: function})
			require.NoError(t, err)
		}
		update(registry.Settings{Enabled: new(false)}, nil)
		pass(3 * time.Second)
		assert.Equal(t, "Disabled", b.state(c.UUID), "b has applied it")
		update(registry.Settings{Enabled: new(true)}, nil) // while a still drains
		w.put("2")
		pass(3 * time.Second)
		assert.Equal(t, "Enabled", a.state(c.UUID))
		update(registry.Settings{}, new("bill-orders"))
		pass(2 * time.Minute)
		assert.Equal(t, "Enabled", a.state(c.UUID))
		assert.Equal(t, []string{"deaf 1"}, w.delivered(), "its function still runs")
		pass(9 * time.Minute)
		assert.Equal(t, "deaf 1", w.delivered()[0])
		assert.Contains(t, w.delivered(), "bill 2", "%v", w.delivered())
		s, ok := a.Status(c.UUID)
		assert.True(t, ok && s.Running)

		update(registry.Settings{}, new("ship-orders"))
		pass(5 * time.Second)
		w.put("3")
		pass(2 * time.Second)
		_, err := a.Delete(t.Context(), c.UUID)
		require.NoError(t, err)
		pass(time.Minute)
		assert.Equal(t, registry.CodeResourceNotFound, a.state(c.UUID))
		pass(15 * time.Minute)
		progress, err := w.store.Progress(t.Context(), c.UUID)
		require.NoError(t, err)
		assert.Empty(t, progress)
		assert.Zero(t, w.forgetRows(w.store))
		require.NoError(t, a.stop())
		require.NoError(t, b.stop())
	})
}
