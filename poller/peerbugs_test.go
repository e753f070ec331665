package poller_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// The tests named TestPeerBugs… hold what other clients of Kinesis have got wrong, one a bug. Each says in its first
// line what went wrong there. Most run a whole mapping, since that is where the loss would show.

// ward is a stream with a mapping that reads it, under the fake clock.
type ward struct {
	*testing.T
	service *kinesistest.Service
	stream  *kinesistest.Stream
	store   driver.Store
	client  poller.Client // the service's, unless a test puts another in its place

	mu   sync.Mutex
	seen []string
	held map[string]chan struct{} // by shard: its function waits
}

// inWard runs f in a bubble with a stream of so many shards.
func inWard(t *testing.T, shards int, cfg kinesistest.Config, f func(w *ward)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		service := kinesistest.New(modeltest.Watch(t, cfg))
		stream, err := service.CreateStream("orders", shards)
		require.NoError(t, err)
		f(&ward{
			T: t, service: service, stream: stream, client: service.Client(), store: mapping.NewMemoryStore(),
			held: map[string]chan struct{}{},
		})
	})
}

// run starts a mapping with what change makes of its configuration, and returns how it is stopped.
func (w *ward) run(change func(*mapping.Config)) (stop func()) {
	w.Helper()
	cfg := mapping.Config{
		EventSourceARN: ordersARN, FunctionName: "ship-orders", StartingPosition: mapping.TrimHorizon,
		Client: w.client, Store: w.store, Logger: slog.New(slog.DiscardHandler), Function: invoke.Func(w.function),
	}
	if change != nil {
		change(&cfg)
	}
	m, err := mapping.New(cfg)
	require.NoError(w, err)
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	synctest.Wait()
	return func() {
		w.Helper()
		cancel()
		require.NoError(w, <-done)
	}
}

// function sees the records, when its shard is not held.
func (w *ward) function(ctx context.Context, e *invoke.Event) error {
	w.mu.Lock()
	held := w.held[e.Origin.ShardID]
	w.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for r := range e.Records() {
		w.seen = append(w.seen, string(r.Data))
	}
	return nil
}

// hold lets the function wait in the invocations of a shard, until release is called.
func (w *ward) hold(shard string) (release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	held := make(chan struct{})
	w.held[shard] = held
	return func() { close(held) }
}

// put writes n records, whose data is their number and their key as well.
func (w *ward) put(first, n int) {
	w.Helper()
	for _, data := range numbered(first, n) {
		_, _, err := w.stream.Put(data, []byte(data))
		require.NoError(w, err)
	}
}

func numbered(first, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%04d", first+i)
	}
	return all
}

// delivered returns the data of the records that were processed, in that order.
func (w *ward) delivered() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.seen...)
}

func (w *ward) split(shard string) (low, high string) {
	w.Helper()
	low, high, err := w.stream.Split(shard)
	require.NoError(w, err)
	return low, high
}

// pass lets time pass, and all that it sets off end.
func (w *ward) pass(d time.Duration) {
	rest(w.Context(), d)
	synctest.Wait()
}
