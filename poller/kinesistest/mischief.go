package kinesistest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// defaultRate is the default fraction of the calls that a Mischief affects.
const defaultRate = 0.1

// Mischief says how a Service misbehaves: which kinds affect which calls, how often, for how long, and with which seed.
// The zero Mischief affects one call in ten, until it is stopped, with a kind that a consumer must survive without a
// loss.
type Mischief struct {
	// Seed decides which calls are affected, by which kind, and in which variant. The decision on a call depends only
	// on the seed, the operation, the stream, the shard, and the number of such calls before; not on the time, nor on
	// the order in which calls of different shards arrive.
	Seed uint64

	// Kinds are the possible kinds. Nil: all except ReplacedStream, which loses records, and WrongDate and ClockOff,
	// which change the meaning of times.
	Kinds []Kind

	// Ops, Stream and Shard select the calls. Nil Ops: the operations that read a stream, with the events of
	// subscriptions. Empty Stream or Shard: any. Calls that name no shard, such as listings, match an empty Shard only.
	Ops           []Op
	Stream, Shard string

	// Rate is the fraction of affected calls, up to 1, which is all. Zero means 0.1. For lasting kinds, it is the
	// fraction of the shards.
	Rate float64

	// Calls is how many calls are affected before the mischief ends. Zero: no bound. Lasting kinds do not count calls.
	Calls int

	// For is how long the mischief lasts, by timers. Zero: no bound.
	For time.Duration
}

// Prank is one effect of a mischief.
type Prank struct {
	Time          time.Time // on the service's clock
	Kind          Kind
	Op            Op
	Stream, Shard string // as Call has them
}

// String returns the prank as a line for a log.
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

// Misbehave begins a mischief. Several can run together. Of the kinds that are drawn for a single call, at most one
// affects it, that of the mischief that began first; lasting kinds apply in addition. Faults have precedence: a call
// that takes one is otherwise unaffected. Misbehave panics on an unknown kind.
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

// Stop ends the mischief: no later call is affected. An effect on an earlier call remains, such as a half-open
// subscription. Stop may be called more than once.
func (m *Misbehaviour) Stop() {
	m.service.mu.Lock()
	defer m.service.mu.Unlock()
	m.end()
}

// end ends the mischief, and corrects the service's clock.
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

// Pranks returns the effects of the mischief, in order, up to the last 16,384. A lasting kind is listed once for each
// shard. A call without an effect, such as an empty page for RepeatedRecord, is not listed.
func (m *Misbehaviour) Pranks() []Prank {
	m.service.mu.Lock()
	defer m.service.mu.Unlock()
	return slices.Clone(m.pranks)
}

// Counts returns how often each kind had an effect.
func (m *Misbehaviour) Counts() map[Kind]int {
	m.service.mu.Lock()
	defer m.service.mu.Unlock()
	counts := make(map[Kind]int, len(m.counts))
	for k, n := range m.counts {
		counts[k] = n
	}
	return counts
}

// String returns the seed and how often each kind had an effect, for the log of a test: "seed 7: cut-listing 2, trickle
// 5".
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

// draw returns the kind that affects a call, if any, with the dice for its variant.
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

// meant reports whether the mischief covers a call.
func (m *Misbehaviour) meant(call Call) bool {
	return slices.Contains(m.plan.Ops, call.Op) && (m.plan.Stream == "" || m.plan.Stream == call.Stream) &&
		(m.plan.Shard == "" || m.plan.Shard == call.Shard)
}

// spent reports whether a kind has reached its limit. A stream is replaced once.
func (m *Misbehaviour) spent(k Kind, call Call) bool {
	return k == ReplacedStream && m.once[Prank{Kind: k, Stream: call.Stream}]
}

// has reports whether a lasting kind affects a call, with the dice that are the same for all calls of the shard.
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
