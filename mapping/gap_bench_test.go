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
	const invocations = 20_000
	records := &backlog{next: 1, n: invocations + 1}
	m, err := mapping.New(mapping.Config{
		EventSourceARN: streamARN, FunctionName: "f", StartingPosition: mapping.TrimHorizon, BatchSize: 1,
		Source: records, Store: store, Logger: slog.New(slog.DiscardHandler),
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
	for b.Loop() {
		got, last, done = make([]time.Duration, 0, invocations), time.Time{}, make(chan struct{})
		records.prepare()
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

// backlog is a Source that has records for one run at hand, and then no more.
type backlog struct {
	source
	next int
	n    int
	page *batch.Page // what the next run reads
}

// prepare makes the next page before the time counts.
func (s *backlog) prepare() {
	p := page(s.next, s.n)
	s.page = &p
	s.next += s.n
}

func (s *backlog) Open(poller.Shard, poller.Start) (poller.Reader, error) { return s, nil }

func (s *backlog) Next(ctx context.Context) (batch.Page, error) {
	if s.page == nil {
		<-ctx.Done()
		return batch.Page{}, ctx.Err()
	}
	p := *s.page
	s.page = nil
	return p, nil
}
