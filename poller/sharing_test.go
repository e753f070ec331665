package poller

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fairRates returns which rates are fair for readers that want to read once in these times: where a reader wants less than
// its equal part of the shard's reads, the others share the rest.
func fairRates(wanted []time.Duration) []float64 {
	rates := make([]float64, len(wanted))
	order := make([]int, len(wanted))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(wanted[b] - wanted[a]) })
	left := float64(perSecond)
	for k, i := range order {
		rates[i] = min(1/wanted[i].Seconds(), left/float64(len(order)-k))
		left -= rates[i]
	}
	return rates
}

func times(n int, d time.Duration) []time.Duration { return slices.Repeat([]time.Duration{d}, n) }

// TestConsumersShareAShard: whatever their number and their intervals, each consumer gets its part, none waits for long, and the
// shard's reads are used.
func TestConsumersShareAShard(t *testing.T) {
	const fast, slow = 200 * time.Millisecond, time.Second
	mixes := [][]time.Duration{append(times(1, fast), times(1, slow)...), append(times(1, fast), times(4, slow)...), append(times(1, fast), times(15, slow)...)}
	for _, n := range []int{2, 3, 5, 8, 12, 20} {
		mixes = append(mixes, times(n, fast))
	}
	for _, n := range []int{6, 7, 8, 12, 20} {
		mixes = append(mixes, times(n, slow))
	}
	for _, mix := range mixes {
		t.Run(fmt.Sprint(mix), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(3) {
				for _, latency := range [][2]time.Duration{{}, {5 * time.Millisecond, 25 * time.Millisecond}} {
					testShares(t, mix, seed, latency)
				}
			}
		})
	}
}

// testShares lets readers share a shard for ten minutes. They come together, within a second, or one after the other.
func testShares(t *testing.T, mix []time.Duration, seed uint64, latency [2]time.Duration) {
	t.Helper()
	w := newWorld(seed, latency[0], latency[1])
	apart := []time.Duration{0, time.Second / time.Duration(len(mix)), 10 * time.Second}[seed%3]
	for i, interval := range mix {
		w.add(newOurs(w, interval), time.Duration(i)*apart)
	}
	w.run(10 * time.Minute)
	fair := fairRates(mix)
	all := 0.0
	for i := range w.counts {
		c := &w.counts[i]
		all += c.rate(w.now)
		assert.GreaterOrEqual(t, c.rate(w.now), 0.6*fair[i], "seed %d, latency %v: reads a second of consumer %d", seed, latency, i)
		assert.LessOrEqual(t, c.gap.Seconds(), 5/fair[i], "seed %d, latency %v: longest wait of consumer %d", seed, latency, i)
		if fair[i] < 0.8/mix[i].Seconds() {
			_, shared := w.consumers[i].(*ours).pace.tally.share(w.now, mix[i]) //nolint:forcetypeassert // all are
			assert.True(t, shared, "seed %d, latency %v: consumer %d says so", seed, latency, i)
		}
	}
	assert.GreaterOrEqual(t, all, 4.5, "seed %d, latency %v: reads a second of all", seed, latency)
}

// TestAGreedyConsumerLeavesOursSomething: against a consumer that never yields, or hardly, how much is left depends on how
// regular it comes. With the latency of a network between them ours get through; the numbers are less than what is measured.
func TestAGreedyConsumerLeavesOursSomething(t *testing.T) {
	for name, c := range map[string]struct {
		other   func() consumer
		ours    int
		rate    float64 // of each of ours, at least
		longest float64 // wait in seconds, at most
	}{
		"200 ms apart, whatever it gets":            {func() consumer { return metronome(200 * time.Millisecond) }, 1, 0.85, 5},
		"200 ms apart, whatever it gets; 4 of ours": {func() consumer { return metronome(200 * time.Millisecond) }, 4, 0.4, 12},
		"100 ms after each answer":                  {func() consumer { return glutton(100 * time.Millisecond) }, 1, 0.35, 10},
		"100 ms after each answer; 4 of ours":       {func() consumer { return glutton(100 * time.Millisecond) }, 4, 0.3, 12},
		"10 ms after each answer":                   {func() consumer { return glutton(10 * time.Millisecond) }, 1, 0.15, 20},
		"10 ms after each answer; 10 of ours":       {func() consumer { return glutton(10 * time.Millisecond) }, 10, 0.12, 25},
		"200 ms apart, backing off when refused":    {func() consumer { return &patient{interval: 200 * time.Millisecond} }, 1, 0.75, 8},
		"as before, 4 of ours":                      {func() consumer { return &patient{interval: 200 * time.Millisecond} }, 4, 0.6, 10},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(1, 5*time.Millisecond, 25*time.Millisecond)
			w.add(c.other(), 0)
			for i := range c.ours {
				w.add(newOurs(w, time.Second), time.Duration(i)*300*time.Millisecond)
			}
			w.run(20 * time.Minute)
			for i := range w.counts[1:] {
				c1 := &w.counts[1+i]
				t.Logf("%.2f reads a second, longest wait %v", c1.rate(w.now), c1.gap)
				assert.GreaterOrEqual(t, c1.rate(w.now), c.rate)
				assert.LessOrEqual(t, c1.gap.Seconds(), c.longest)
			}
		})
	}
}

