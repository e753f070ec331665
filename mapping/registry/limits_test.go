package registry_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/registry"
)

// What AWS takes is stored, whatever its characters; what no store takes is refused, and blocks no name.
func TestLargeDefinitions(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := w.start(w.config())
		in := orders()
		in.FilterCriteria = &registry.FilterCriteria{}
		for range 5 {
			in.FilterCriteria.Filters = append(in.FilterCriteria.Filters, registry.Filter{Pattern: `{"data":{"a":["` + strings.Repeat("<", 4070) + `"]}}`})
		}
		c := r.create(in)
		assert.Equal(t, "Enabled", r.state(c.UUID))

		in.FunctionName, in.Tags = "bill-orders", map[string]string{}
		for i := range 50 {
			in.Tags[strings.Repeat(string(rune('一'+i)), 128)] = strings.Repeat("𠀀", 256)
		}
		in.FilterCriteria.Filters[0].Pattern = `{"data":{"a":["` + strings.Repeat("🙂", 4070) + `"]}}`
		_, err := r.Create(t.Context(), in)
		require.Equal(t, registry.CodeInvalidParameterValue, code(err), "%.200v", err)
		tags := in.Tags
		in.Tags = nil
		in.FilterCriteria = nil
		c = r.create(in)
		_, err = r.Update(t.Context(), c.UUID, registry.UpdateInput{Settings: registry.Settings{FilterCriteria: orders().FilterCriteria}})
		require.NoError(t, err)
		pass(2 * time.Second)
		for k := range tags {
			tags[k] = strings.Repeat("𠀁", 256)
		}
		require.NoError(t, r.TagResource(t.Context(), c.EventSourceMappingARN, tags))
		var many []registry.Filter
		for range 5 {
			many = append(many, registry.Filter{Pattern: `{"data":{"a":["` + strings.Repeat("🙂", 4070) + `"]}}`})
		}
		_, err = r.Update(t.Context(), c.UUID, registry.UpdateInput{Settings: registry.Settings{FilterCriteria: &registry.FilterCriteria{Filters: many}}})
		require.Equal(t, registry.CodeInvalidParameterValue, code(err), "%.200v", err)
		require.NoError(t, r.stop())
	})
}

// The first moment of 1970 is a time like others.
func TestTimestampZero(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := w.start(w.config())
		in := orders()
		in.StartingPosition, in.StartingPositionTimestamp = "AT_TIMESTAMP", time.Unix(0, 0)
		w.put("1")
		c := r.create(in)
		assert.Equal(t, []string{"ship 1"}, w.delivered())
		got, err := r.Get(t.Context(), c.UUID)
		require.NoError(t, err)
		assert.True(t, time.Unix(0, 0).Equal(got.StartingPositionTimestamp), got.StartingPositionTimestamp)
		require.NoError(t, r.stop())
	})
}

// A resolver that hangs shows in the result, and is asked again.
func TestResolverThatHangs(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := w.start(w.config())
		c := r.create(orders())
		require.NoError(t, r.stop())
		cfg := w.config()
		var mu sync.Mutex
		asked := 0
		cfg.Functions = registry.FunctionResolverFunc(func(ctx context.Context, arn string) (registry.Function, error) {
			mu.Lock()
			asked++
			n := asked
			mu.Unlock()
			if n == 1 {
				<-ctx.Done()
				return registry.Function{}, ctx.Err()
			}
			return registry.Functions{"ship-orders": w.function("ship")}.ResolveFunction(ctx, arn)
		})
		r = w.start(cfg)
		pass(20500 * time.Millisecond)
		assert.Contains(t, r.result(c.UUID), "PROBLEM: ")
		pass(3 * time.Second)
		w.put("1")
		pass(3 * time.Second)
		assert.Equal(t, []string{"ship 1"}, w.delivered())
		require.NoError(t, r.stop())
	})
}

// A mapping that was being changed when the definitions could not be read any more is started again all the same.
func TestOutageInTheMiddleOfAChange(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		store, cfg := w.flaky()
		r := w.start(cfg)
		c := r.create(orders())
		w.set(nil, 5*time.Second)
		w.put("1")
		pass(2 * time.Second)
		_, err := r.Update(t.Context(), c.UUID, registry.UpdateInput{Settings: registry.Settings{BatchSize: new(7)}})
		require.NoError(t, err)
		pass(time.Second)
		store.set(func(bool) (bool, bool) { return true, false })
		w.put("2")
		pass(20 * time.Second)
		assert.Equal(t, []string{"ship 1", "ship 2"}, w.delivered())
		store.set(nil)
		require.NoError(t, r.stop())
	})
}

