package kinesistest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// defaultRate is the part of the calls that a Mischief befalls if nothing else is said.
const defaultRate = 0.1

// Mischief says how a Service is to misbehave: which kinds befall which calls, how often, for how long, and by which seed.
// The zero Mischief befalls one call in ten, until it is stopped, with a kind that a consumer must survive without a loss.
type Mischief struct {
	// Seed decides which calls are met, by which kind, and in which variant. The decision on a call depends on the seed,
	// the operation, the stream, the shard, and on how many such calls there were before, and on nothing else: not on the
	// time, nor on the order in which calls of different shards come in.
	Seed uint64

	// Kinds are those that are drawn from. Nil: all but ReplacedStream, which loses records, and WrongDate and ClockOff,
	// which make times mean something else.
	Kinds []Kind

	// Ops, Stream and Shard choose the calls. Nil Ops: the operations by which a stream is read, with the events of
	// subscriptions. Empty Stream or Shard: any. Calls that name no shard, such as listings, match an empty Shard only.
	Ops           []Op
	Stream, Shard string

	// Rate is the part of the calls that is met, up to 1, which is all. Zero means 0.1. Of the kinds that last, it is the
	// part of the shards.
	Rate float64

	// Calls is how many calls are met before the mischief ends. Zero: no bound. Kinds that last do not count calls.
	Calls int

	// For is how long the mischief lasts, by timers. Zero: no bound.
	For time.Duration
}

// Prank is one thing that a mischief did.
type Prank struct {
	Time          time.Time // on the service's clock
	Kind          Kind
	Op            Op
	Stream, Shard string // as Call has them
}

// String returns the prank as a line of a log.
func (p Prank) String() string {
	return strings.TrimRight(fmt.Sprintf("%s %s: %s %s %s", p.Time.UTC().Format("01-02 15:04:05.000"), p.Kind, p.Op, p.Stream, p.Shard), " ")
}

// Misbehaviour is a Mischief that has begun. Its methods may be called concurrently.
type Misbehaviour struct {
	service *Service
	plan    Mischief
	began   time.Time // of timers

	// The rest is guarded by Service.mu.
	over   bool
	skew   *skew             // nil unless it set the service's clock off
	met    int               // calls
	seen   map[string]uint64 // calls by operation, stream and shard
	pranks []Prank           // the last maxPranks
	counts map[Kind]int
	once   map[Prank]bool // what happens, or is listed, once: without time and operation
}

// maxPranks bounds the list of pranks.
const maxPranks = 1 << 14

