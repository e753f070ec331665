package mapping_test

import (
	"context"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller"
)

// bomb ends the callbacks of its name some times, each time it is armed.
type bomb struct {
	end func()

	mu    sync.Mutex
	name  string
	times int
	gone  int // how often it has gone off
}

func (b *bomb) arm(name string, times int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.name, b.times, b.gone = name, times, 0
}

func (b *bomb) wentOff() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.gone
}

// tick goes off if the bomb is armed for the callback.
func (b *bomb) tick(name string) {
	b.mu.Lock()
	off := b.name == name && b.times > 0
	if off {
		b.times--
		b.gone++
	}
	b.mu.Unlock()
	if off {
		b.end()
	}
}

type bombedStore struct {
	driver.Store
	b *bomb
}

func (s *bombedStore) Check(context.Context, string) error {
	s.b.tick("Store.Check")
	return nil
}

func (s *bombedStore) Anchor(ctx context.Context, m string, at time.Time) (time.Time, error) {
	s.b.tick("Store.Anchor")
	return s.Store.Anchor(ctx, m, at)
}

func (s *bombedStore) SettleAnchor(ctx context.Context, m string, at time.Time) (time.Time, error) {
	s.b.tick("Store.SettleAnchor")
	return s.Store.SettleAnchor(ctx, m, at)
}

func (s *bombedStore) Progress(ctx context.Context, m string) (map[string]driver.Progress, error) {
	s.b.tick("Store.Progress")
	return s.Store.Progress(ctx, m)
}

func (s *bombedStore) Acquire(ctx context.Context, m, shard, owner string) (driver.Lease, driver.Progress, error) {
	s.b.tick("Store.Acquire")
	return s.Store.Acquire(ctx, m, shard, owner)
}

func (s *bombedStore) Commit(ctx context.Context, l driver.Lease, p driver.Progress) error {
	s.b.tick("Store.Commit")
	return s.Store.Commit(ctx, l, p)
}

func (s *bombedStore) Release(ctx context.Context, l driver.Lease) error {
	s.b.tick("Store.Release")
	return s.Store.Release(ctx, l)
}

type bombedSource struct {
	poller.Source
	b *bomb
}

func (s *bombedSource) Shards(ctx context.Context) ([]poller.Shard, error) {
	s.b.tick("Source.Shards")
	return s.Source.Shards(ctx)
}

func (s *bombedSource) Describe(ctx context.Context) (poller.Description, error) {
	s.b.tick("Source.Describe")
	return s.Source.(poller.Describer).Describe(ctx)
}

func (s *bombedSource) Now() (time.Time, bool) {
	s.b.tick("Source.Now")
	return time.Now(), true
}

func (s *bombedSource) Open(shard poller.Shard, from poller.Start) (poller.Reader, error) {
	s.b.tick("Source.Open")
	r, err := s.Source.Open(shard, from)
	return &bombedReader{r, s.b}, err
}

type bombedReader struct {
	poller.Reader
	b *bomb
}

func (r *bombedReader) Next(ctx context.Context) (batch.Page, error) {
	r.b.tick("Reader.Next")
	return r.Reader.Next(ctx)
}

func (r *bombedReader) Close() error {
	r.b.tick("Reader.Close")
	return nil
}

func (r *bombedReader) Gap() (poller.Gap, bool) {
	r.b.tick("Reader.Gap")
	return poller.Gap{}, false
}

func (r *bombedReader) Children() []poller.Shard {
	r.b.tick("Reader.Children")
	return nil
}

type bombedWriter struct{ b *bomb }

func (w bombedWriter) Write(p []byte) (int, error) {
	w.b.tick("Handler.Handle")
	return len(p), nil
}

// bombedHandler is a slog.Handler that is not one of the standard library's.
type bombedHandler struct {
	slog.Handler
	b *bomb
}

func (h bombedHandler) Enabled(ctx context.Context, l slog.Level) bool {
	h.b.tick("Handler.Enabled")
	return h.Handler.Enabled(ctx, l)
}

func (h bombedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.b.tick("Handler.WithAttrs")
	return bombedHandler{h.Handler.WithAttrs(attrs), h.b}
}

// bombed returns a Config all of whose callbacks may go off.
func (w *world) bombed(b *bomb) mapping.Config {
	p, err := poller.New(poller.Config{Client: w.service.Client(), StreamARN: streamARN})
	require.NoError(w.t, err)
	cfg := w.config()
	cfg.Client, cfg.Source = nil, &bombedSource{p, b}
	cfg.Store = &bombedStore{w.store, b}
	cfg.StartingPosition = mapping.Latest
	cfg.Logger = slog.New(bombedHandler{slog.NewTextHandler(io.MultiWriter(&w.logs, bombedWriter{b}), nil), b})
	cfg.Observer = observe.Observer{
		ShardOpened: func(observe.ShardOpened) { b.tick("Observer.ShardOpened") },
		ShardClosed: func(observe.ShardClosed) { b.tick("Observer.ShardClosed") },
		Polled:      func(observe.Polled) { b.tick("Observer.Polled") },
		Invoking:    func(observe.Invoking) { b.tick("Observer.Invoking") },
		Invoked:     func(observe.Invoked) { b.tick("Observer.Invoked") },
		Committed:   func(observe.Committed) { b.tick("Observer.Committed") },
	}
	return cfg
}

