package mapping_test

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

var (
	mischiefSeeds = flag.Int("seeds", defaultMischief, "how many seeds TestMischief runs, from -first on; -seed=N runs that one alone, with its whole trace")
	mischiefFirst = flag.Uint64("first", 1, "the first seed of TestMischief")
	mischiefKinds = flag.String("kinds", "", "the only kinds that TestMischief draws from, separated by commas")
	mischiefAll   = flag.Bool("all", false, "whether TestMischief goes on after a seed that failed")
)

// enoughSeeds is from how many seeds on each kind must have done something.
const enoughSeeds = 500

// TestMischief runs mappings, one process or a fleet, over a service that misbehaves (kinesistest.Misbehave), with streams
// that are split, merged and replaced, functions that fail, and processes that stop, crash and are cut off from their store.
// The mapping reads through the client in the process, through the SDK over JSON and CBOR, or by fan-out. The test holds
// what witness lists, that all is processed within 30 minutes once the mischief has ended, and that no Run ends by itself
// but with ErrStreamReplaced, where the stream was.
//
// A seed decides the plan and the mischief. How goroutines interleave is another matter: repeat a seed with
// -run TestMischief -seed=N -count=20.
func TestMischief(t *testing.T) {
	if *streamSeed != 0 {
		synctest.Test(t, func(t *testing.T) { t.Log(newTrial(t, *streamSeed).run()) })
		return
	}
	run := &trials{next: *mischiefFirst, counts: map[kinesistest.Kind]int{}}
	t.Run("seeds", func(t *testing.T) {
		for w := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(w), func(t *testing.T) {
				t.Parallel()
				for seed, ok := run.seed(); ok; seed, ok = run.seed() {
					run.done(t.Run(fmt.Sprint(seed), func(t *testing.T) { run.try(t, seed) }))
				}
			})
		}
	})
	t.Log(run.counts)
	if t.Failed() || *mischiefKinds != "" || *mischiefSeeds < enoughSeeds {
		return
	}
	for _, k := range kinesistest.Kinds() {
		assert.True(t, run.counts[k] > 0 || k == kinesistest.ReplacedStream, "%s never did anything", k)
	}
}

// trials hands out the seeds, and counts what the mischief did.
type trials struct {
	mu     sync.Mutex
	next   uint64
	failed bool
	counts map[kinesistest.Kind]int
}

// seed returns the next seed, and false when there is none.
func (r *trials) seed() (uint64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next >= *mischiefFirst+uint64(*mischiefSeeds) || r.failed && !*mischiefAll {
		return 0, false
	}
	r.next++
	return r.next - 1, true
}

func (r *trials) done(ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = r.failed || !ok
}

// try runs one seed in a bubble.
func (r *trials) try(t *testing.T, seed uint64) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, seed)
		tr.run()
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, m := range tr.misbehaved() {
			for k, n := range m.Counts() {
				r.counts[k] += n
			}
		}
	})
}

// traceTail is how many lines of a failing seed's trace are printed unless it runs alone.
const traceTail = 25

// report says what went wrong, in which mischief, and how to repeat it.
func (t *trial) report(wrong string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %s\n\nrepeat it: go test ./mapping -run TestMischief -seed=%d -count=20\n\n%s", t.seed, wrong, t.seed, t.story())
	if *streamSeed != 0 {
		b.WriteString("\nlog:\n" + t.logs.String())
	}
	return b.String()
}

// story says what happened: the whole of it if the seed runs alone.
func (t *trial) story() string {
	var b strings.Builder
	b.WriteString("mischief:\n")
	lines := slices.Clone(t.notes)
	for _, m := range t.misbehaved() {
		fmt.Fprintf(&b, "  %s\n", m)
		for _, p := range m.Pranks() {
			if *streamSeed != 0 {
				lines = append(lines, p.String())
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(a[:clockLength], b[:clockLength]) })
	if *streamSeed == 0 {
		lines = lines[max(0, len(lines)-traceTail):]
	}
	fmt.Fprintf(&b, "\ntrace:\n%s\n", strings.Join(lines, "\n"))
	return b.String()
}

// misbehaved returns all mischief that began.
func (t *trial) misbehaved() []*kinesistest.Misbehaviour {
	all := slices.Clone(t.mischief)
	if t.habit != nil {
		all = append(all, t.habit)
	}
	return all
}
