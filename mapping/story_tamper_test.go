package mapping_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
)

// tamper is a deliberate fault: it stands between a mapping and its world, as if the mapping itself were at fault. The zero tamper
// is none.
type tamper struct {
	name, rule string                                                            // the rule that must notice it
	config     func(*mapping.Config)                                             // changes how it reaches its world
	runs       func(func(context.Context) error) func(ctx context.Context) error // takes the place of Run
	shows      func(*mapping.Status)                                             // changes its Status
}

func (t tamper) with(cfg *mapping.Config) {
	if t.config != nil {
		t.config(cfg)
	}
}

func (t tamper) run(run func(context.Context) error) func(context.Context) error {
	if t.runs != nil {
		return t.runs(run)
	}
	return run
}

func (t tamper) status(st mapping.Status) mapping.Status {
	if t.shows != nil {
		t.shows(&st)
	}
	return st
}

// tampers are faults of a mapping that the rules must notice.
var tampers = []tamper{
	{name: "drops a record", rule: "nothing lost", config: pagesVia(func(p *batch.Page) {
		if n := len(p.Records); n > 2 {
			p.Records = slices.Delete(p.Records, n-2, n-1)
		}
	})},
	{name: "reorders a key", rule: "order", config: invokesVia(reordered)},
	{name: "counts a failure as a success", rule: "nothing lost", config: invokesVia(func(ctx context.Context, i invoke.Invoker, in *invoke.Invocation) (*invoke.Result, error) {
		r, err := i.Invoke(ctx, in)
		if err != nil && in.Event.Window == nil {
			return &invoke.Result{}, nil
		}
		return r, err
	})},
	{name: "passes failed items", rule: "nothing lost", config: invokesVia(func(ctx context.Context, i invoke.Invoker, in *invoke.Invocation) (*invoke.Result, error) {
		r, err := i.Invoke(ctx, in)
		if r != nil && r.Response != nil {
			r.Response.FailedItems = nil
		}
		return r, err
	})},
	{name: "invokes twice", rule: "no repeats", config: invokesVia(func(ctx context.Context, i invoke.Invoker, in *invoke.Invocation) (*invoke.Result, error) {
		if r, err := i.Invoke(ctx, in); err != nil {
			return r, err
		}
		return i.Invoke(ctx, in)
	})},
	{name: "invokes concurrently", rule: "lanes", config: invokesVia(func(ctx context.Context, i invoke.Invoker, in *invoke.Invocation) (*invoke.Result, error) {
		var other sync.WaitGroup
		defer other.Wait()
		other.Go(func() {
			defer func() { _ = recover() }()
			_, _ = i.Invoke(ctx, in)
		})
		return i.Invoke(ctx, in)
	})},
	{name: "drops a window's state", rule: "window", config: invokesVia(func(ctx context.Context, i invoke.Invoker, in *invoke.Invocation) (*invoke.Result, error) {
		return i.Invoke(ctx, withWindow(in, func(w *batch.Window) { w.State = []byte("{}") }))
	})},
	{name: "makes no finals", rule: "counted", config: invokesVia(func(ctx context.Context, i invoke.Invoker, in *invoke.Invocation) (*invoke.Result, error) {
		if w := in.Event.Window; w != nil && w.Final {
			return &invoke.Result{}, nil
		}
		return i.Invoke(ctx, in)
	})},
	{name: "makes a final at once", rule: "window", config: invokesVia(func(ctx context.Context, i invoke.Invoker, in *invoke.Invocation) (*invoke.Result, error) {
		r, err := i.Invoke(ctx, in)
		if w := in.Event.Window; err == nil && w != nil && !w.Final {
			final := withWindow(in, func(w *batch.Window) { w.State, w.Final = r.Response.State, true })
			final.Event = invoke.NewEvent(in.Event.Origin, batch.Records{}, final.Event.Window)
			_, _ = i.Invoke(ctx, final)
		}
		return r, err
	})},
	{name: "stores no window", rule: "counted", config: commitsVia(func(p *driver.Progress) { p.Window = nil })},
	{name: "stores a position too far on", rule: "nothing lost", config: commitsVia(func(p *driver.Progress) { p.End = true })},
	{name: "stores nothing", rule: "progress", config: storesVia(func(s driver.Store) driver.Store { return deafStore{s} })},
	{name: "resumes from the beginning", rule: "once", config: storesVia(func(s driver.Store) driver.Store { return forgetful{s} })},
	{name: "keeps a lease", rule: "released", config: storesVia(func(s driver.Store) driver.Store { return keeping{s} })},
	{name: "delivers no document", rule: "nothing lost", config: func(cfg *mapping.Config) {
		cfg.Observer.Discarded = nil
		cfg.DestinationConfig.OnFailure.Target = invoke.DestinationFunc(func(context.Context, *invoke.Failure) error { return nil })
	}},
	{name: "retries too often", rule: "discards", config: func(cfg *mapping.Config) {
		if cfg.MaximumRetryAttempts != nil {
			cfg.MaximumRetryAttempts = new(*cfg.MaximumRetryAttempts + 1)
		}
	}},
	{name: "makes batches too large", rule: "batch", config: func(cfg *mapping.Config) { cfg.BatchSize += 2 }},
	{name: "ignores filters", rule: "batch", config: func(cfg *mapping.Config) { cfg.FilterCriteria = mapping.FilterCriteria{} }},
	{name: "has one lane too many", rule: "lanes", config: func(cfg *mapping.Config) {
		if cfg.TumblingWindow == 0 {
			cfg.ParallelizationFactor += 2
		}
	}},
	{name: "returns late", rule: "return", runs: func(run func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			err := run(ctx)
			time.Sleep(time.Minute)
			return err
		}
	}},
	{name: "returns nil", rule: "return", runs: func(run func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			_ = run(ctx)
			return nil
		}
	}},
	{name: "returns by itself", rule: "return", runs: func(run func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			return run(ctx)
		}
	}},
	{name: "leaves a goroutine", rule: "goroutines", runs: func(run func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			go time.Sleep(time.Hour)
			return run(ctx)
		}
	}},
	{name: "shows a call that has ended", rule: "status", shows: func(st *mapping.Status) {
		for i := range st.Shards {
			st.Shards[i].InFlight = 1
		}
	}},
}

