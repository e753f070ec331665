package mapping_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/boltstore"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
)

// BenchmarkInvocationGap measures the time from the end of an invocation to the start of the next one of its lane while there
// is surplus, through the whole runtime: the loop, the Scheduler, a Func, and the store's commits beside it. Its yardstick
// is handing a value to another goroutine and back over two channels, which is the least that two goroutines need.
func BenchmarkInvocationGap(b *testing.B) {
	b.Run("store=memory", func(b *testing.B) { gaps(b, mapping.NewMemoryStore(), 1) })
	b.Run("store=memory,lanes=10", func(b *testing.B) { gaps(b, mapping.NewMemoryStore(), 10) })
	b.Run("store=bolt", func(b *testing.B) {
		store, err := boltstore.Open(filepath.Join(b.TempDir(), "gap.db"))
		require.NoError(b, err)
		defer store.Close()
		gaps(b, store, 1)
	})
}

func gaps(b *testing.B, store driver.Store, lanes int) {
	b.ReportAllocs()
	const invocations = 20_000
	var got *gapTimes
	records := &backlog{next: 1, n: invocations + 1}
	m, err := mapping.New(mapping.Config{
		EventSourceARN: streamARN, FunctionName: "f", StartingPosition: mapping.TrimHorizon, BatchSize: 1, ParallelizationFactor: lanes,
		Source: records, Store: store, Logger: slog.New(slog.DiscardHandler),
		Function: invoke.Func(func(_ context.Context, e *invoke.Event) error {
			began := time.Now()
			for r := range e.Records() {
				got.ran(batch.LaneOf(r, lanes), began)
			}
			return nil
		}),
	})
	require.NoError(b, err)
	for b.Loop() {
		got = newGapTimes(lanes, invocations)
		records.prepare()
		ctx, cancel := context.WithCancel(b.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		<-got.done
		cancel()
		require.NoError(b, <-ended)
	}
	all := slices.Concat(got.lanes...)
	slices.Sort(all)
	yard := handOver(invocations)
	p50 := all[len(all)/2]
	b.ReportMetric(float64(p50.Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(all[len(all)*99/100].Nanoseconds()), "p99-ns")
	b.ReportMetric(float64(all[len(all)-1].Nanoseconds()), "max-ns")
	b.ReportMetric(float64(p50)/float64(yard), "p50/handover")
	b.ReportMetric(0, "ns/op") // an op is a whole run
}

// gapTimes are the gaps of the lanes of a shard. Each lane writes its own.
type gapTimes struct {
	lanes [][]time.Duration
	last  []time.Time
	left  atomic.Int64
	done  chan struct{} // closed with the last invocation
}

func newGapTimes(lanes, invocations int) *gapTimes {
	g := &gapTimes{lanes: make([][]time.Duration, lanes), last: make([]time.Time, lanes), done: make(chan struct{})}
	for i := range g.lanes {
		g.lanes[i] = make([]time.Duration, 0, invocations)
	}
	g.left.Store(int64(invocations))
	return g
}

// ran takes note of an invocation of a lane, which ends now.
func (g *gapTimes) ran(lane int, began time.Time) {
	if last := g.last[lane]; !last.IsZero() && len(g.lanes[lane]) < cap(g.lanes[lane]) {
		g.lanes[lane] = append(g.lanes[lane], began.Sub(last))
	}
	if g.left.Add(-1) == 0 {
		close(g.done)
	}
	g.last[lane] = time.Now()
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
