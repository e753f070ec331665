package mapping_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childServer); url != "" {
		aggregate(url, os.Getenv(childStore))
		return
	}
	goleak.VerifyTestMain(m)
}

const (
	streamARN = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
	storeName = streamARN + " arn:aws:lambda:us-east-1:123456789012:function:ship-orders"
)

// world is a stream, a store and a function that keeps what it sees, under the fake clock.
type world struct {
	t       *testing.T
	service *kinesistest.Service
	stream  *kinesistest.Stream
	store   driver.Store
	logs    logs

	mu   sync.Mutex
	seen []string // data of the records, in the order of the invocations that succeeded or not
}

// inWorld runs f in a bubble with a stream of some shards.
func inWorld(t *testing.T, shards int, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, service: kinesistest.New(modeltest.Watch(t, kinesistest.Config{NoLimits: true})), store: mapping.NewMemoryStore()}
		var err error
		w.stream, err = w.service.CreateStream("orders", shards)
		require.NoError(t, err)
		f(t, w)
	})
}

// assignments are the two sources of a run's work, by the store that makes a run use each: all shards, or what a fleet gives it. What
// the supervisor does is tested under both.
var assignments = map[string]func() driver.Store{
	"alone":      func() driver.Store { return mapping.NewMemoryStore() },
	"in a fleet": func() driver.Store { return &view{sharedStore: newSharedStore()} },
}

// supervised is inWorld under each assignment.
func supervised(t *testing.T, shards int, f func(t *testing.T, w *world)) {
	t.Helper()
	for name, store := range assignments {
		t.Run(name, func(t *testing.T) {
			inWorld(t, shards, func(t *testing.T, w *world) {
				w.store = store()
				f(t, w)
			})
		})
	}
}

// put writes n records, numbered from first, with their number as the key.
func (w *world) put(first, n int) {
	w.t.Helper()
	for i := range n {
		data := fmt.Sprintf("%04d", first+i)
		_, _, err := w.stream.Put(data, []byte(data))
		require.NoError(w.t, err)
	}
}

// config returns a Config whose function keeps what it sees.
func (w *world) config() mapping.Config {
	cfg := mapping.Config{
		EventSourceARN:   streamARN,
		FunctionName:     "ship-orders",
		StartingPosition: mapping.TrimHorizon,
		Store:            w.store,
		Logger:           slog.New(w.logs.handler(w.t)),
		Function: invoke.Func(func(_ context.Context, e *invoke.Event) error {
			w.see(e)
			return nil
		}),
	}
	if w.service != nil {
		cfg.Client = w.service.Client()
	}
	return cfg
}

// fed runs f in a bubble with a mapping that reads pages from a channel instead of a stream.
func fed(t *testing.T, f func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, store: mapping.NewMemoryStore()}
		pages := make(chan batch.Page)
		cfg := w.config()
		cfg.Source = source{pages}
		f(t, w, cfg, pages)
	})
}

// fedSupervised is fed under each assignment. The Run has begun to read when f sends its first page.
func fedSupervised(t *testing.T, f func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page)) {
	t.Helper()
	for name, store := range assignments {
		t.Run(name, func(t *testing.T) {
			fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
				w.store = store()
				cfg.Store = w.store
				f(t, w, cfg, pages)
			})
		})
	}
}

// isFree reports whether a successor could have the lease of the first shard.
func (w *world) isFree() bool {
	w.t.Helper()
	if v, ok := w.store.(*view); ok {
		rows, _, err := v.Leases(w.t.Context(), "")
		require.NoError(w.t, err)
		return len(rows) == 1 && rows[0].Owner == ""
	}
	_, _, err := w.store.Acquire(w.t.Context(), storeName, "shardId-000000000000", "other")
	if err != nil {
		require.ErrorIs(w.t, err, driver.ErrLeaseHeld)
	}
	return err == nil
}

func (w *world) see(e *invoke.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for r := range e.Records() {
		w.seen = append(w.seen, string(r.Data))
	}
}

func (w *world) delivered() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.seen...)
}

// numbers returns what put wrote.
func numbers(first, n int) []string {
	s := make([]string, n)
	for i := range s {
		s[i] = fmt.Sprintf("%04d", first+i)
	}
	return s
}

// running is a Run in a goroutine of its own.
type running struct {
	*mapping.Mapping
	cancel context.CancelFunc
	done   chan error
}

// start runs a mapping until stop, or the end of the test.
func (w *world) start(cfg mapping.Config) *running {
	w.t.Helper()
	m, err := mapping.New(cfg)
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(w.t.Context())
	r := &running{Mapping: m, cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- m.Run(ctx) }()
	return r
}

// stop cancels the Run and returns what it returned.
func (r *running) stop() error {
	r.cancel()
	return <-r.done
}

// logs is a log that tests read.
type logs struct {
	mu sync.Mutex
	b  strings.Builder
}

// handler returns a Handler that writes lines of Info and above as text, and fails the test at a line, of any level, that JSON
// shows as a bare number of nanoseconds.
func (l *logs) handler(t *testing.T) slog.Handler {
	return readable{slog.NewTextHandler(l, nil), t}
}

type readable struct {
	slog.Handler
	t *testing.T
}

func (h readable) Enabled(context.Context, slog.Level) bool { return true }

func (h readable) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		assert.NotEqual(h.t, slog.KindDuration, a.Value.Kind(), "%q: %s is a bare number of nanoseconds in JSON", r.Message, a.Key)
		return true
	})
	if !h.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h readable) WithAttrs(attrs []slog.Attr) slog.Handler {
	return readable{h.Handler.WithAttrs(attrs), h.t}
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// source is a Source of a few lines: one shard whose pages come from a channel, which is its end when it is closed.
type source struct{ pages chan batch.Page }

func (s source) Shards(context.Context) ([]poller.Shard, error) {
	return []poller.Shard{{ID: "shardId-000000000000"}}, nil
}

func (s source) Open(poller.Shard, poller.Start) (poller.Reader, error) { return s, nil }

func (s source) Next(ctx context.Context) (batch.Page, error) {
	select {
	case p, ok := <-s.pages:
		return batch.Page{Records: p.Records, End: !ok}, nil
	case <-ctx.Done():
		return batch.Page{}, ctx.Err()
	}
}

// page returns a page of n records numbered from first.
func page(first, n int) batch.Page {
	p := batch.Page{Records: make([]batch.Record, n)}
	for i := range p.Records {
		p.Records[i] = batch.Record{
			SequenceNumber: fmt.Sprint(first + i), PartitionKey: "k", Data: []byte(fmt.Sprintf("%04d", first+i)),
			ArrivalTime: time.Now(),
		}
	}
	return p
}

// funcThen returns a function whose first invocation is first and whose others are then.
func funcThen(first invoke.Func, then func(context.Context) error) invoke.Func {
	calls := 0
	return func(ctx context.Context, e *invoke.Event) error {
		if calls++; calls == 1 {
			return first(ctx, e)
		}
		return then(ctx)
	}
}

// pass lets d pass on the fake clock, and all that it sets off end.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
