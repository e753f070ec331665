package batch

import (
	"math/rand/v2"
	"strings"
	"time"
)

// Scheduler decides what happens next to the records of one shard: when a batch is cut, what is retried, bisected or
// discarded, and how far the shard may be checkpointed. It holds no clock and starts nothing. Its caller reports events
// with their time (Offer, Report); the Scheduler returns what to do (Next) and when to call again (Wake).
//
// A Scheduler is used by one goroutine. Time never runs backwards: each now is at or after the previous one. The times
// of records are by the source's clock, which may differ: see SetSourceTime.
type Scheduler struct {
	policy   Policy
	rng      *rand.Rand // nil: no jitter
	lanes    []lane
	frontier frontier
	windows  windows
	clock    clock
	stall    stall
	read     Position // after the last offered record
	lastID   ID

	caughtUp     time.Time // the time up to which the source was read to its tip, on its own clock
	resolvedUpTo time.Time // as in Commit
	committedTo  time.Time // ... and what the last Commit had

	ended   bool // the last page was offered
	stopped bool // no new action may start
	hurried bool // batching windows are ignored
	moved   bool // the frontier moved, or the end was reached, since the last Commit
	version uint64

	actions []Action // the result of Next, reused
	beside  *Commit  // memory for the Commit of this Next, allocated with its first Invoke
}

// New returns the Scheduler of a shard that resumes after resume, its last Commit. The zero Commit is for a shard
// without a checkpoint. The error names all fields of p that are out of bounds.
func New(p Policy, resume Commit) (*Scheduler, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	p = p.withDefaults()
	s := &Scheduler{policy: p, lanes: make([]lane, p.ParallelizationFactor), read: resume.Position, ended: resume.End}
	s.frontier.position = resume.Position
	s.resolvedUpTo, s.committedTo = resume.ResolvedUpTo, resume.ResolvedUpTo
	s.windows.size, s.windows.grace = p.TumblingWindow, p.TumblingWindowGrace
	s.windows.resume(&resume)
	if p.Seed != 0 {
		s.rng = rand.New(rand.NewPCG(p.Seed, p.Seed))
	}
	return s, nil
}

// Next returns the actions that are due now, in order, each action once. The slice is valid until the next call; the
// actions are valid for as long as they are referenced.
func (s *Scheduler) Next(now time.Time) []Action {
	clear(s.actions)
	s.actions = s.actions[:0]
	if !s.stopped {
		for i := range s.lanes {
			s.step(now, i)
		}
	}
	if s.moved {
		s.commit()
	}
	return s.actions
}

// commit appends the Commit of the frontier.
func (s *Scheduler) commit() {
	s.moved = false
	s.version++
	c := s.beside
	if c == nil {
		c = new(Commit)
	}
	*c = Commit{
		Version: s.version, Position: s.frontier.position, End: s.Ended(), ResolvedUpTo: s.resolvedUpTo,
		Window: s.windows.committed(), ClosedUpTo: s.windows.closed,
	}
	s.committedTo = s.resolvedUpTo
	s.actions, s.beside = append(s.actions, c), nil
}

// step appends the next action of a lane, if there is one.
func (s *Scheduler) step(now time.Time, i int) {
	l := &s.lanes[i]
	s.terminateWindow(now, l)
	for l.head() != nil || s.cut(now, l) {
		h := l.head()
		switch {
		case h.state == running || h.state == discarding:
			return
		case h.state == doomed:
			s.discard(now, i, h)
			return
		}
		if n := expired(h.records, s.policy.MaximumRecordAge, s.clock.at(now)); n > 0 {
			s.doomOldest(l, n)
			continue
		}
		if age := s.policy.MaximumRecordAge; h.final && age > 0 && older(h.due, age, now) {
			h.state, h.condition, h.cause = doomed, RecordAgeExceeded, None
			continue
		}
		if h.state == waiting && now.Before(h.notBefore) {
			return
		}
		switch {
		case !s.tooLarge(h):
			s.invoke(now, i, h)
			return
		case h.records.Len() > 1: // the state of its window has grown since the cut
			l.replace(h.split())
		default:
			s.fail(now, l, TooLarge)
		}
	}
}

