package fleet_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// calm is the schedule of a fleet to which nothing happens but what a test does.
func calm(workers, shards int) schedule {
	return schedule{
		workers: workers, shards: shards, page: 1000, clean: true, invocation: time.Second, activity: 4, drift: 0.01,
		failovers: []time.Duration{failover},
	}
}

// rested returns a fleet at rest.
func rested(t *testing.T, p schedule) *sim {
	t.Helper()
	s := newSim(rand.New(rand.NewPCG(1, 2)), p, *seed >= 0)
	t.Cleanup(func() {
		if s.trace != nil {
			t.Log("\n" + s.trace.String())
		}
	})
	for i := range p.workers {
		s.after(s.between(0, time.Second), nil, func() { s.start(fmt.Sprintf("w%02d", i)) })
	}
	s.run(10 * failover)
	require.Empty(t, s.failed)
	return s
}

func TestFewMoves(t *testing.T) {
	for _, c := range []struct{ workers, shards, join, leave int }{
		{1, 10, 1, 0},
		{3, 40, 1, 0},
		{10, 1000, 1, 0},
		{10, 1000, 5, 0},
		{16, 2000, 10, 0},
		{1, 1000, 9, 0},
		{5, 40, 0, 1},
		{10, 1000, 0, 1},
		{10, 1000, 0, 5},
		{10, 1000, 5, 3},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			s := rested(t, calm(c.workers, c.shards))
			assert.LessOrEqual(t, s.truth.takes, 2*c.shards, "moves at the start")
			before := s.truth.takes
			for i := range c.join {
				s.after(s.between(0, time.Second), nil, func() { s.start(fmt.Sprintf("x%02d", i)) })
			}
			freed := 0
			for i := range c.leave {
				freed += len(s.workers[i].runs)
				s.after(s.between(0, time.Second), nil, s.workers[i].stop)
			}
			least := freed + c.join*(c.shards/(c.workers+c.join-c.leave))
			if freed > 0 { // what is free goes to those that join
				least = max(freed, c.join*(c.shards/(c.workers+c.join-c.leave)))
			}
			now := s.now
			last, takes := now, before
			for s.now < now+10*failover {
				s.run(s.now + time.Second)
				if s.truth.takes != takes {
					last, takes = s.now, s.truth.takes
				}
			}
			require.Empty(t, s.failed)
			t.Logf("%d moves, at least %d are needed, within %s; at the start %d", takes-before, least, last-now, before)
			assert.LessOrEqual(t, takes-before, least+least/10+c.workers+c.join)
		})
	}
}

// TestTakeover measures how long shards go without a worker when one crashes, and when one stops.
func TestTakeover(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*worker)
		most time.Duration
	}{
		{"crash", func(w *worker) { w.die("crashes") }, failover * 3 / 2},
		{"stop", func(w *worker) { w.stop() }, failover / 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			var all []time.Duration
			p := calm(10, 1000)
			p.clean = c.name != "crash"
			s := rested(t, p)
			for range 8 {
				s.truth.takeover = nil
				c.do(s.workers[s.IntN(len(s.workers))])
				s.run(s.now + 4*failover)
				all = append(all, s.truth.takeover...)
				s.start(fmt.Sprintf("x%d", s.queue.seq))
				s.run(s.now + 4*failover)
				require.Empty(t, s.failed)
			}
			require.GreaterOrEqual(t, len(all), 8*100)
			slices.Sort(all)
			t.Logf("without a worker: half of %d shards for %s, 99 of 100 for %s, all for %s", len(all), all[len(all)/2], all[len(all)*99/100], all[len(all)-1])
			assert.LessOrEqual(t, all[len(all)-1], c.most)
		})
	}
}

// TestBytesEvenOut holds that workers with as many shards come to have about as many bytes, and that it ends.
func TestBytesEvenOut(t *testing.T) {
	p := calm(4, 40)
	p.rates = true
	s := rested(t, p)
	hot := map[string]int64{}
	for i, w := range s.workers { // all that is hot is with two of them
		for id := range w.runs {
			hot[id] = int64(100_000 * (1 + 9*(i/2)))
			s.truth.shard(id).rate = hot[id]
		}
	}
	takes := s.truth.takes
	s.run(s.now + time.Hour)
	moves := s.truth.takes - takes
	s.run(s.now + time.Hour)
	require.Empty(t, s.failed)
	assert.Equal(t, moves, s.truth.takes-takes, "moves in the second hour")
	for _, w := range s.workers {
		bytes := int64(0)
		for id := range w.runs {
			bytes += hot[id]
		}
		assert.Len(t, w.runs, 10)
		assert.InDelta(t, 5_500_000, bytes, 5_500_000/4)
	}
	t.Logf("%d moves; 20 are needed to even them out wholly", moves)
}
