package registry_test

import (
	"context"
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

// slow is a DefinitionStore over a network: calls take their time before and after they do what they are to, and rows that
// are listed are not all of one moment.
type slow struct {
	driver.DefinitionStore
	mu  sync.Mutex
	rng *rand.Rand
	off bool
}

func (s *slow) wait(ctx context.Context) error {
	s.mu.Lock()
	d := time.Duration(s.rng.IntN(30)) * time.Millisecond
	if s.rng.IntN(8) == 0 {
		d = time.Duration(s.rng.IntN(1500)) * time.Millisecond
	}
	if s.off {
		d = 0
	}
	s.mu.Unlock()
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slow) fast() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off = true
}

func (s *slow) Definitions(ctx context.Context) ([]driver.Definition, string, error) {
	if err := s.wait(ctx); err != nil {
		return nil, "", err
	}
	early, token, err := s.DefinitionStore.Definitions(ctx)
	if err != nil {
		return nil, "", err
	}
	if err := s.wait(ctx); err != nil {
		return nil, "", err
	}
	late, _, err := s.DefinitionStore.Definitions(ctx)
	var rows []driver.Definition
	for _, row := range early {
		if row.Key < "name/" {
			rows = append(rows, row)
		}
	}
	for _, row := range late {
		if row.Key >= "name/" {
			rows = append(rows, row)
		}
	}
	return rows, token, err
}

func (s *slow) PutDefinition(ctx context.Context, row driver.Definition, expected string) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	if err := s.DefinitionStore.PutDefinition(ctx, row, expected); err != nil {
		return err
	}
	return s.wait(ctx)
}

func (s *slow) DeleteDefinition(ctx context.Context, key, expected string) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	if err := s.DefinitionStore.DeleteDefinition(ctx, key, expected); err != nil {
		return err
	}
	return s.wait(ctx)
}

// Many who give the same few names to the same few mappings at the same time, over a slow network, and give up in the
// middle now and then: in the end each name is one mapping's at most, and its row says so.
func TestNamesAtTheSameTime(t *testing.T) {
	for seed := range *schedules / 4 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) { rename(t, w, rand.New(rand.NewPCG(seed, 35))) })
		})
	}
}

func rename(t *testing.T, w *world, rng *rand.Rand) {
	t.Helper()
	store := &slow{DefinitionStore: w.store, rng: rand.New(rand.NewPCG(rng.Uint64(), 1))}
	cfg := w.config()
	cfg.Definitions = store
	cfg.PollInterval = 100 * time.Millisecond
	regs := []*running{w.start(cfg), w.start(cfg), w.start(cfg)}
	functions := []string{"ship-orders", "bill-orders", "ship-orders:blue", "ship-orders:green"}
	var uuids []string
	for _, f := range functions[:2] {
		in := orders()
		in.FunctionName, in.Enabled = f, new(false)
		c, err := regs[0].Create(t.Context(), in)
		require.NoError(t, err)
		uuids = append(uuids, c.UUID)
	}
	var wg sync.WaitGroup
	for i := range 4 {
		rng := rand.New(rand.NewPCG(rng.Uint64(), 2))
		wg.Go(func() {
			for range 25 {
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if rng.IntN(5) == 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(rng.IntN(500))*time.Millisecond)
				}
				change(ctx, rng, regs[i%3], uuids, functions)
				cancel()
				time.Sleep(time.Duration(rng.IntN(1500)) * time.Millisecond)
			}
		})
	}
	wg.Wait()
	store.fast()
	pass(5 * time.Minute)
	owned(t, w, regs[0])
	for _, r := range regs {
		require.NoError(t, r.stop())
	}
}

func change(ctx context.Context, rng *rand.Rand, r *running, uuids, functions []string) {
	uuid, f := uuids[rng.IntN(len(uuids))], functions[rng.IntN(len(functions))]
	switch rng.IntN(4) {
	case 0:
		_, _ = r.Update(ctx, uuid, registry.UpdateInput{Settings: registry.Settings{BatchSize: new(1 + rng.IntN(9))}})
	case 1:
		in := orders()
		in.FunctionName, in.Enabled = f, new(false)
		if c, err := r.Create(ctx, in); err == nil {
			time.Sleep(3 * time.Second)
			_, _ = r.Delete(ctx, c.UUID)
		}
	default:
		_, _ = r.Update(ctx, uuid, registry.UpdateInput{FunctionName: &f})
	}
}

// owned asserts that each mapping has the row of its name, and that there are no others.
func owned(t *testing.T, w *world, r *running) {
	t.Helper()
	out, err := r.List(t.Context(), registry.ListInput{})
	require.NoError(t, err)
	names := map[string]string{}
	for _, c := range out.EventSourceMappings {
		assert.Equal(t, registry.Disabled, c.State)
		assert.Empty(t, names[c.FunctionARN], "%s is mapped twice", c.FunctionARN)
		names[c.FunctionARN] = c.UUID
	}
	rows, _, err := w.store.Definitions(t.Context())
	require.NoError(t, err)
	kept := 0
	for _, row := range rows {
		if !strings.HasPrefix(row.Key, "name/") {
			continue
		}
		kept++
		mine := false
		for arn, uuid := range names {
			mine = mine || strings.Contains(string(row.Data), uuid) && strings.Contains(string(row.Data), arn+`"`)
		}
		assert.True(t, mine, "a name without a mapping: %s, of %v", row.Data, names)
	}
	assert.Len(t, names, kept, "mappings without their name: %v", names)
}