var endings = map[string]func(){"panic": func() { panic("a bug") }, "Goexit": runtime.Goexit}

// TestACallbackThatDoesNotReturnStopsNothing arms each callback in turn, before the start and while the mapping runs: every
// record is still delivered once, Run still stops, and the log says what happened.
func TestACallbackThatDoesNotReturnStopsNothing(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Store.Check", "Store.Anchor", "Store.SettleAnchor", "Store.Progress", "Store.Acquire", "Store.Commit", "Store.Release",
		"Source.Shards", "Source.Describe", "Source.Now", "Reader.Next", "Reader.Close", "Reader.Gap", "Reader.Children",
		"Observer.ShardOpened", "Observer.ShardClosed", "Observer.Polled", "Observer.Invoking", "Observer.Invoked", "Observer.Committed",
		"Handler.Handle", "Handler.Enabled", "Handler.WithAttrs",
	} {
		for ending, end := range endings {
			t.Run(name+"/"+ending, func(t *testing.T) {
				inWorld(t, 1, func(t *testing.T, w *world) {
					b := &bomb{end: end}
					cfg := w.bombed(b)
					b.arm(name, 2)
					r := w.start(cfg)
					pass(time.Minute)
					w.put(0, 3)
					pass(time.Minute)
					first := b.wentOff()
					b.arm(name, 2)
					w.put(3, 3)
					_, _, err := w.stream.Split(shardID(0))
					require.NoError(t, err)
					pass(5 * time.Minute)
					w.put(6, 3)
					pass(time.Minute)
					require.NoError(t, r.stop())
					assert.Positive(t, first+b.wentOff(), "the callback was called")
					assert.ElementsMatch(t, numbers(0, 9), w.delivered())
					if name[0] != 'H' {
						assert.NotEmpty(t, w.logs.lines(`"a callback did not return"`))
					}
				})
			})
		}
	}
}

// TestAnOpenThatDoesNotReturnIsAnErrorOfOpen: an Open that fails ends Run, whatever the way it fails in.
func TestAnOpenThatDoesNotReturnIsAnErrorOfOpen(t *testing.T) {
	for ending, end := range endings {
		t.Run(ending, func(t *testing.T) {
			inWorld(t, 1, func(t *testing.T, w *world) {
				b := &bomb{end: end}
				b.arm("Source.Open", 1)
				r := w.start(w.bombed(b))
				require.ErrorContains(t, <-r.done, "open at AT_TIMESTAMP 1999-12-31T23:59:58Z: Source.Open ")
			})
		})
	}
}

// bombedFleet is a view of a shared store whose table may go off.
type bombedFleet struct {
	*view
	b *bomb
}

func (f *bombedFleet) Fleet(m string) driver.FleetTable {
	return &bombedTable{f.view.Fleet(m), f.b}
}

type bombedTable struct {
	driver.FleetTable
	b *bomb
}

func (t *bombedTable) Heartbeat(ctx context.Context, row driver.FleetWorker, join bool) error {
	t.b.tick("Heartbeat")
	return t.FleetTable.Heartbeat(ctx, row, join)
}

func (t *bombedTable) Workers(ctx context.Context, mark string) ([]driver.FleetWorker, string, error) {
	t.b.tick("Workers")
	return t.FleetTable.Workers(ctx, mark)
}

func (t *bombedTable) Leases(ctx context.Context, mark string) ([]driver.FleetLease, string, error) {
	t.b.tick("Leases")
	return t.FleetTable.Leases(ctx, mark)
}

func (t *bombedTable) Take(ctx context.Context, seen driver.FleetLease, owner string) (driver.FleetLease, error) {
	t.b.tick("Take")
	return t.FleetTable.Take(ctx, seen, owner)
}

func (t *bombedTable) Commit(ctx context.Context, l driver.FleetLease, c driver.FleetCheckpoint) error {
	t.b.tick("Commit")
	return t.FleetTable.Commit(ctx, l, c)
}

func (t *bombedTable) Release(ctx context.Context, l driver.FleetLease) error {
	t.b.tick("Release")
	return t.FleetTable.Release(ctx, l)
}

func (t *bombedTable) Load(ctx context.Context, shard string) (driver.FleetCheckpoint, bool, error) {
	t.b.tick("Load")
	return t.FleetTable.Load(ctx, shard)
}

func TestATableThatDoesNotReturnStopsNoFleet(t *testing.T) {
	for _, name := range []string{"Heartbeat", "Workers", "Leases", "Take", "Commit", "Release", "Load"} {
		for ending, end := range endings {
			t.Run(name+"/"+ending, func(t *testing.T) {
				inWorld(t, 1, func(t *testing.T, w *world) {
					b := &bomb{end: end}
					cfg := w.config()
					cfg.Store = &bombedFleet{&view{sharedStore: newSharedStore()}, b}
					b.arm(name, 1)
					r := w.start(cfg)
					pass(time.Minute)
					w.put(0, 3)
					pass(time.Minute)
					require.NoError(t, r.stop())
					assert.Positive(t, b.wentOff())
					assert.Equal(t, numbers(0, 3), w.delivered())
				})
			})
		}
	}
}
