package registry_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/registry"
)

// flaky is a DefinitionStore. Some of its calls fail, before or after their effect.
type flaky struct {
	driver.DefinitionStore
	mu   sync.Mutex
	fail func(write bool) (before, after bool)
}

// schedules is how many random schedules TestOperationsUnderFailures goes through.
var schedules = flag.Uint64("schedules", 40, "random schedules of operations")

var errFlaky = errors.New("the store does not answer")

// flaky returns a flaky store of definitions that works, and a Config with it.
func (w *world) flaky() (*flaky, registry.Config) {
	store, cfg := &flaky{DefinitionStore: w.store}, w.config()
	cfg.Definitions = store
	return store, cfg
}

func (f *flaky) set(fail func(write bool) (before, after bool)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

func (f *flaky) do(write bool, call func() error) error {
	f.mu.Lock()
	fail := f.fail
	f.mu.Unlock()
	before, after := false, false
	if fail != nil {
		before, after = fail(write)
	}
	if before {
		return errFlaky
	}
	if err := call(); err != nil {
		return err
	}
	if after {
		return errFlaky
	}
	return nil
}

func (f *flaky) DefinitionsToken(ctx context.Context) (token string, err error) {
	err = f.do(false, func() (err error) { token, err = f.DefinitionStore.DefinitionsToken(ctx); return err })
	return token, err
}

func (f *flaky) Definitions(ctx context.Context) (rows []driver.Definition, token string, err error) {
	err = f.do(false, func() (err error) { rows, token, err = f.DefinitionStore.Definitions(ctx); return err })
	return rows, token, err
}

func (f *flaky) PutDefinition(ctx context.Context, row driver.Definition, expected string) error {
	return f.do(true, func() error { return f.DefinitionStore.PutDefinition(ctx, row, expected) })
}

func (f *flaky) DeleteDefinition(ctx context.Context, key, expected string) error {
	return f.do(true, func() error { return f.DefinitionStore.DeleteDefinition(ctx, key, expected) })
}

// A change at one worker is applied by the others within seconds. No state outlives the process that began it.
func TestWorkersConverge(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.start(w.config()), w.start(w.config())
		c, err := a.Create(t.Context(), orders())
		require.NoError(t, err)
		assert.Equal(t, "Creating", b.state(c.UUID), "others see it immediately")
		require.NoError(t, a.stop())
		pass(4 * time.Second)
		assert.Equal(t, "Enabled", b.state(c.UUID), "b settles what a began")

		a = w.start(w.config())
		pass(2 * time.Second)
		running := func(r *running) bool {
			s, ok := r.Status(c.UUID)
			return ok && s.Running
		}
		assert.True(t, running(a) && running(b))
		_, err = a.Update(t.Context(), c.UUID, registry.UpdateInput{Settings: registry.Settings{Enabled: new(false)}})
		require.NoError(t, err)
		pass(5 * time.Second)
		assert.False(t, running(a) || running(b), "disabled at a stops both within 5 s")
		assert.Equal(t, "Disabled", b.state(c.UUID))
		require.NoError(t, a.stop())
		require.NoError(t, b.stop())
	})
}

// Of many who create the same mapping at the same time, one succeeds; the others get its UUID.
func TestOneCreateWins(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		store := &flaky{DefinitionStore: w.store}
		store.set(func(bool) (bool, bool) { time.Sleep(time.Millisecond); return false, false })
		cfg := w.config()
		cfg.Definitions = store
		r := w.start(cfg)
		var mu sync.Mutex
		codes := map[string]int{}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				reg, err := registry.New(cfg)
				assert.NoError(t, err)
				_, err = reg.Create(t.Context(), orders())
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					codes["created"]++
				} else {
					codes[code(err)]++
				}
			})
		}
		wg.Wait()
		assert.Equal(t, map[string]int{"created": 1, registry.CodeResourceConflict: 19}, codes)
		require.NoError(t, r.stop())
	})
}

// While the definitions can't be read, what runs goes on, and operations say so.
func TestOutageOfTheDefinitions(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		store, cfg := w.flaky()
		r := w.start(cfg)
		c := r.create(orders())
		store.set(func(bool) (bool, bool) { return true, false })
		w.put("1")
		pass(5 * time.Minute)
		assert.Equal(t, []string{"ship 1"}, w.delivered())
		_, err := r.Get(t.Context(), c.UUID)
		assert.Equal(t, registry.CodeService, code(err))
		require.ErrorIs(t, err, errFlaky)
		assert.Equal(t, 1, strings.Count(w.logs.String(), "the definitions can't be read"))
		store.set(nil)
		pass(2 * time.Second)
		assert.Equal(t, "Enabled", r.state(c.UUID))
		assert.Contains(t, w.logs.String(), "the definitions are read again")
		require.NoError(t, r.stop())
	})
}

