package batch_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/shardmill/shardmill/batch"
)

const (
	benchPage  = 10_000 // records, the most that one GetRecords brings
	benchPages = 8      // made in advance, then the shard begins anew
)

// benchShard is the pages of a shard, with keys drawn from a fixed seed.
func benchShard(keys int) []batch.Page {
	rng := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 200)
	names := make([]string, keys)
	for i := range names {
		names[i] = fmt.Sprintf("customer-%08x", rng.Uint32())
	}
	pages := make([]batch.Page, benchPages)
	for i := range pages {
		pages[i].Records = make([]batch.Record, benchPage)
		numbers := sequenceNumbers(i * benchPage)
		for j := range pages[i].Records {
			pages[i].Records[j] = batch.Record{
				SequenceNumber: numbers[j*numberDigits : (j+1)*numberDigits],
				PartitionKey:   names[rng.IntN(keys)],
				Data:           data,
				ArrivalTime:    worldStart,
				Size:           500,
			}
		}
	}
	return pages
}

const numberDigits = 56

// sequenceNumbers returns those of a page as one string, as a decoder may have them: they are parts of the response.
func sequenceNumbers(first int) string {
	var b strings.Builder
	for i := range benchPage {
		fmt.Fprintf(&b, "4959033827149025660855969253836157109592157598%010d", first+i)
	}
	return b.String()
}

// mill is a shell with nothing in it: every invocation succeeds at once.
type mill struct {
	policy  batch.Policy
	pages   []batch.Page
	page    int
	s       *batch.Scheduler
	now     time.Time
	running []batch.ID
	state   []byte // what each invocation returns; nil without tumbling windows

	invocations, commits int
	position             batch.Position
}

// step offers one page, invokes, reports and commits all of it.
func (m *mill) step() {
	if m.page%len(m.pages) == 0 {
		m.s, _ = batch.New(m.policy, batch.Commit{})
	}
	p := m.pages[m.page%len(m.pages)]
	m.page++
	m.s.Offer(m.now, p)
	for m.next(); len(m.running) > 0; m.next() {
		for _, id := range m.running {
			m.s.Report(m.now, id, batch.Outcome{Kind: batch.Success, State: m.state})
		}
		m.running = m.running[:0]
	}
	if want := batch.PositionOf(&p.Records[len(p.Records)-1]); m.position != want {
		panic(fmt.Sprintf("committed up to %s, want %s", m.position, want))
	}
}

func (m *mill) next() {
	for _, a := range m.s.Next(m.now) {
		switch a := a.(type) {
		case *batch.Invoke:
			m.invocations++
			m.running = append(m.running, a.ID)
		case *batch.Commit:
			m.commits++
			m.position = a.Position
		}
	}
}

func newMill(p batch.Policy, keys int) *mill {
	m := &mill{policy: p, pages: benchShard(keys), now: worldStart}
	if p.TumblingWindow > 0 {
		m.state = []byte(`{"n":1}`)
		for i := range m.pages { // each is a window of its own
			for j := range m.pages[i].Records {
				m.pages[i].Records[j].ArrivalTime = worldStart.Add(time.Duration(i) * p.TumblingWindow)
			}
		}
	}
	m.step() // so that what grows once has grown
	m.invocations = 0
	return m
}

// benchPolicies are the cases of BenchmarkPage.
var benchPolicies = []struct {
	name   string
	policy batch.Policy
}{
	{"batch=1", batch.Policy{BatchSize: 1}},
	{"batch=100", batch.Policy{BatchSize: 100}},
	{"batch=10000", batch.Policy{BatchSize: 10_000}},
	{"batch=100,lanes=10", batch.Policy{BatchSize: 100, ParallelizationFactor: 10}},
	{"batch=100,window", batch.Policy{BatchSize: 100, TumblingWindow: 10 * time.Second}},
}

// BenchmarkPage offers, cuts, reports and commits a page of 10,000 records. x-copy is its time as a multiple of the
// time that it takes to copy each Record once, measured just before on the same machine.
func BenchmarkPage(b *testing.B) {
	for _, c := range benchPolicies {
		b.Run(c.name, func(b *testing.B) {
			m := newMill(c.policy, 1000)
			yardstick := copyTime(m.pages)
			b.ReportAllocs()
			before := mallocs()
			for b.Loop() {
				m.step()
			}
			allocs := float64(mallocs() - before)
			records := float64(b.N) * benchPage
			perRecord := float64(b.Elapsed().Nanoseconds()) / records
			b.ReportMetric(perRecord, "ns/record")
			b.ReportMetric(allocs/records, "allocs/record")
			b.ReportMetric(allocs/float64(m.invocations), "allocs/invocation")
			b.ReportMetric(perRecord/yardstick, "x-copy")
		})
	}
}

// BenchmarkCopy is the yardstick: a plain loop that copies each Record of a page once.
func BenchmarkCopy(b *testing.B) {
	pages := benchShard(1000)
	dst := make([]batch.Record, benchPage)
	b.ReportAllocs()
	for b.Loop() {
		copyRecords(dst, pages[0].Records)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchPage, "ns/record")
}

// copyTime returns the nanoseconds that it takes to copy one of the records, in the best of some rounds.
func copyTime(pages []batch.Page) float64 {
	dst := make([]batch.Record, benchPage)
	best := time.Hour
	for range 20 {
		start := time.Now()
		for _, p := range pages {
			copyRecords(dst, p.Records)
		}
		best = min(best, time.Since(start))
	}
	return float64(best.Nanoseconds()) / float64(len(pages)*benchPage)
}

//go:noinline
func copyRecords(dst, src []batch.Record) { copy(dst, src) }

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
