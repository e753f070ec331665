package poller

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// world is a shard and its consumers, each of a process of its own, on a clock that jumps from event to event.
type world struct {
	now       time.Time
	random    *rand.Rand
	events    events
	consumers []consumer
	counts    []count

	// latency draws how long a read is under way to the shard.
	latency func() time.Duration

	// granted are the last reads that the shard granted: 5 in any second.
	granted [perSecond]time.Time
}

// consumer decides when it reads next.
type consumer interface {
	// answered notes a read that was sent at a time, granted or not, and returns when the next one is sent.
	answered(sent, now time.Time, granted bool) time.Time
}

// count is what became of a consumer's reads.
type count struct {
	began         time.Time
	good, refused int
	last          time.Time // granted
	gap           time.Duration
}

// event is a read that is sent, or one that comes to the shard.
type event struct {
	at       time.Time
	sent     time.Time // zero if it is sent now
	consumer int
	tie      uint64
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	if c := e[i].at.Compare(e[j].at); c != 0 {
		return c < 0
	}
	return e[i].tie < e[j].tie
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) } //nolint:forcetypeassert // as heap gives it back
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}

func newWorld(seed uint64, least, spread time.Duration) *world {
	w := &world{now: time.Unix(1_800_000_000, 0), random: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // to be repeated
	w.latency = func() time.Duration {
		if spread == 0 {
			return least
		}
		return least + time.Duration(w.random.Int64N(int64(spread)))
	}
	return w
}

// add lets a consumer begin some time from now.
func (w *world) add(c consumer, after time.Duration) {
	began := w.now.Add(after)
	w.send(len(w.consumers), began)
	w.consumers = append(w.consumers, c)
	w.counts = append(w.counts, count{began: began, last: began})
}

func (w *world) send(consumer int, at time.Time) {
	heap.Push(&w.events, event{at: at, consumer: consumer, tie: w.random.Uint64()})
}

// run lets time pass.
func (w *world) run(long time.Duration) {
	end := w.now.Add(long)
	for len(w.events) > 0 && w.events[0].at.Before(end) {
		e := heap.Pop(&w.events).(event) //nolint:forcetypeassert // nothing else is pushed
		w.now = e.at
		if e.sent.IsZero() {
			e.sent = e.at
			e.at = e.at.Add(w.latency())
			heap.Push(&w.events, e)
			continue
		}
		w.arrived(e)
	}
	w.now = end
	for i := range w.counts {
		w.counts[i].saw(end)
	}
}

// arrived lets the shard answer a read. The answer takes no time.
func (w *world) arrived(e event) {
	ok := w.now.Sub(w.granted[0]) >= time.Second
	c := &w.counts[e.consumer]
	if ok {
		copy(w.granted[:], w.granted[1:])
		w.granted[perSecond-1] = w.now
		c.good++
		c.saw(w.now)
		c.last = w.now
	} else {
		c.refused++
	}
	w.send(e.consumer, later(w.now, w.consumers[e.consumer].answered(e.sent, w.now, ok)))
}

// saw notes how long a consumer has been waiting by now.
func (c *count) saw(now time.Time) { c.gap = max(c.gap, now.Sub(c.last)) }

// rate returns how many reads a second were granted.
func (c *count) rate(now time.Time) float64 { return float64(c.good) / now.Sub(c.began).Seconds() }

// ours is a Reader of this package, but for its calls.
type ours struct {
	pace   pace
	gate   gate
	turn   turn
	random *rand.Rand
}

func newOurs(w *world, interval time.Duration) *ours {
	return &ours{pace: newPace(interval, 0), random: w.random}
}

func (o *ours) answered(sent, now time.Time, granted bool) time.Time {
	if o.pace.next.IsZero() {
		o.pace.begin(sent)
		o.gate.take(sent, &o.turn)
	}
	o.pace.sent = sent
	if granted {
		o.gate.granted(now, &o.turn)
		o.pace.succeeded(now, false, 0, o.random.Float64())
	} else {
		o.gate.giveBack(&o.turn)
		if !o.gate.explains(sent) {
			o.pace.tally.prove(now)
		}
		o.pace.refused(now, o.random.Float64())
	}
	next := later(o.pace.begin(now), o.gate.opens(0))
	o.gate.take(next, &o.turn)
	return next
}

// metronome is a consumer of somebody else's: it reads once an interval, whatever it gets.
type metronome time.Duration

func (m metronome) answered(sent, _ time.Time, _ bool) time.Time { return sent.Add(time.Duration(m)) }

// glutton reads a pause after each answer, whatever it was.
type glutton time.Duration

func (g glutton) answered(_, now time.Time, _ bool) time.Time { return now.Add(time.Duration(g)) }

// patient backs off when it is refused, as many clients do: 200 ms, doubled up to 10 s.
type patient struct {
	interval time.Duration
	failures int
}

func (p *patient) answered(sent, now time.Time, granted bool) time.Time {
	if granted {
		p.failures = 0
		return sent.Add(p.interval)
	}
	p.failures++
	return later(now.Add(backoff(p.failures)), sent.Add(p.interval))
}