// cut takes the next batch of a free lane in hand, if one is due. Expired records are due immediately.
func (s *Scheduler) cut(now time.Time, l *lane) bool {
	if s.closeWindow(now, l) {
		return true
	}
	if l.buffered() == 0 {
		return false
	}
	n, window := l.fill, time.Time{}
	if s.windows.size > 0 {
		n, window, _ = s.cutWindow(l)
	}
	if !s.due(now, l) {
		n = l.queue.expired(n, s.policy.MaximumRecordAge, s.clock.at(now))
	}
	if n == 0 {
		return false
	}
	l.cut(n, &s.policy)
	l.head().window = window
	return true
}

// due reports whether the batch of a free lane is due even if it is not full: no more records can join it, its window
// is over, or waiting would prevent a read of this shard or another.
func (s *Scheduler) due(now time.Time, l *lane) bool {
	if l.full || s.ended || s.hurried || now.Sub(l.since) >= s.policy.MaximumBatchingWindow || s.Room() <= 0 {
		return true
	}
	if s.windows.size == 0 {
		return false
	}
	_, _, whole := s.cutWindow(l)
	return whole
}

func (s *Scheduler) tooLarge(h *piece) bool {
	if h.records.Len() > 1 && s.windows.size == 0 {
		return false // it was cut to fit
	}
	size := s.policy.EnvelopeSize + s.windowSize(h.window)
	for _, r := range h.records.All() {
		size += r.Size + 1
	}
	return size-min(1, h.records.Len()) > s.policy.PayloadLimit
}

// name assigns an ID to a piece with its first action.
func (s *Scheduler) name(h *piece) ID {
	if h.id == 0 {
		s.lastID++
		h.id = s.lastID
	}
	return h.id
}

func (s *Scheduler) invoke(now time.Time, lane int, h *piece) {
	h.state, h.since = running, now
	h.invoked++
	a := s.newInvoke()
	*a = Invoke{ID: s.name(h), Lane: lane, Attempt: h.invoked, Records: h.records, Window: s.windowOf(h)}
	s.actions = append(s.actions, a)
}

// newInvoke allocates an Invoke together with the Commit that ends this Next: at a batch size of 1 the actions are most
// of the allocated memory. Neither keeps more memory alive than the other. While the Invoke's records are unresolved,
// their pages are held anyway, and once they are resolved a newer Commit follows.
func (s *Scheduler) newInvoke() *Invoke {
	if !s.moved || s.beside != nil {
		return new(Invoke)
	}
	pair := new(struct {
		invoke Invoke
		commit Commit
	})
	s.beside = &pair.commit
	return &pair.invoke
}

func (s *Scheduler) discard(now time.Time, lane int, h *piece) {
	h.state, h.since = discarding, now
	count := h.spent
	if h.condition == RecordAgeExceeded {
		count = max(1, h.ran)
	}
	s.actions = append(s.actions, &Discard{
		ID: s.name(h), Lane: lane, Condition: h.condition, Invocations: count, Cause: h.cause, Records: h.records, Window: s.windowOf(h),
	})
}

// doomOldest marks the first n records of the head for discarding.
func (s *Scheduler) doomOldest(l *lane, n int) {
	h := l.head()
	old, rest := h.oldest(n)
	if rest.records.Len() == 0 {
		*h = old
		return
	}
	l.replace(old, rest)
}

// Report reports the outcome of the invocation or the discard of an ID. It ignores a report for an ID that is not
// running, or of a kind that does not fit.
func (s *Scheduler) Report(now time.Time, id ID, o Outcome) Verdict {
	for i := range s.lanes {
		l := &s.lanes[i]
		h := l.head()
		if h == nil || h.id != id {
			continue
		}
		switch {
		case h.state == running && o.Kind >= Success && o.Kind <= TooLarge:
			return s.invoked(now, l, o)
		case h.state == discarding && (o.Kind == Delivered || o.Kind == Dropped):
			return s.resolve(l, h.records.Len(), Resolved)
		}
	}
	return Verdict{Step: Ignored}
}

// invoked handles the outcome of the head's invocation.
func (s *Scheduler) invoked(now time.Time, l *lane, o Outcome) Verdict {
	h := l.head()
	l.since = now // the next batching window begins when an invocation ends
	if o.Kind == Success || o.Kind == FunctionError {
		h.ran++
	}
	if o.Kind != Success {
		return s.fail(now, l, o.Kind)
	}
	if s.windows.size > 0 && !h.final && o.State == nil {
		return s.fail(now, l, Success) // an answer without a state is a failed invocation
	}
	if !s.policy.ReportBatchItemFailures {
		return s.succeeded(l, h.records.Len(), o.State)
	}
	first, ok := firstFailed(h.records, o.FailedItems)
	switch {
	case !ok:
		v := s.fail(now, l, Success)
		v.BadItem = true
		return v
	case first == 0 && !h.final:
		return s.fail(now, l, Success)
	}
	return s.succeeded(l, first, o.State)
}

