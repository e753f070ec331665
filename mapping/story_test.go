package mapping_test

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestStory runs mappings over random stories, each planned from a seed: functions that fail, hang, panic, end their goroutine and
// name failed items; sources and stores that fail; processes that stop, crash, and overlap, alone or as a fleet; windows,
// filters, lanes and aggregates, whose settings change from one process to the next; shards that are split and merged. What
// happened is written to a journal, from which storyRules are judged.
//
// A seed decides the plan, and how each call goes. How goroutines interleave is another matter: repeat a seed with
// -run TestStory -seed=N -count=20. -seeds, -first and -all are those of TestMischief.
func TestStory(t *testing.T) {
	t.Parallel()
	if *streamSeed != 0 {
		tellStory(t, *streamSeed)
		return
	}
	var next, failed atomic.Int64
	seeds := storySeeds()
	for w := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprint(w), func(t *testing.T) {
			t.Parallel()
			for {
				i := next.Add(1) - 1
				if i >= int64(seeds) || failed.Load() > 0 && !*mischiefAll {
					return
				}
				seed := *mischiefFirst + uint64(i)
				if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { tellStory(t, seed) }) {
					failed.Add(1)
				}
			}
		})
	}
}

// storySeeds returns how many seeds to run: -seeds, where it is given.
func storySeeds() int {
	n := defaultStories
	flag.Visit(func(f *flag.Flag) {
		if f.Name == "seeds" {
			n = *mischiefSeeds
		}
	})
	return n
}

// tellStory runs the story of a seed, and judges it.
func tellStory(t *testing.T, seed uint64) {
	var s *stage
	synctest.Test(t, func(t *testing.T) { s = planStory(seed).play(t, tamper{}) })
	wrong := s.journal.judge()
	if s.settled > time.Minute || len(wrong) > 0 {
		t.Logf("settled in %s", s.settled)
	}
	if len(wrong) == 0 {
		return
	}
	report := fmt.Sprintf("%s\n\nrepeat it: go test ./mapping -run '^TestStory$' -seed=%d -count=20\n\n%s", strings.Join(wrong, "\n"), seed, s.plot)
	if *streamSeed != 0 {
		report += "\n" + s.journal.String() + "\n" + s.logs.String()
	}
	t.Error(report)
}
