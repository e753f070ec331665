package batch_test

import (
	"flag"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

var (
	schedules = flag.Int("schedules", defaultSchedules, "how many random schedules TestSchedules and TestLaneReference run")
	firstSeed = flag.Uint64("seed", 1, "the seed of the first random schedule")
)

// TestSchedules runs random schedules of offers, outcomes, time and crashes against a model and the package's promises.
// A failure prints the seed; go test ./batch -run TestSchedules -seed N -schedules 1 runs that one alone.
func TestSchedules(t *testing.T) {
	parallelSeeds(t, func(seed uint64, trace *strings.Builder) error {
		return runSchedule(newSeedChooser(seed), trace)
	})
}

// parallelSeeds runs a check for each seed on some goroutines, and the first that fails once more with its trace.
func parallelSeeds(t *testing.T, check func(seed uint64, trace *strings.Builder) error) {
	t.Parallel()
	const workers = 4
	var next, failed atomic.Uint64
	next.Store(*firstSeed)
	end := *firstSeed + uint64(*schedules)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for seed := next.Add(1) - 1; seed < end && failed.Load() == 0; seed = next.Add(1) - 1 {
				if check(seed, nil) != nil {
					failed.CompareAndSwap(0, seed+1) // 0 means none
				}
			}
		})
	}
	wg.Wait()
	if n := failed.Load(); n != 0 {
		seed := n - 1
		var trace strings.Builder
		err := check(seed, &trace)
		t.Errorf("seed %d: %v\n%s", seed, err, trace.String())
	}
}

// TestSchedulesRapid runs some more schedules, whose choices rapid makes, for it shortens those that fail.
func TestSchedulesRapid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var trace strings.Builder
		if err := runSchedule(rapidChooser{t}, &trace); err != nil {
			t.Fatalf("%v\n%s", err, trace.String())
		}
	})
}

type rapidChooser struct{ *rapid.T }

func (c rapidChooser) choose(n int) int { return rapid.IntRange(0, n-1).Draw(c.T, "choice") }

// FuzzScheduler runs schedules whose choices are the fuzzer's bytes.
func FuzzScheduler(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte(strings.Repeat("\x01\x02\x03\x05\x08\x0d\x15\x22", 40)))
	f.Add([]byte(strings.Repeat("offer report advance wake", 20)))
	f.Fuzz(func(t *testing.T, choices []byte) {
		var trace strings.Builder
		if err := runSchedule(&byteChooser{choices}, &trace); err != nil {
			t.Errorf("%v\n%s", err, trace.String())
		}
	})
}