// Misbehave begins a mischief. Several can run together: of the kinds that are drawn for a single call, at most one befalls
// it, by the mischief that began first; the kinds that last befall it all. Faults go first: a call that takes one is left
// alone. Misbehave panics on a kind that does not exist.
func (s *Service) Misbehave(plan Mischief) *Misbehaviour {
	mustBeKinds(plan.Kinds...)
	plan.Kinds, plan.Ops = slices.Clone(plan.Kinds), slices.Clone(plan.Ops)
	if plan.Kinds == nil {
		plan.Kinds = slices.DeleteFunc(Kinds(), func(k Kind) bool { return traitOf(k).costly })
	}
	if plan.Ops == nil {
		plan.Ops = reading
	}
	plan.Rate = cmp.Or(plan.Rate, defaultRate)
	m := &Misbehaviour{
		service: s, plan: plan, began: time.Now(),
		seen: map[string]uint64{}, counts: map[Kind]int{}, once: map[Prank]bool{},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mischief = append(s.mischief, m)
	m.setClock()
	return m
}

// Stop ends the mischief: no later call is met. A call that is met already stays as it is, such as a half-open subscription.
// Stop may be called more than once.
func (m *Misbehaviour) Stop() {
	m.service.mu.Lock()
	defer m.service.mu.Unlock()
	m.end()
}

// end ends the mischief, and sets the service's clock right.
func (m *Misbehaviour) end() {
	m.over = true
	m.service.skew.CompareAndSwap(m.skew, nil)
}

// Plan returns the Mischief, with its defaults filled in.
func (m *Misbehaviour) Plan() Mischief {
	plan := m.plan
	plan.Kinds, plan.Ops = slices.Clone(plan.Kinds), slices.Clone(plan.Ops)
	return plan
}

// Pranks returns what the mischief did, in order, up to the last 16,384. A kind that lasts is listed once for each shard.
// A call that was met but left its kind nothing to do, such as an empty page for RepeatedRecord, is not listed.
func (m *Misbehaviour) Pranks() []Prank {
	m.service.mu.Lock()
	defer m.service.mu.Unlock()
	return slices.Clone(m.pranks)
}

// Counts returns how often each kind did something.
func (m *Misbehaviour) Counts() map[Kind]int {
	m.service.mu.Lock()
	defer m.service.mu.Unlock()
	counts := make(map[Kind]int, len(m.counts))
	for k, n := range m.counts {
		counts[k] = n
	}
	return counts
}

// String returns the seed and how often each kind did something, for the log of a test: "seed 7: cut-listing 2, trickle 5".
func (m *Misbehaviour) String() string {
	counts := m.Counts()
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d:", m.plan.Seed)
	for _, t := range traits {
		if n := counts[t.kind]; n > 0 {
			fmt.Fprintf(&b, " %s %d,", t.kind, n)
		}
	}
	if len(counts) == 0 {
		b.WriteString(" nothing")
	}
	return strings.TrimSuffix(b.String(), ",")
}

// ended reports whether the mischief is over.
func (m *Misbehaviour) ended() bool {
	if m.plan.For > 0 && time.Since(m.began) >= m.plan.For || m.plan.Calls > 0 && m.met >= m.plan.Calls {
		m.end()
	}
	return m.over
}

// draw returns the kind that befalls a call, if any does, with the dice for its variant.
func (m *Misbehaviour) draw(call Call) (Kind, *dice) {
	if !m.meant(call) {
		return "", nil
	}
	words := []string{string(call.Op), call.Stream, call.Shard}
	key := strings.Join(words, " ")
	n := m.seen[key]
	m.seen[key]++
	d := newDice(m.plan.Seed, n, words...)
	if !d.chance(m.plan.Rate) {
		return "", nil
	}
	var fit []Kind
	for _, k := range m.plan.Kinds {
		if !k.Lasts() && k.befalls(call.Op) && !m.spent(k, call) {
			fit = append(fit, k)
		}
	}
	if len(fit) == 0 {
		return "", nil
	}
	m.met++
	return fit[d.below(len(fit))], d
}

// meant reports whether the mischief is about a call.
func (m *Misbehaviour) meant(call Call) bool {
	return slices.Contains(m.plan.Ops, call.Op) && (m.plan.Stream == "" || m.plan.Stream == call.Stream) &&
		(m.plan.Shard == "" || m.plan.Shard == call.Shard)
}

// spent reports whether a kind has done all that it may. A stream is replaced once.
func (m *Misbehaviour) spent(k Kind, call Call) bool {
	return k == ReplacedStream && m.once[Prank{Kind: k, Stream: call.Stream}]
}

// has reports whether a kind that lasts befalls a call, with the dice that are the same for all calls of the shard.
func (m *Misbehaviour) has(k Kind, call Call) (*dice, bool) {
	if !slices.Contains(m.plan.Kinds, k) || !m.meant(call) || !k.befalls(call.Op) {
		return nil, false
	}
	d := newDice(m.plan.Seed, 0, string(k), call.Stream, call.Shard)
	return d, d.chance(m.plan.Rate)
}

// did lists a prank.
func (m *Misbehaviour) did(k Kind, call Call) {
	key := Prank{Kind: k, Stream: call.Stream, Shard: call.Shard}
	if k == ReplacedStream {
		key.Shard = ""
	}
	if (k.Lasts() || k == ReplacedStream) && m.once[key] {
		return
	}
	m.once[key] = true
	if len(m.pranks) == maxPranks {
		m.pranks = slices.Delete(m.pranks, 0, maxPranks/2)
	}
	m.pranks = append(m.pranks, Prank{Time: call.Time, Kind: k, Op: call.Op, Stream: call.Stream, Shard: call.Shard})
	m.counts[k]++
}