// Random operations at two registries whose store fails now and then, before or after a write: whatever came of them, in
// the end no two mappings have one name, every state is settled, the enabled mappings run, and every name without a
// mapping is free.
func TestOperationsUnderFailures(t *testing.T) {
	for seed := range *schedules {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) { operate(t, w, rand.New(rand.NewPCG(seed, 9))) })
		})
	}
}

func operate(t *testing.T, w *world, rng *rand.Rand) {
	t.Helper()
	store, cfg := w.flaky()
	regs := []*running{w.start(cfg), w.start(cfg)}
	functions := []string{"ship-orders", "bill-orders", "ship-orders:blue"}
	fate := rand.New(rand.NewPCG(rng.Uint64(), 1))
	var mu sync.Mutex
	store.set(func(bool) (bool, bool) {
		mu.Lock()
		defer mu.Unlock()
		return fate.IntN(12) == 0, fate.IntN(12) == 0
	})
	var known []string
	for range 60 {
		r := regs[rng.IntN(2)]
		uuid := "none"
		if len(known) > 0 {
			uuid = known[rng.IntN(len(known))]
		}
		switch rng.IntN(6) {
		case 0, 1:
			in := orders()
			in.FunctionName, in.Enabled = functions[rng.IntN(3)], new(rng.IntN(2) == 0)
			if c, err := r.Create(t.Context(), in); err == nil {
				known = append(known, c.UUID)
			}
		case 2:
			_, _ = r.Update(t.Context(), uuid, registry.UpdateInput{FunctionName: new(functions[rng.IntN(3)])})
		case 3:
			_, _ = r.Update(t.Context(), uuid, registry.UpdateInput{Settings: registry.Settings{Enabled: new(rng.IntN(2) == 0)}})
		case 4:
			_, _ = r.Delete(t.Context(), uuid)
		case 5:
			i := rng.IntN(2)
			require.NoError(t, regs[i].stop())
			regs[i] = w.start(cfg)
		}
		pass(time.Duration(rng.IntN(2500)) * time.Millisecond)
	}
	store.set(nil)
	pass(5 * time.Minute)

	out, err := regs[0].List(t.Context(), registry.ListInput{})
	require.NoError(t, err)
	names := map[string]bool{}
	for _, c := range out.EventSourceMappings {
		assert.False(t, names[c.FunctionARN], "%s is mapped twice", c.FunctionARN)
		names[c.FunctionARN] = true
		for _, r := range regs {
			s, ok := r.Status(c.UUID)
			assert.Equal(t, c.State == registry.Enabled, ok && s.Running, "%s is %s", c.UUID, c.State)
		}
		assert.Contains(t, []registry.State{registry.Enabled, registry.Disabled}, c.State)
	}
	for _, f := range functions {
		in := orders()
		in.FunctionName = f
		arn := strings.Replace(functionARN, "ship-orders", f, 1)
		_, err := regs[1].Create(t.Context(), in)
		if names[arn] {
			assert.Equal(t, registry.CodeResourceConflict, code(err), f)
		} else {
			assert.NoError(t, err, f)
		}
	}
	pass(2 * time.Second)
	for _, r := range regs {
		require.NoError(t, r.stop())
	}
	rows, _, err := w.store.Definitions(t.Context())
	require.NoError(t, err)
	for _, row := range rows {
		assert.NotContains(t, row.Key, "forget/")
	}
}

// An unreadable row affects only its own mapping, which stays as it is.
func TestUnreadableDefinition(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := w.start(w.config())
		c := r.create(orders())
		rows, _, err := w.store.Definitions(t.Context())
		require.NoError(t, err)
		for _, row := range rows {
			if strings.HasPrefix(row.Key, "mapping/") {
				old := row.Version
				row.Version, row.Data = "damaged", []byte(`{"Format":2}`)
				require.NoError(t, w.store.PutDefinition(t.Context(), row, old))
			}
		}
		w.put("1")
		pass(5 * time.Minute)
		assert.Equal(t, []string{"ship 1"}, w.delivered())
		_, err = r.Get(t.Context(), c.UUID)
		require.ErrorIs(t, err, driver.ErrUnreadable)
		_, err = r.Create(t.Context(), orders())
		assert.Equal(t, registry.CodeResourceConflict, code(err), "its name stays its own")
		assert.Equal(t, 1, strings.Count(w.logs.String(), "a definition can't be read"))
		require.NoError(t, r.stop())
	})
}
