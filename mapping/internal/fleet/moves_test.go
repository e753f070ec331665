package fleet_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// calm is the schedule of a fleet to which nothing happens but what a test does.
func calm(workers, shards int) schedule {
	return schedule{workers: workers, shards: shards, page: 1000, clean: true, invocation: time.Second, activity: 4, drift: 0.01}
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
		{1, 10, 1, 0}, {3, 40, 1, 0}, {10, 1000, 1, 0}, {10, 1000, 5, 0}, {16, 2000, 10, 0}, {1, 1000, 9, 0},
		{5, 40, 0, 1}, {10, 1000, 0, 1}, {10, 1000, 0, 5}, {10, 1000, 5, 3},
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
