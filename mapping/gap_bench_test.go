package mapping_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/boltstore"
	"github.com/shardmill/shardmill/poller"
)

// BenchmarkInvocationGap measures the time from the end of an invocation to the start of the next while there is
// surplus, through the whole runtime: the loop, the Scheduler, a Func, and the store's commits beside it. Its yardstick
// is handing a value to another goroutine and back over two channels, which is the least that two goroutines need.
func BenchmarkInvocationGap(b *testing.B) {
	b.Run("store=memory", func(b *testing.B) { gaps(b, mapping.NewMemoryStore()) })
	b.Run("store=bolt", func(b *testing.B) {
		store, err := boltstore.Open(filepath.Join(b.TempDir(), "gap.db"))
		require.NoError(b, err)
		defer store.Close()
		gaps(b, store)
	})
}

func gaps(b *testing.B, store mapping.Store) {
	b.ReportAllocs()
	var got []time.Duration
	var last time.Time
	done := make(chan struct{})
	m, err := mapping.New(mapping.Config{
		EventSourceARN: streamARN, FunctionName: "f", StartingPosition: mapping.TrimHorizon, BatchSize: 1,
		Source: &endless{page: page(1, 1000).Records, next: 1}, Store: store, Logger: slog.New(slog.DiscardHandler),
		Function: invoke.Func(func(context.Context, *invoke.Event) error {
			if !last.IsZero() && len(got) < cap(got) {
				if got = append(got, time.Since(last)); len(got) == cap(got) {
					close(done)
				}
			}
			last = time.Now()
			return nil
		}),
	})
	require.NoError(b, err)
	const invocations = 20_000
	for b.Loop() {
		got, last, done = make([]time.Duration, 0, invocations), time.Time{}, make(chan struct{})
		ctx, cancel := context.WithCancel(b.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		<-done
		cancel()
		require.NoError(b, <-ended)
	}
	slices.Sort(got)
	yard := handOver(invocations)
	p50 := got[len(got)/2]
	b.ReportMetric(float64(p50.Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(got[len(got)*99/100].Nanoseconds()), "p99-ns")
	b.ReportMetric(float64(got[len(got)-1].Nanoseconds()), "max-ns")
	b.ReportMetric(float64(p50)/float64(yard), "p50/handover")
	b.ReportMetric(0, "ns/op") // an op is a whole run
}

// handOver returns the median time of a round trip between two goroutines.
func handOver(n int) time.Duration {
	there, back := make(chan int), make(chan int)
	go func() {
		for v := range there {
			back <- v
		}
	}()
	defer close(there)
	times := make([]time.Duration, n)
	for i := range times {
		began := time.Now()
		there <- i
		<-back
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return times[n/2]
}

// endless is a Source that never runs out: each read brings the same records under the next sequence numbers.
type endless struct {
	source
	page []batch.Record
	next int
}

func (s *endless) Next(context.Context) (batch.Page, error) {
	p := page(s.next, len(s.page))
	s.next += len(s.page)
	return p, nil
}

func (s *endless) Open(poller.Shard, poller.Start) (poller.Reader, error) { return s, nil }
