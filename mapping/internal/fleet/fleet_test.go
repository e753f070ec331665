package fleet_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

var (
	seeds    = flag.Uint64("seeds", defaultSeeds, "how many seeds TestSimulation runs")
	first    = flag.Uint64("first", defaultFirst, "the first seed that TestSimulation runs")
	progress = flag.Int("progress", 0, "after how many seeds TestSimulation prints how far it is, each time; 0: never")
	quiet    = flag.Bool("quiet", false, "whether -seed runs without a trace")
	seed     = flag.Int64("seed", -1, "the only seed that TestSimulation runs, with its whole trace")
)

// Most fleets are small, and thrown away after some milliseconds: a third of the time would go into collecting them. The
// limit is for the large ones.
const (
	gcPercent   = 800
	memoryLimit = 1 << 30
)

// TestSimulation holds the rules of the protocol over random schedules; sim_truth_test.go has them.
func TestSimulation(t *testing.T) {
	if *seed >= 0 {
		s := simulate(uint64(*seed), !*quiet)
		if s.trace != nil {
			t.Log("\n" + s.trace.String())
		}
		require.Empty(t, s.failed)
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(memoryLimit))
	began := time.Now()
	var next, done, stale, overlaps, forced, started atomic.Int64
	var g errgroup.Group
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error {
			for !t.Failed() {
				n := *first + uint64(next.Add(1)-1)
				if n >= *first+*seeds {
					break
				}
				s := simulate(n, false)
				stale.Add(int64(s.truth.stale))
				overlaps.Add(int64(s.truth.overlaps))
				forced.Add(int64(s.truth.forced))
				started.Add(int64(s.truth.started))
				if n := done.Add(1); *progress > 0 && n%int64(*progress) == 0 {
					fmt.Fprintf(os.Stderr, "%d of %d seeds after %s\n", n, *seeds, time.Since(began).Round(time.Second))
				}
				if s.failed != "" {
					t.Errorf("seed %d: %s\nrun it alone with -seed=%d; its trace ends with\n%s", n, s.failed, n, tail(simulate(n, true).trace.String(), 60))
				}
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
	t.Logf("%d invocations, %d of them started while another one of the shard ran, %d after its loss (with clocks that drift too much), %d leases taken from a live worker",
		started.Load(), overlaps.Load(), stale.Load(), forced.Load())
}

// tail returns the last lines of a text.
func tail(s string, n int) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
