package fleet_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// failover is the failover time of all simulations.
const failover = fleet.DefaultFailover

// sim is a fleet in virtual time, in which everything happens in the order of one queue. Its time is the true one;
// workers see it through clocks of their own.
type sim struct {
	*rand.Rand
	plan    schedule
	now     time.Duration
	queue   queue
	steps   int // in this second
	memory  *fleet.Memory
	workers []*worker
	truth   truth

	disturbed time.Duration // when the last disturbance was over
	trace     *strings.Builder
	failed    string // the first violation
}

// at makes something happen at a time; w is nil for what happens outside the workers.
func (s *sim) at(at time.Duration, w *worker, do func()) {
	s.queue.push(max(at, s.now), event{worker: w, do: do})
}

// after makes something happen after a while.
func (s *sim) after(d time.Duration, w *worker, do func()) { s.at(s.now+d, w, do) }

// run lets time pass until the given one, or until a rule is violated.
func (s *sim) run(until time.Duration) {
	for s.failed == "" {
		at, ok := s.queue.next()
		if !ok || at > until {
			break
		}
		e := s.queue.pop()
		if s.steps++; s.now/time.Second < at/time.Second {
			s.steps = 0
		} else if s.steps > 10_000+1000*len(s.truth.shards) {
			s.violate("time stands still")
		}
		s.now = at
		switch w := e.worker; {
		case w == nil:
			e.do()
		case w.dead:
		case s.now < w.suspended: // what has piled up happens in any order
			s.at(w.suspended+s.between(0, 5*time.Millisecond), w, e.do)
		default:
			e.do()
		}
	}
	s.now = until
}

// between returns a random duration from a to b.
func (s *sim) between(a, b time.Duration) time.Duration {
	if b <= a {
		return a
	}
	return a + time.Duration(s.Int64N(int64(b-a)))
}

// chance is true with the given probability.
func (s *sim) chance(p float64) bool { return p > 0 && s.Float64() < p }

func (s *sim) logf(format string, args ...any) {
	if s.trace != nil {
		fmt.Fprintf(s.trace, "%9.3fs ", s.now.Seconds())
		fmt.Fprintf(s.trace, format+"\n", args...)
	}
}

// violate ends the simulation.
func (s *sim) violate(format string, args ...any) {
	if s.failed == "" {
		s.failed = fmt.Sprintf("at %.3fs: ", s.now.Seconds()) + fmt.Sprintf(format, args...)
		s.logf("VIOLATION %s", s.failed)
	}
}

// disturb takes note of a disturbance that lasts until the given time.
func (s *sim) disturb(until time.Duration) { s.disturbed = max(s.disturbed, until) }

// call makes a worker call the table: apply is the call as it happens there, done gets its error here.
func (s *sim) call(w *worker, name string, timeout time.Duration, apply func() error, done func(error)) {
	send := func() {
		noise := s.noise()
		before, after := s.latency(noise), s.latency(noise)
		if s.now < w.sluggish {
			after = min(s.between(timeout/2, timeout), timeout-before)
		}
		answer := func(after time.Duration, err error) {
			if after > timeout {
				after, err = timeout, fleet.ErrLost
			}
			s.after(after, w, func() {
				if err != nil {
					s.logf("%s: %s: %v", w.name, name, err)
				}
				done(err)
			})
		}
		switch {
		case s.now < w.partitioned, s.now < w.blind && name == "read", s.chance(noise.loseRequest):
			answer(2*timeout, nil)
			return
		case s.now < s.plan.outageEnd && s.now >= s.plan.outageStart, s.chance(noise.throttle):
			answer(before+after, fleet.ErrThrottled)
			return
		}
		if name != "read" && s.chance(noise.repeat) { // by the client, which takes its answer for lost
			s.after(before+s.between(0, 5*time.Second), nil, func() { _ = apply() })
		}
		if s.chance(noise.loseAnswer) || before+after > timeout {
			s.after(before, nil, func() { _ = apply() })
			answer(2*timeout, nil)
			return
		}
		s.after(before, nil, func() { answer(after, apply()) })
	}
	if s.IntN(4) > 0 {
		send()
		return
	}
	s.after(s.between(0, time.Millisecond), w, send) // it may be suspended before it sends
}

func (s *sim) latency(n noise) time.Duration {
	if s.chance(n.slow) {
		return s.between(0, failover/3)
	}
	return s.between(2*time.Millisecond, 15*time.Millisecond)
}

// readAll reads a table page by page. The rows are done's until it returns.
func readAll[T any](s *sim, w *worker, spare *[]T, r reading[T]) {
	all := (*spare)[:0]
	*spare = nil // an answer that comes late must not write into the rows of the next reading
	var next func(mark string)
	next = func(mark string) {
		s.call(w, "read", r.timeout, func() error {
			rows, following, err := r.page(background, mark)
			all = append(all, rows...)
			mark = following
			return err
		}, func(err error) {
			switch {
			case err != nil:
				r.done(w.clock(), nil, err)
			case mark != "":
				next(mark)
				return
			default:
				r.done(w.clock(), all, nil)
				*spare = all
			}
			w.step()
		})
	}
	next("")
}

// reading is what readAll does.
type reading[T any] struct {
	timeout time.Duration
	page    func(ctx context.Context, mark string) ([]T, string, error)
	done    func(now time.Time, rows []T, err error)
}

var background = context.Background()