// succeeded handles a success of the first n records of the head. n is 0 only for a final invocation. The rest of the
// head is a new batch.
func (s *Scheduler) succeeded(l *lane, n int, state []byte) Verdict {
	h := l.head()
	if n == h.records.Len() && (s.windows.size == 0 || h.final) {
		return s.resolve(l, n, Resolved)
	}
	window, step := h.window, Resolved
	if n < h.records.Len() {
		step = Continued
	}
	v := s.resolve(l, n, step)
	if step == Continued {
		*l.head() = piece{records: l.head().records, window: window}
	}
	if s.windows.size > 0 {
		s.keepState(window, state)
	}
	return v
}

// fail handles a failure of the whole head: it is bisected if the policy says so, else retried if a retry is left, else
// discarded.
func (s *Scheduler) fail(now time.Time, l *lane, cause OutcomeKind) Verdict {
	h := l.head()
	h.failures++
	h.cause, h.since = cause, now
	if cause != NotRun {
		if s.policy.BisectBatchOnFunctionError && h.records.Len() > 1 {
			l.replace(h.split())
			return Verdict{Step: Bisected}
		}
		h.spent++
		if limit := *s.policy.MaximumRetryAttempts; limit >= 0 && h.spent > limit {
			h.state, h.condition = doomed, RetryAttemptsExhausted
			return Verdict{Step: Exhausted}
		}
	}
	delay := retryDelay(h.failures, s.rng)
	h.state, h.notBefore = waiting, now.Add(delay)
	return Verdict{Step: Retried, Delay: delay}
}

// resolve resolves the first n records of the head.
func (s *Scheduler) resolve(l *lane, n int, step Step) Verdict {
	final, early := l.head().final, l.head().early
	l.resolve(n)
	s.advance()
	if final {
		s.endWindow(early)
	}
	return Verdict{Step: step, Resolved: n}
}

// advance moves the frontier to the first record that some lane has not resolved.
func (s *Scheduler) advance() {
	resolved := s.frontier.offered
	for i := range s.lanes {
		if l := &s.lanes[i]; l.queue.len() > 0 {
			resolved = min(resolved, l.queue.front().ordinal())
		}
	}
	if s.frontier.advance(resolved) {
		s.moved = true
		s.resolvedUpTo = later(s.resolvedUpTo, s.frontier.arrived)
		if len(s.frontier.pages) == 0 {
			// A sequence number may share its memory with its whole page, which an idle shard must not keep.
			s.frontier.position.SequenceNumber = strings.Clone(s.frontier.position.SequenceNumber)
			s.read = s.frontier.position
		}
	}
	if len(s.frontier.pages) == 0 {
		s.rest()
	}
}

// rest notes that everything that was read is resolved. A shard that stays idle is committed periodically although its
// position does not move. When the stream trims the record at the position, the commit's age then shows that no record
// was missed.
func (s *Scheduler) rest() {
	s.resolvedUpTo = later(s.resolvedUpTo, s.caughtUp)
	if !s.frontier.position.IsZero() && s.resolvedUpTo.Sub(s.committedTo) >= idleCommit {
		s.moved = true
	}
}

// Hurry ends the batching windows of all lanes, and lets none begin, until it is called with false. It is for a caller
// that needs the memory of the records. Tumbling windows continue. Call it before Next.
func (s *Scheduler) Hurry(on bool) { s.hurried = on }

// Stop prevents new actions: from now on Next yields commits only. Running invocations are still reported.
func (s *Scheduler) Stop() { s.stopped = true }

// Ended reports whether the shard was read to its end and all of it is resolved.
// With tumbling windows, the last one is closed too.
func (s *Scheduler) Ended() bool {
	return s.ended && s.frontier.resolved == s.frontier.offered && s.windows.open == nil
}

// Room returns how many more bytes the Scheduler accepts. Nothing should be read while it is zero or less.
func (s *Scheduler) Room() int { return s.policy.BufferBytes - s.frontier.held }
