package batch

import (
	"strings"
	"time"
)

// Report reports the outcome of the invocation or the discard of an ID. It ignores a report for an ID that is not
// running, or of a kind that does not fit.
func (s *Scheduler) Report(now time.Time, id ID, o Outcome) Disposition {
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
	return Disposition{Step: Ignored}
}

// invoked handles the outcome of the head's invocation.
func (s *Scheduler) invoked(now time.Time, l *lane, o Outcome) Disposition {
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

// succeeded handles a success of the first n records of the head. n is 0 only for a final invocation, which leaves no
// state. The rest of the head is a new batch.
func (s *Scheduler) succeeded(l *lane, n int, state []byte) Disposition {
	h := l.head()
	if s.windows.size > 0 && !h.final {
		s.keepState(h.window, state)
	}
	if n == h.records.Len() {
		return s.resolve(l, n, Resolved)
	}
	*h = subBatch{records: h.records, window: h.window}
	return s.resolve(l, n, Continued)
}

// fail handles a failure of the whole head: it is bisected if the policy says so, else retried if a retry is left, else
// discarded.
func (s *Scheduler) fail(now time.Time, l *lane, cause OutcomeKind) Disposition {
	h := l.head()
	h.failures++
	h.cause, h.since = cause, now
	if cause != NotRun {
		if s.policy.BisectBatchOnFunctionError && h.records.Len() > 1 {
			l.replace(h.split())
			return Disposition{Step: Bisected}
		}
		h.spent++
		if limit := *s.policy.MaximumRetryAttempts; limit >= 0 && h.spent > limit {
			h.state, h.condition = discardPending, RetryAttemptsExhausted
			return Disposition{Step: Exhausted}
		}
	}
	delay := retryDelay(h.failures, s.rng)
	h.state, h.notBefore = waiting, now.Add(delay)
	return Disposition{Step: Retried, Delay: delay}
}

// resolve resolves the first n records of the head.
func (s *Scheduler) resolve(l *lane, n int, step Step) Disposition {
	final, early := l.head().final, l.head().early
	l.resolve(n)
	s.advance()
	if final {
		s.endWindow(early)
	}
	return Disposition{Step: step, Resolved: n}
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
