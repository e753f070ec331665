package mapping_test

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

var (
	mischiefSeeds = flag.Int("seeds", 0, "how many seeds TestMischief runs, from -first on; -seed=N runs that one alone, with its whole trace")
	mischiefFirst = flag.Uint64("first", 1, "the first seed of TestMischief")
	mischiefKinds = flag.String("kinds", "", "the only kinds that TestMischief draws from, separated by commas")
	mischiefAll   = flag.Bool("all", false, "whether TestMischief goes on after a seed that failed")
)

// TestMischief runs mappings, one process or a fleet, over a service that misbehaves (kinesistest.Misbehave), with streams
// that are split and merged, functions that fail, and processes that stop, crash and are cut off from their store. The
// mapping reads through the client in the process, through the SDK over JSON and CBOR, or by fan-out. It holds what witness
// lists, and that all is processed within 30 minutes once the mischief has ended, and that no Run ends by itself but with
// ErrStreamReplaced, where the stream was.
//
// A seed decides the plan and the mischief. How goroutines interleave is another matter: repeat a seed with
// -run TestMischief -seed=N -count=20.
func TestMischief(t *testing.T) {
	if *streamSeed != 0 {
		synctest.Test(t, func(t *testing.T) { tryMischief(t, *streamSeed) })
		return
	}
	if *mischiefSeeds == 0 {
		t.Skip("in the making, with seeds that fail: -seeds=N runs N of them")
	}
	var next, failed atomic.Int64
	for w := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprint(w), func(t *testing.T) {
			t.Parallel()
			for {
				i := next.Add(1) - 1
				if i >= int64(*mischiefSeeds) || failed.Load() > 0 && !*mischiefAll {
					return
				}
				seed := *mischiefFirst + uint64(i)
				if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { tryMischief(t, seed) })
				}) {
					failed.Add(1)
				}
			}
		})
	}
}

// traceTail is how many lines of a failing seed's trace are printed unless it runs alone.
const traceTail = 25

// report says what went wrong, in which mischief, and how to repeat it.
func (t *trial) report(wrong string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %s\n\nrepeat it: go test ./mapping -run TestMischief -seed=%d -count=20\n\nmischief:\n", t.seed, wrong, t.seed)
	all := slices.Clone(t.mischief)
	if t.habit != nil {
		all = append(all, t.habit)
	}
	for _, m := range all {
		fmt.Fprintf(&b, "  %s\n", m)
	}
	fmt.Fprintf(&b, "\ntrace:\n%s\n", t.trace(all))
	if *streamSeed != 0 {
		b.WriteString("\nlog:\n" + t.logs.String())
	}
	return b.String()
}

// trace returns what happened, the whole of it if the seed runs alone.
func (t *trial) trace(all []*kinesistest.Misbehaviour) string {
	lines := slices.Clone(t.notes)
	if *streamSeed == 0 {
		return strings.Join(lines[max(0, len(lines)-traceTail):], "\n")
	}
	for _, m := range all {
		for _, p := range m.Pranks() {
			lines = append(lines, p.String())
		}
	}
	slices.Sort(lines) // by time
	return strings.Join(lines, "\n")
}
