package batch_test

import (
	"slices"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// model says what a Scheduler must want, from the rules and with no thought of speed: records are indexes into the shard,
// and everything is counted anew each time. One model lives from New to a crash.
type model struct {
	p       batch.Policy // with its defaults filled in
	retries int
	stream  []batch.Record

	from     int // where this Scheduler resumed: the records from here on are its business
	read     int // those before it were offered
	ended    bool
	hurried  bool // no batching window counts
	stopped  bool
	resolved []bool // by index
	pages    [][2]int
	lanes    []modelLane

	windows  []int64 // by index: the beginning of its tumbling window
	current  int64   // the latest of them, or that of the source's clock when the shard went idle
	open     *modelWindow
	closed   int64 // those that begin before it are closed
	seen     int64 // the latest second in which a record arrived
	caughtUp time.Time
	passed   time.Time // that a source which is stalled has passed
	reads    []modelRead
	ahead    time.Duration // of the source's clock, as far as the Scheduler knows
	upTo     time.Time     // all that arrived before it is resolved
	storedTo time.Time     // ... as the last commit told
	stood    int           // the front when upTo was looked at
	idle     int           // how often upTo was worth a commit of its own

	lastID    batch.ID
	version   uint64
	committed mark
}

// mark is how far a Commit goes.
type mark struct {
	front int
	end   bool
	open  *modelWindow // another one with each state
	idle  int
}

type modelLane struct {
	queue      []int // unresolved, in order
	subBatches []modelSubBatch
	busy       bool // the first sub-batch is invoked or discarded right now
	window     time.Time
}

// modelSubBatch is some records of the front of a lane that go through invocations together.
type modelSubBatch struct {
	n         int
	id        batch.ID
	attempts  int
	ran       int
	spent     int
	failures  int
	notBefore time.Time
	condition batch.Condition // not empty: to be discarded
	cause     batch.OutcomeKind

	final, early bool
	window       int64
	due          time.Time // for a final one
}

// wanted is an action that Next must return.
type wanted struct {
	invoke    bool
	id        batch.ID
	lane      int
	attempt   int
	condition batch.Condition
	count     int
	cause     batch.OutcomeKind
	records   []int

	window, windowEnd int64
	state             []byte
	final, early      bool
}

func newModel(p batch.Policy, stream []batch.Record, resume mark, told batch.Commit) *model {
	m := &model{p: p, retries: -1, stream: stream, from: resume.front, read: resume.front, ended: resume.end}
	m.committed, m.idle = resume, resume.idle
	m.upTo, m.storedTo, m.stood = told.ResolvedUpTo, told.ResolvedUpTo, resume.front
	if !told.ClosedUpTo.IsZero() {
		m.closed, m.seen = told.ClosedUpTo.Unix(), told.ClosedUpTo.Unix()
	}
	if m.open = resume.open; m.open != nil {
		m.seen = max(m.seen, m.open.start)
	}
	if size := m.windowSize(); size > 0 {
		m.current = m.seen - m.seen%size
	}
	if m.p.TumblingWindowGrace == 0 {
		m.p.TumblingWindowGrace = 5 * time.Second
	}
	m.p.BatchSize = cmpOr(p.BatchSize, batch.DefaultBatchSize)
	m.p.ParallelizationFactor = cmpOr(p.ParallelizationFactor, 1)
	m.p.PayloadLimit = cmpOr(p.PayloadLimit, batch.DefaultPayloadLimit)
	m.p.BufferBytes = cmpOr(p.BufferBytes, batch.DefaultBufferBytes)
	if p.MaximumRetryAttempts != nil {
		m.retries = *p.MaximumRetryAttempts
	}
	m.resolved, m.windows = make([]bool, len(stream)), make([]int64, len(stream))
	m.lanes = make([]modelLane, m.p.ParallelizationFactor)
	return m
}

func cmpOr(v, otherwise int) int {
	if v == 0 {
		return otherwise
	}
	return v
}

// offer takes a page with the records up to index to, excluded.
func (m *model) offer(now time.Time, to int, p batch.Page) {
	m.reads = append(m.reads, modelRead{now, p.Behind, to > m.read})
	m.reads = m.reads[m.progress(len(m.reads)-1):]
	if to > m.read {
		m.pages = append(m.pages, [2]int{m.read, to})
	}
	for ; m.read < to; m.read++ {
		r := &m.stream[m.read]
		if r.Filtered {
			m.resolved[m.read] = true
			continue
		}
		m.assign(m.read)
		l := &m.lanes[batch.LaneOf(r, len(m.lanes))]
		if m.inHand(l) == len(l.queue) {
			l.window = now
		}
		l.queue = append(l.queue, m.read)
	}
	m.ended = m.ended || p.End
	if p.CaughtUpTo.After(m.caughtUp) {
		m.caughtUp = p.CaughtUpTo
	}
	if m.stalled() {
		m.passed = latest(now.Add(m.ahead), time.Unix(m.current+m.windowSize(), 0).Add(m.p.TumblingWindowGrace))
	}
	m.settle()
}

// settle looks up to when all is resolved.
func (m *model) settle() {
	front := m.front()
	if front > m.stood && m.stream[front-1].ArrivalTime.After(m.upTo) {
		m.upTo = m.stream[front-1].ArrivalTime
	}
	m.stood = front
	if front == m.read && m.caughtUp.After(m.upTo) {
		m.upTo = m.caughtUp
	}
	if front == m.read && front > 0 && m.upTo.Sub(m.storedTo) >= time.Hour {
		m.idle++
	}
}

func (m *model) inHand(l *modelLane) int {
	n := 0
	for _, p := range l.subBatches {
		n += p.n
	}
	return n
}

// front is the index of the first record that is not resolved.
func (m *model) front() int {
	i := m.from
	for i < m.read && m.resolved[i] {
		i++
	}
	return i
}

// held is what the records of all pages that are not wholly done with are charged.
func (m *model) held() int {
	front, sum := m.front(), 0
	for _, page := range m.pages {
		for i := page[0]; i < page[1] && page[1] > front; i++ {
			sum += len(m.stream[i].Data) + batch.RecordOverhead
		}
	}
	return sum
}

func (m *model) room() int { return m.p.BufferBytes - m.held() }

func (m *model) done() mark {
	front := m.front()
	return mark{front, m.ended && front == m.read && m.open == nil, m.open, m.idle}
}

// next returns what Next must return at now, the commit aside.
func (m *model) next(now time.Time) []wanted {
	var all []wanted
	for i := range m.lanes {
		if w, ok := m.step(now, i); ok && !m.stopped {
			all = append(all, w)
		}
	}
	return all
}

func (m *model) step(now time.Time, lane int) (wanted, bool) {
	l := &m.lanes[lane]
	if l.busy || m.stopped {
		return wanted{}, false
	}
	m.terminate(now, l)
	for {
		if len(l.subBatches) == 0 && !m.take(now, l) {
			return wanted{}, false
		}
		if l.subBatches[0].condition == "" {
			m.giveUp(now, l)
		}
		p := &l.subBatches[0]
		tooLarge := m.size(l.queue[:p.n], p.window) > m.p.PayloadLimit
		switch {
		case p.condition == "" && now.Before(p.notBefore):
			return wanted{}, false
		case p.condition == "" && tooLarge && p.n > 1: // the state has grown since it was cut
			l.halve()
		case p.condition == "" && tooLarge:
			m.fail(now, l, batch.TooLarge)
		default:
			return m.begin(lane, l, p), true
		}
	}
}

// take takes the next batch of a lane in hand, or the final invocation before it, if one is due.
func (m *model) take(now time.Time, l *modelLane) bool {
	if final, due := m.closes(now, l); due {
		l.subBatches = []modelSubBatch{final}
		return true
	}
	n := m.cut(now, l)
	if n > 0 {
		l.subBatches = []modelSubBatch{{n: n, window: m.windows[l.queue[0]]}}
	}
	return n > 0
}

// giveUp marks for discarding what is too old of the sub-batch in hand.
func (m *model) giveUp(now time.Time, l *modelLane) {
	p := &l.subBatches[0]
	if old := m.expired(now, l.queue[:p.n]); old > 0 {
		l.giveUpOldest(old)
	}
	if age := m.p.MaximumRecordAge; p.final && age > 0 && now.Sub(p.due) > age {
		p.condition, p.cause = batch.RecordAgeExceeded, batch.None
	}
}

// halve splits the sub-batch in hand in two, which begin afresh.
func (l *modelLane) halve() {
	p := l.subBatches[0]
	l.subBatches = append([]modelSubBatch{{n: p.n / 2, window: p.window}, {n: p.n - p.n/2, window: p.window}}, l.subBatches[1:]...)
}

// begin makes the sub-batch's invocation or discard.
func (m *model) begin(lane int, l *modelLane, p *modelSubBatch) wanted {
	if p.id == 0 {
		m.lastID++
		p.id = m.lastID
	}
	l.busy = true
	w := wanted{id: p.id, lane: lane, condition: p.condition, cause: p.cause, records: slices.Clone(l.queue[:p.n])}
	w.window, w.state, w.final, w.early = p.window, m.stateOf(p.window), p.final, p.early
	if w.windowEnd = p.window + m.windowSize(); p.final {
		w.windowEnd = m.open.end
	}
	switch p.condition {
	case batch.RecordAgeExceeded:
		w.count = max(1, p.ran)
	case batch.RetryAttemptsExhausted:
		w.count = p.spent
	default:
		p.attempts++
		w.invoke, w.attempt = true, p.attempts
	}
	return w
}

// cut returns how many buffered records make a batch now.
func (m *model) cut(now time.Time, l *modelLane) int {
	if len(l.queue) == 0 {
		return 0
	}
	n, full := m.fill(l.queue)
	if full || m.ended || m.hurried || m.room() <= 0 || now.Sub(l.window) >= m.p.MaximumBatchingWindow {
		return n
	}
	return m.expired(now, l.queue[:n])
}

// fill returns how many of the records make the largest batch, and whether no further record could join it.
func (m *model) fill(queue []int) (n int, full bool) {
	window, other := m.windows[queue[0]], false
	if in := m.inWindow(queue); in < len(queue) || m.windowSize() > 0 && m.over(window+m.windowSize()) {
		queue, other = queue[:in], true
	}
	for n = 1; n < len(queue); n++ {
		if n == m.p.BatchSize || m.size(queue[:n+1], window) > m.p.PayloadLimit {
			return n, true
		}
	}
	return n, other || n == m.p.BatchSize || m.size(queue, window) >= m.p.PayloadLimit
}

// size is that of the event of some records of a window.
func (m *model) size(queue []int, window int64) int {
	size := m.p.EnvelopeSize + max(0, len(queue)-1)
	if m.windowSize() > 0 {
		size += m.p.WindowSize + len(m.stateOf(window))
	}
	for _, i := range queue {
		size += m.stream[i].Size
	}
	return size
}

// expired returns how many leading records are too old.
func (m *model) expired(now time.Time, queue []int) int {
	for n, i := range queue {
		if m.p.MaximumRecordAge <= 0 || now.Add(m.ahead).Sub(m.stream[i].ArrivalTime) <= m.p.MaximumRecordAge {
			return n
		}
	}
	return len(queue)
}

func (l *modelLane) giveUpOldest(n int) {
	old, rest := l.subBatches[0], l.subBatches[0]
	old.n, old.condition, old.cause = n, batch.RecordAgeExceeded, batch.None
	rest.n, rest.id, rest.attempts = rest.n-n, 0, 0
	if l.subBatches[0] = old; rest.n > 0 {
		l.subBatches = slices.Insert(l.subBatches, 1, rest)
	}
}

// wake returns when Next has something new though nothing happens.
func (m *model) wake() (at time.Time, ok bool) {
	for i := range m.lanes {
		l := &m.lanes[i]
		if l.busy || len(l.queue)+len(l.subBatches) == 0 || m.stopped {
			continue
		}
		t := l.window.Add(m.p.MaximumBatchingWindow)
		var born time.Time // of what grows too old
		if len(l.subBatches) > 0 {
			t, born = l.subBatches[0].notBefore, l.subBatches[0].due
		}
		if len(l.subBatches) == 0 || !l.subBatches[0].final {
			born = m.stream[l.queue[0]].ArrivalTime.Add(-m.ahead)
		}
		if age := m.p.MaximumRecordAge; age > 0 {
			if old := born.Add(age + 1); old.Before(t) {
				t = old
			}
		}
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	return at, ok
}