// A client that disconnects in the middle of a Create leaves no name that stays reserved.
func TestCreateThatIsCancelled(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		store, cfg := w.flaky()
		r := w.start(cfg)
		pass(time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		store.set(func(write bool) (bool, bool) {
			if write {
				cancel()
			}
			return false, false
		})
		c, err := r.Create(ctx, orders())
		store.set(nil)
		require.NoError(t, err, "what was begun is brought to its end")
		pass(2 * time.Second)
		assert.Equal(t, "Enabled", r.state(c.UUID))
		require.NoError(t, r.stop())
	})
}

// gated is a DefinitionStore whose writes wait at gates: each kind of write, "put mapping/" say, takes what its gate is sent.
type gated struct {
	driver.DefinitionStore
	gates map[string]chan struct{}
}

func (g *gated) pass(op, key string) {
	kind, _, _ := strings.Cut(key, "/")
	if gate := g.gates[op+" "+kind]; gate != nil {
		<-gate
	}
}

func (g *gated) PutDefinition(ctx context.Context, row driver.Definition, expected string) error {
	g.pass("put", row.Key)
	return g.DefinitionStore.PutDefinition(context.WithoutCancel(ctx), row, expected) // it was under way
}

func (g *gated) DeleteDefinition(ctx context.Context, key, expected string) error {
	g.pass("delete", key)
	return g.DefinitionStore.DeleteDefinition(ctx, key, expected)
}

// A registry that is late to settle a mapping takes away no name that the mapping is just being given.
func TestLateSettlerTakesNoNameAway(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		with := func(ops ...string) (registry.Config, *gated) {
			g := &gated{DefinitionStore: w.store, gates: map[string]chan struct{}{}}
			for _, op := range ops {
				g.gates[op] = make(chan struct{})
			}
			cfg := w.config()
			cfg.Definitions = g
			return cfg, g
		}
		in := orders()
		in.Enabled = new(false)
		first := w.start(w.config())
		c := first.create(in)
		require.NoError(t, first.stop())

		cfg, a := with("put mapping")
		updated := make(chan error, 1)
		admitted := make(chan struct{})
		cfg.Admit = func(context.Context, registry.Configuration, registry.Function) error { <-admitted; return nil }
		client, err := registry.New(cfg)
		require.NoError(t, err)
		go func() {
			_, err := client.Update(t.Context(), c.UUID, registry.UpdateInput{FunctionName: new("bill-orders")})
			updated <- err
		}()
		pass(0)
		other, err := registry.New(w.config())
		require.NoError(t, err)
		_, err = other.Update(t.Context(), c.UUID, registry.UpdateInput{Settings: registry.Settings{BatchSize: new(7)}})
		require.NoError(t, err)
		cfg, b := with("put mapping")
		early := w.start(cfg)
		pass(1500 * time.Millisecond) // it is about to settle the mapping
		admitted <- struct{}{}        // the name is claimed
		pass(0)
		cfg, l := with("delete name")
		late := w.start(cfg)
		pass(1500 * time.Millisecond)
		b.gates["put mapping"] <- struct{}{} // it is settled
		pass(0)
		a.gates["put mapping"] <- struct{}{} // which was too late for the update: it is tried again
		pass(0)
		close(admitted)
		pass(0)
		close(l.gates["delete name"])
		pass(0)
		close(a.gates["put mapping"])
		close(b.gates["put mapping"])
		require.NoError(t, <-updated)
		pass(5 * time.Minute)
		owned(t, w, late)
		require.NoError(t, early.stop())
		require.NoError(t, late.stop())
	})
}

// An Update that is paused between claiming the name of its new function and storing its definition, for longer than a name
// without a mapping lives, does not store it over the name of another mapping.
func TestUpdateThatIsPausedForLongTakesNoName(t *testing.T) {
	for name, taken := range map[string]bool{"the name is free": false, "another mapping has the name": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				runs := w.start(w.config())
				in := orders()
				in.Enabled = new(false)
				c := runs.create(in)
				pass(2 * time.Second)
				g := &gated{DefinitionStore: w.store, gates: map[string]chan struct{}{"put mapping": make(chan struct{})}}
				cfg := w.config()
				cfg.Definitions = g
				client, err := registry.New(cfg)
				require.NoError(t, err)
				updated := make(chan error, 1)
				go func() {
					_, err := client.Update(t.Context(), c.UUID, registry.UpdateInput{FunctionName: new("bill-orders")})
					updated <- err
				}()
				pass(5 * time.Minute) // the name is claimed, condemned, and cleared away
				if taken {
					in.FunctionName = "bill-orders"
					runs.create(in)
					pass(2 * time.Second)
				}
				close(g.gates["put mapping"])
				if err := <-updated; taken {
					require.Error(t, err)
				} else {
					require.NoError(t, err)
				}
				pass(5 * time.Minute)
				owned(t, w, runs)
				require.NoError(t, runs.stop())
			})
		})
	}
}