// TestAloneOnItsShardAReaderKeepsItsInterval: but for the courtesy, from which the next poll returns to the schedule.
func TestAloneOnItsShardAReaderKeepsItsInterval(t *testing.T) {
	p := newPace(time.Second, 0)
	start := time.Unix(1_800_000_000, 0)
	at := p.begin(start)
	var late []time.Duration
	for i := range 12 {
		p.sent = at
		late = append(late, at.Sub(start.Add(time.Duration(i)*time.Second)))
		p.succeeded(at, false, 0, 0.5)
		at = p.begin(at)
	}
	assert.Equal(t, []time.Duration{0, 0, 0, 0, 0, courtesy, 0, 0, 0, 0, courtesy, 0}, late)
	_, shared := p.tally.share(at, time.Second)
	assert.False(t, shared)
}

// TestSharingEndsWithTheOthers: a reader that is refused no longer returns to its interval, and its share is no news any more.
func TestSharingEndsWithTheOthers(t *testing.T) {
	w := newWorld(1, 5*time.Millisecond, 25*time.Millisecond)
	o := newOurs(w, time.Second)
	w.add(o, 0)
	for range 12 {
		w.add(newOurs(w, time.Second), 0)
	}
	w.run(5 * time.Minute)
	share, shared := o.pace.tally.share(w.now, o.pace.wanted)
	assert.True(t, shared)
	assert.InDelta(t, 5.0/13, share.Granted, 0.15)
	assert.InDelta(t, 1, share.Wanted, 0.1)

	w.events = slices.DeleteFunc(w.events, func(e event) bool { return e.consumer != 0 })
	w.run(5 * time.Minute)
	assert.Equal(t, time.Second, o.pace.interval)
	_, shared = o.pace.tally.share(w.now, o.pace.wanted)
	assert.False(t, shared)
}

// TestAReaderThatIsAloneNeverSaysThatItsShardIsShared: however its reads arrive, and whatever is refused for it.
func TestAReaderThatIsAloneNeverSaysThatItsShardIsShared(t *testing.T) {
	for _, wanted := range []time.Duration{200 * time.Millisecond, 250 * time.Millisecond, time.Second} {
		for _, latency := range [][2]time.Duration{{0, 0}, {5 * time.Millisecond, 25 * time.Millisecond}, {0, 200 * time.Millisecond}, {50 * time.Millisecond, 400 * time.Millisecond}} {
			for seed := range uint64(5) {
				w := newWorld(seed, latency[0], latency[1])
				o := newOurs(w, wanted)
				w.add(o, 0)
				for range 120 {
					w.run(30 * time.Second)
					_, shared := o.pace.tally.share(w.now, wanted)
					require.False(t, shared, "every %s, latency %v, seed %d", wanted, latency, seed)
				}
			}
		}
	}
}

// TestABurstOfRefusalsIsNoEvidenceOfOtherConsumers: another process has stopped, and its reads of the last second count; or the
// service refuses reads for a while, for a reason of its own.
func TestABurstOfRefusalsIsNoEvidenceOfOtherConsumers(t *testing.T) {
	w := newWorld(1, 5*time.Millisecond, 25*time.Millisecond)
	o := newOurs(w, 200*time.Millisecond)
	w.add(o, 0)
	w.run(time.Minute)
	for i := range w.granted {
		w.granted[i] = w.now.Add(5 * time.Second)
	}
	met := false
	for range 60 {
		w.run(time.Second)
		_, shared := o.pace.tally.share(w.now, o.pace.wanted)
		assert.False(t, shared)
		met = met || o.pace.tally.lost > clearly.Seconds()
	}
	assert.True(t, met, "it lost enough to say so")
}

func TestOwnReadsExplainARefusal(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	for name, c := range map[string]struct {
		reads   int // before the one that is refused, sent 210 ms apart
		latency int // of each, in milliseconds; negative: no answer came
		want    bool
	}{
		"fewer than a shard grants":                     {4, 100, false},
		"five that came in time":                        {5, 30, false},
		"five that may have come within a second of it": {5, 60, true},
		"five without an answer":                        {5, -1, true},
		"more than five":                                {9, 60, true},
	} {
		t.Run(name, func(t *testing.T) {
			var g gate
			var by turn
			for i := range c.reads {
				g.take(at(210*i), &by)
				if c.latency >= 0 {
					g.granted(at(210*i+c.latency), &by)
				}
			}
			sent := at(210 * c.reads)
			g.take(sent, &by)
			require.True(t, g.giveBack(&by))
			assert.Equal(t, c.want, g.explains(sent))
		})
	}
}
