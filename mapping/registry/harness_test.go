package registry_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/registry"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	streamARN   = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
	functionARN = "arn:aws:lambda:us-east-1:123456789012:function:ship-orders"
)

// world is a stream, a store and a function that keeps what it sees, under the fake clock.
type world struct {
	t       *testing.T
	service *kinesistest.Service
	stream  *kinesistest.Stream
	store   *mapping.MemoryStore
	logs    logs

	mu   sync.Mutex
	seen []string // FUNCTION DATA of the records, in the order of the invocations
	fail error    // of the function
	work time.Duration
}

// inWorld runs f in a bubble with a stream of two shards.
func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, service: kinesistest.New(modeltest.Watch(t, kinesistest.Config{NoLimits: true})), store: mapping.NewMemoryStore()}
		var err error
		w.stream, err = w.service.CreateStream("orders", 2)
		require.NoError(t, err)
		f(t, w)
	})
}

// config returns a Config with two functions, ship-orders and bill-orders, that keep what they see.
func (w *world) config() registry.Config {
	return registry.Config{
		Functions: registry.Functions{"ship-orders": w.function("ship"), "bill-orders": w.function("bill")},
		Client:    w.service.Client(),
		Store:     w.store,
		Logger:    slog.New(slog.NewTextHandler(&w.logs, nil)),
	}
}

func (w *world) function(name string) invoke.Invoker {
	return invoke.ResponseFunc(func(ctx context.Context, e *invoke.Event) (*invoke.Response, error) {
		w.mu.Lock()
		fail, work := w.fail, w.work
		for r := range e.Records() {
			w.seen = append(w.seen, name+" "+string(r.Data))
		}
		w.mu.Unlock()
		select {
		case <-time.After(work):
		case <-ctx.Done():
		}
		return &invoke.Response{}, fail
	})
}

func (w *world) set(fail error, work time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail, w.work = fail, work
}

func (w *world) delivered() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.seen...)
}

// put writes a record.
func (w *world) put(data string) {
	w.t.Helper()
	_, _, err := w.stream.Put("k", []byte(data))
	require.NoError(w.t, err)
}

// running is a Run in a goroutine of its own.
type running struct {
	*registry.Registry
	w      *world
	cancel context.CancelFunc
	done   chan error
}

// start runs a Registry until stop, or the end of the test.
func (w *world) start(cfg registry.Config) *running {
	w.t.Helper()
	reg, err := registry.New(cfg)
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(w.t.Context())
	r := &running{Registry: reg, w: w, cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- reg.Run(ctx) }()
	return r
}

// stop cancels the Run and returns what it returned.
func (r *running) stop() error {
	r.cancel()
	return <-r.done
}

// create makes a mapping, and lets it settle.
func (r *running) create(in registry.CreateInput) registry.Configuration {
	r.w.t.Helper()
	c, err := r.Create(r.w.t.Context(), in)
	require.NoError(r.w.t, err)
	pass(3 * time.Second)
	return c
}

// state returns the State of a mapping, or the code of the error.
func (r *running) state(uuid string) string {
	c, err := r.Get(r.w.t.Context(), uuid)
	if err != nil {
		return code(err)
	}
	return string(c.State)
}

// orders is what creates a mapping of the stream.
func orders() registry.CreateInput {
	return registry.CreateInput{EventSourceARN: streamARN, FunctionName: "ship-orders", StartingPosition: "TRIM_HORIZON"}
}

func code(err error) string {
	if e, ok := err.(*registry.Error); ok { //nolint:errorlint // operations return it plain
		return e.Code
	}
	return fmt.Sprint(err)
}

// pass lets d pass on the fake clock, and all that it sets off end.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// logs is a log that tests read.
type logs struct {
	mu sync.Mutex
	b  strings.Builder
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
