package fleet_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// tightDrift is the drift of clocks up to which nothing ever starts after a loss: half of what the margin covers, since
// one clock may be fast and the other slow.
const tightDrift = 0.04

// schedule is what happens to a fleet.
type schedule struct {
	workers, shards int
	page            int  // rows on a page of the table
	clean           bool // nobody crashes, nothing is lost: workers join and leave
	rates           bool // shards differ in bytes
	drift           float64
	handOver        time.Duration
	failovers       []time.Duration // of the workers, in turn
	invocation      time.Duration   // the longest
	activity        int             // invocations that a worker starts at a time
	events          int             // disturbances
	reshards        int
	length          time.Duration // of the time with disturbances

	noise                  noise
	outageStart, outageEnd time.Duration // of the table
}

// longest returns the longest failover time that a worker can have.
func (p *schedule) longest() time.Duration { return slices.Max(p.failovers) }

// noise is what goes wrong between workers and table during the disturbances: probabilities for each call.
type noise struct{ loseRequest, loseAnswer, throttle, slow, repeat float64 }

// noise returns what goes wrong now.
func (s *sim) noise() noise {
	if s.now < s.plan.length {
		return s.plan.noise
	}
	return noise{}
}

// oneOf returns one of some values.
func oneOf[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

// mixed are failover times that the workers of a quarter of the fleets have.
var mixed = [][]time.Duration{
	{failover, 2 * failover}, {failover, failover / 2}, {failover, failover / 5, 3 * failover}, {failover, failover, failover, 6 * failover},
}

// newSchedule makes up the schedule of a seed. One in 1,000 is of full size, one in 1,000 of a third of it, one in 40
// of medium size, the others are small.
func newSchedule(r *rand.Rand, seed uint64) schedule {
	p := schedule{
		workers: 1 + r.IntN(8), shards: 1 + r.IntN(40), page: oneOf(r, 3, 10, 10, 1000, 1000),
		rates: r.IntN(3) == 0, drift: oneOf(r, 0, 0.01, tightDrift), handOver: oneOf(r, 0, failover, 2*failover),
		invocation: oneOf(r, 50*time.Millisecond, time.Second, 20*time.Second), activity: oneOf(r, 1, 3, 10),
		events: 1 + r.IntN(10), reshards: r.IntN(4), length: 60 * time.Second, failovers: []time.Duration{failover},
	}
	if seed%4 == 3 {
		p.failovers = mixed[seed/4%uint64(len(mixed))]
	}
	switch {
	case seed%1000 == 0:
		p.workers, p.shards, p.page, p.events, p.length = 64, 10_000, 1000, 3, 30*time.Second
	case seed%500 == 0:
		p.workers, p.shards, p.page, p.events, p.length = 20, 3000, 1000, 5, 30*time.Second
	case seed%40 == 0:
		p.workers, p.shards, p.page = 8+r.IntN(12), 100+r.IntN(400), 100
	}
	if r.IntN(3) == 0 {
		p.clean, p.drift, p.handOver = true, min(p.drift, 0.01), 0
		p.invocation = min(p.invocation, time.Second)
		return p
	}
	if r.IntN(8) == 0 {
		p.drift = 0.15
	}
	if r.IntN(2) == 0 {
		p.noise = noise{loseRequest: r.Float64() * 0.1, loseAnswer: r.Float64() * 0.1, throttle: r.Float64() * 0.2, slow: r.Float64() * 0.1, repeat: r.Float64() * 0.1}
	}
	if r.IntN(4) == 0 {
		p.outageStart = time.Duration(r.Int64N(int64(p.length / 2)))
		p.outageEnd = p.outageStart + time.Duration(r.Int64N(int64(3*failover)))
	}
	return p
}

// simulate runs a seed to its end. It traces if it is told to.
func simulate(seed uint64, trace bool) *sim {
	r := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	return simulatePlan(r, newSchedule(r, seed), trace)
}

func newSim(r *rand.Rand, p schedule, trace bool) *sim {
	s := &sim{Rand: r, plan: p, memory: fleet.NewMemory(p.page), truth: truth{
		shards: map[string]*trueShard{}, asked: map[string]map[driver.FleetAsk]*span{}, failovers: map[string]time.Duration{}, beats: map[string]beat{},
	}}
	if trace {
		s.trace = &strings.Builder{}
	}
	for range p.shards {
		s.add()
	}
	return s
}

// simulatePlan runs a schedule to its end, and checks what must be so then.
func simulatePlan(r *rand.Rand, p schedule, trace bool) *sim {
	s := newSim(r, p, trace)
	s.logf("%+v", p)
	for i := range p.workers {
		s.after(s.between(0, 2*time.Second), nil, func() { s.start(fmt.Sprintf("w%d", i)) })
	}
	for i := range p.events {
		s.after(s.between(0, p.length), nil, func() { s.disturbance(i) })
	}
	for range p.reshards {
		s.after(s.between(0, p.length), nil, s.reshard)
	}
	if !p.clean {
		s.disturb(max(p.length, p.outageEnd)) // noise, and the outage, which may be longer
	}
	s.disturb(2 * time.Second)
	s.watch()
	s.run(p.length)
	s.settle()
	return s
}

// start starts a worker, whose listing goes on.
func (s *sim) start(name string) {
	w := s.join(name)
	s.after(s.between(5*time.Second, 10*time.Second), w, w.relist)
	s.disturb(s.now)
}

// disturbance makes something happen to the fleet.
func (s *sim) disturbance(i int) {
	if len(s.workers) == 0 {
		s.start(fmt.Sprintf("x%d", i))
		return
	}
	w := s.workers[s.IntN(len(s.workers))]
	kinds := 8
	if s.plan.clean {
		kinds = 2
	}
	switch kind := s.IntN(kinds); {
	case kind == 0:
		for j := range 1 + s.IntN(max(1, len(s.workers)/2)) {
			s.start(fmt.Sprintf("x%d-%d", i, j))
		}
	case kind == 1:
		if !w.stopping && len(s.workers) > 1 {
			w.stop()
			s.disturb(s.now)
		}
	case kind == 2:
		for range 1 + s.IntN(max(1, len(s.workers)/3)) {
			s.workers[s.IntN(len(s.workers))].die("crashes")
			if len(s.workers) == 0 {
				break
			}
		}
		s.disturb(s.now)
	case kind == 3:
		w.partitioned = s.now + s.between(0, 3*s.plan.longest())
		s.logf("%s: partitioned until %.3fs", w.name, w.partitioned.Seconds())
		s.disturb(w.partitioned)
	case kind == 4:
		w.blind = s.now + s.between(0, 4*s.plan.longest())
		s.logf("%s: blind until %.3fs", w.name, w.blind.Seconds())
		s.disturb(w.blind)
		s.start(fmt.Sprintf("x%d", i)) // which asks it for shards
	case kind == 5:
		w.sluggish = s.now + s.between(failover/3, failover)
		s.logf("%s: sluggish until %.3fs, then partitioned", w.name, w.sluggish.Seconds())
		s.at(w.sluggish, nil, func() { w.partitioned = s.now + 2*s.plan.longest() })
		s.disturb(w.sluggish + 2*s.plan.longest())
	default:
		w.suspended = s.now + s.between(0, 4*s.plan.longest())
		s.logf("%s: suspended until %.3fs", w.name, w.suspended.Seconds())
		s.disturb(w.suspended)
	}
}

// reshard closes one or two open shards, which have children.
func (s *sim) reshard() {
	var open []*trueShard
	for i := range len(s.truth.shards) {
		if t := s.truth.shards[fmt.Sprintf("shard-%06d", i)]; t.end < 0 {
			open = append(open, t)
		}
	}
	if len(open) == 0 {
		return
	}
	t := open[s.IntN(len(open))]
	other := open[s.IntN(len(open))]
	t.end = max(t.invoked+1, t.position) + s.IntN(3)
	if s.IntN(2) == 0 && other != t {
		other.end = max(other.invoked+1, other.position) + s.IntN(3)
		child := s.add(t.id, other.id)
		s.logf("merge %s %s into %s", t.id, other.id, child.id)
	} else {
		a, b := s.add(t.id), s.add(t.id)
		s.logf("split %s into %s %s", t.id, a.id, b.id)
	}
	s.disturb(s.now + s.plan.invocation)
}

// settle lets the fleet come to rest, and checks that it did.
func (s *sim) settle() {
	if s.failed != "" || len(s.workers) == 0 {
		return
	}
	s.run(max(s.disturbed, s.plan.length) + 2*s.plan.longest())
	s.rest()
	if s.failed != "" {
		return
	}
	takes := s.truth.takes
	s.run(s.now + 2*s.plan.longest())
	if moved := s.truth.takes - takes; !s.plan.rates && moved > 0 {
		s.violate("%d shards moved though nothing happened for long", moved)
	}
	if least, most := s.spread(); most-least > 1 && !s.plan.rates || most-least > 3 {
		s.violate("the workers have between %d and %d shards", least, most)
	}
	s.freed()
}

// freed checks that no finished shard has an owner: its row could never be deleted. A release that failed is made again after the next
// reading of the lease rows.
func (s *sim) freed() {
	owned := func() string {
		for id, t := range s.truth.shards {
			if t.finished && t.owner != "" {
				return id
			}
		}
		return ""
	}
	if owned() != "" {
		s.run(s.now + 4*time.Minute)
	}
	if id := owned(); id != "" && len(s.workers) > 0 {
		s.violate("%s is finished, and %s still has its lease", id, s.truth.shards[id].owner)
	}
}

// rest waits until the shards are even and nothing moves, at most for four failover times after all shards that were
// resharded are wholly processed. Their children are taken later than anything else that happens.
func (s *sim) rest() {
	takes, ending := s.truth.takes, s.ending()
	for calm, n := 0, 0; s.failed == "" && len(s.workers) > 0 && calm < 4; n++ {
		s.run(s.now + s.plan.longest())
		if least, most := s.spread(); !ending && most-least <= 1 && takes == s.truth.takes && !s.asking() {
			return
		}
		if calm++; ending {
			calm = 0
		}
		if n == 60 {
			s.violate("shards that were resharded are not wholly processed")
		}
		takes, ending = s.truth.takes, s.ending()
	}
}

// asking reports whether a worker waits for a hand-over.
func (s *sim) asking() bool {
	for _, w := range s.workers {
		for ask, span := range s.truth.asked[w.core.Incarnation()] {
			t := s.truth.shards[ask.Shard]
			released := t.owner == "" && t.epoch == ask.Epoch+1 // for the one that asked
			if !span.over && !t.finished && (t.epoch == ask.Epoch || released) {
				return true
			}
		}
	}
	return false
}

// ending reports whether a shard has ended and is not wholly processed: its children are still to be taken.
func (s *sim) ending() bool {
	for _, t := range s.truth.shards {
		if t.end >= 0 && !t.finished {
			return true
		}
	}
	return false
}

// spread returns how many shards the worker has that has fewest, and the one that has most.
func (s *sim) spread() (least, most int) {
	least = math.MaxInt
	for _, w := range s.workers {
		if !w.stopping {
			least, most = min(least, len(w.runs)), max(most, len(w.runs))
		}
	}
	return least, most
}