// counting is a DefinitionStore that takes its time, and counts what it is asked.
type counting struct {
	driver.DefinitionStore
	mu    sync.Mutex
	calls int
}

func (c *counting) DefinitionsToken(ctx context.Context) (string, error) {
	c.mu.Lock()
	c.calls++
	c.mu.Unlock()
	select {
	case <-time.After(100 * time.Millisecond):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return c.DefinitionStore.DefinitionsToken(ctx)
}

// Many who ask at the same time share what is read: neither do they wait for each other, nor does the registry for them.
func TestReadsAreShared(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		store := &counting{DefinitionStore: w.store}
		cfg := w.config()
		cfg.Definitions = store
		r := w.start(cfg)
		c := r.create(orders())
		before, began := store.calls, time.Now()
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				_, err := r.Get(t.Context(), c.UUID)
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		assert.Less(t, time.Since(began), time.Second)
		assert.Less(t, store.calls-before, 10)
		assert.NotContains(t, w.logs.String(), "can't be read")
		require.NoError(t, r.stop())
	})
}

// A store whose writes take long holds up states, not the changes that are to take force.
func TestSlowWritesHoldNoChangeUp(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		store, cfg := w.flaky()
		r := w.start(cfg)
		c := r.create(orders())
		store.set(func(write bool) (bool, bool) {
			if write {
				time.Sleep(time.Second)
			}
			return false, false
		})
		client, err := registry.New(w.config())
		require.NoError(t, err)
		for i := range 30 {
			in := orders()
			in.FunctionName, in.Enabled = fmt.Sprintf("ship-orders:%d", i), new(false)
			_, err := client.Create(t.Context(), in)
			require.NoError(t, err)
		}
		pass(2 * time.Second)
		_, err = client.Update(t.Context(), c.UUID, registry.UpdateInput{Settings: registry.Settings{Enabled: new(false)}})
		require.NoError(t, err)
		pass(5 * time.Second)
		_, runs := r.Status(c.UUID)
		assert.False(t, runs)
		pass(time.Minute)
		assert.Equal(t, "Disabled", r.state(c.UUID))
		require.NoError(t, r.stop())
	})
}

// Refused writes are logged once, and again if they succeeded in between.
func TestRefusedWritesAreLoggedOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		store, cfg := w.flaky()
		r := w.start(cfg)
		client, err := registry.New(w.config())
		require.NoError(t, err)
		for n := range 2 {
			in := orders()
			in.FunctionName = fmt.Sprintf("ship-orders:%d", n)
			store.set(func(write bool) (bool, bool) { return write, false })
			c, err := client.Create(t.Context(), in)
			require.NoError(t, err)
			pass(10 * time.Minute)
			assert.Equal(t, "Creating", r.state(c.UUID))
			assert.Equal(t, n+1, strings.Count(w.logs.String(), "level=ERROR"), w.logs.String())
			store.set(nil)
			pass(2 * time.Second)
			assert.Equal(t, "Enabled", r.state(c.UUID))
		}
		in := orders()
		in.EventSourceARN += strings.Repeat("s", 10_000)
		_, err = client.Create(t.Context(), in)
		assert.Equal(t, registry.CodeValidation, code(err))
		require.NoError(t, r.stop())
	})
}

// A Registry can run again after it was stopped.
func TestRunAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := w.start(w.config())
		c := r.create(orders())
		for i := range 3 {
			require.ErrorIs(t, r.Run(t.Context()), registry.ErrRunning)
			w.put(fmt.Sprint(i))
			pass(2 * time.Second)
			require.NoError(t, r.stop())
			_, runs := r.Status(c.UUID)
			assert.False(t, runs)
			assert.Equal(t, "OK", r.result(c.UUID))
			ctx, cancel := context.WithCancel(t.Context())
			r.cancel = cancel
			go func() { r.done <- r.Run(ctx) }()
			pass(time.Second)
		}
		assert.Equal(t, []string{"ship 0", "ship 1", "ship 2"}, w.delivered())
		require.NoError(t, r.stop())
	})
}