// TestStoryRulesNotice runs stories with deliberate faults: the rules must notice each.
func TestStoryRulesNotice(t *testing.T) {
	for _, f := range tampers {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			const most = 60
			for seed := range uint64(most) {
				if noticed(t, seed+1, f) {
					return
				}
			}
			assert.Fail(t, "the rule does not notice it", "%s, in %d stories", f.rule, most)
		})
	}
}

// noticed reports whether a rule notices a fault in the story of a seed.
func noticed(t *testing.T, seed uint64, f tamper) bool {
	plan := planStory(seed)
	plan.fleet, plan.fanOut = false, false // the wrappers are for a Store, and a stream that is polled
	var s *stage
	synctest.Test(t, func(t *testing.T) { s = plan.play(t, f) })
	return slices.ContainsFunc(s.journal.judge(), func(w string) bool { return strings.HasPrefix(w, f.rule) })
}

// invokesVia lets f make the invocations.
func invokesVia(f func(ctx context.Context, i invoke.Invoker, in *invoke.Invocation) (*invoke.Result, error)) func(*mapping.Config) {
	return func(cfg *mapping.Config) { cfg.Function = tampered{cfg.Function, f} }
}

type tampered struct {
	invoke.Invoker
	f func(ctx context.Context, i invoke.Invoker, in *invoke.Invocation) (*invoke.Result, error)
}

func (i tampered) Invoke(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
	return i.f(ctx, i.Invoker, in)
}

// reordered invokes with the second record before the others.
func reordered(ctx context.Context, i invoke.Invoker, in *invoke.Invocation) (*invoke.Result, error) {
	if in.Event.Len() < 2 || in.Event.Window != nil {
		return i.Invoke(ctx, in)
	}
	early := *in
	early.RequestID += "'"
	early.Event = invoke.NewEvent(in.Event.Origin, batch.RecordsOf([]batch.Record{*in.Event.At(1)}), nil)
	if r, err := i.Invoke(ctx, &early); err != nil {
		return r, err
	}
	return i.Invoke(ctx, in)
}

// withWindow returns an invocation whose window was changed.
func withWindow(in *invoke.Invocation, change func(*batch.Window)) *invoke.Invocation {
	if in.Event.Window == nil {
		return in
	}
	other := *in
	event := *in.Event
	event.Window = new(*in.Event.Window)
	change(event.Window)
	other.Event = &event
	return &other
}

// storesVia puts a Store in front of the one that is configured.
func storesVia(wrap func(driver.Store) driver.Store) func(*mapping.Config) {
	return func(cfg *mapping.Config) { cfg.Store = wrap(cfg.Store) }
}

// commitsVia changes what is stored.
func commitsVia(change func(*driver.Progress)) func(*mapping.Config) {
	return storesVia(func(s driver.Store) driver.Store { return committing{s, change} })
}

type committing struct {
	driver.Store
	change func(*driver.Progress)
}

func (s committing) Commit(ctx context.Context, lease driver.Lease, p driver.Progress) error {
	s.change(&p)
	return s.Store.Commit(ctx, lease, p)
}

type deafStore struct{ driver.Store }

func (deafStore) Commit(context.Context, driver.Lease, driver.Progress) error { return nil }

type forgetful struct{ driver.Store }

func (s forgetful) Acquire(ctx context.Context, name, shard, owner string) (driver.Lease, driver.Progress, error) {
	l, _, err := s.Store.Acquire(ctx, name, shard, owner)
	return l, driver.Progress{}, err
}

type keeping struct{ driver.Store }

func (keeping) Release(context.Context, driver.Lease) error { return nil }

// pagesVia changes the pages that are read.
func pagesVia(change func(*batch.Page)) func(*mapping.Config) {
	return func(cfg *mapping.Config) {
		p, err := poller.New(poller.Config{Client: cfg.Client, StreamARN: streamARN, Deaggregate: cfg.Read.Deaggregate})
		if err != nil {
			panic(fmt.Sprint("the plan has settings that a poller refuses: ", err))
		}
		cfg.Source, cfg.Client, cfg.Read.Deaggregate, cfg.Read.PollInterval = changedSource{p, change}, nil, false, 0
	}
}

type changedSource struct {
	*poller.Poller
	change func(*batch.Page)
}

func (s changedSource) Open(shard poller.Shard, from poller.Start) (poller.Reader, error) {
	r, err := s.Poller.Open(shard, from)
	return changedReader{r, s.change}, err
}

type changedReader struct {
	poller.Reader
	change func(*batch.Page)
}

func (r changedReader) Next(ctx context.Context) (batch.Page, error) {
	p, err := r.Reader.Next(ctx)
	if err == nil {
		r.change(&p)
	}
	return p, err
}

// TestStoryPlansArePure holds that a seed's plan is the same each time, and that plans print.
func TestStoryPlansArePure(t *testing.T) {
	for seed := range uint64(200) {
		require.Equal(t, planStory(seed).String(), planStory(seed).String())
	}
}
