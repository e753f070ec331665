package batch

import "time"

// step appends the next action of a lane, if there is one. Some decisions change the head first, and the next decision is
// about the new head.
func (s *Scheduler) step(now time.Time, i int) {
	l := &s.lanes[i]
	s.terminateWindow(now, l)
	for l.head() != nil || s.cut(now, l) {
		h := l.head()
		switch s.decide(now, h) {
		case stay:
			return
		case invoke:
			s.invoke(now, i, h)
			return
		case discard:
			s.discard(now, i, h)
			return
		case expire:
			s.expire(now, l)
		case halve: // the state of its window has grown since the cut
			l.replace(h.split())
		case reject:
			s.fail(now, l, TooLarge)
		}
	}
}

// decision is what happens next to the head of a lane.
type decision uint8

const (
	stay    decision = iota // it waits for a report, or for the time of its retry
	invoke                  // the function runs
	discard                 // the on-failure document is sent
	expire                  // what is too old of it is marked for discarding
	halve                   // its event is too large, and it has several records
	reject                  // its event is too large, and it cannot be split: an invocation fails without being made
)

// decide returns what happens next to the head of a lane. Age comes before the retry's time, because a record that is
// too old is not retried, and before the size, because fewer records may fit.
func (s *Scheduler) decide(now time.Time, h *subBatch) decision {
	switch {
	case h.state == running || h.state == discarding:
		return stay
	case h.state == discardPending:
		return discard
	case s.tooOld(now, h):
		return expire
	case h.state == waiting && now.Before(h.notBefore):
		return stay
	case !s.tooLarge(h):
		return invoke
	case h.records.Len() > 1:
		return halve
	default:
		return reject
	}
}

// tooOld reports whether the first record of a sub-batch, or a final invocation, is too old.
func (s *Scheduler) tooOld(now time.Time, h *subBatch) bool {
	age := s.policy.MaximumRecordAge
	switch {
	case age <= 0:
		return false
	case h.final:
		return older(h.due, age, now)
	default:
		return h.records.At(0).older(age, s.clock.at(now))
	}
}

// expire marks the records of the head that are too old for discarding, or all of a final invocation.
func (s *Scheduler) expire(now time.Time, l *lane) {
	h := l.head()
	old, rest := h.oldest(expired(h.records, s.policy.MaximumRecordAge, s.clock.at(now)))
	if rest.records.Len() == 0 {
		*h = old
		return
	}
	l.replace(old, rest)
}

// cut takes the next batch of a free lane in hand, if one is due. Expired records are due immediately.
func (s *Scheduler) cut(now time.Time, l *lane) bool {
	if s.closeWindow(now, l) {
		return true
	}
	if l.buffered() == 0 {
		return false
	}
	next := s.nextBatch(l)
	if !s.due(now, l, next) {
		next.n = l.queue.expired(next.n, s.policy.MaximumRecordAge, s.clock.at(now))
	}
	if next.n == 0 {
		return false
	}
	l.cut(next, &s.policy)
	return true
}

// nextBatch returns the batch that a free lane with buffered records would cut.
func (s *Scheduler) nextBatch(l *lane) nextBatch {
	if s.windows.size > 0 {
		return s.cutWindow(l)
	}
	return nextBatch{n: l.fill, full: l.full}
}

// due reports whether the next batch of a free lane is due: no more records can join it, or waiting would prevent a
// read of this shard or another.
func (s *Scheduler) due(now time.Time, l *lane, next nextBatch) bool {
	return next.full || s.ended || s.hurried || now.Sub(l.since) >= s.policy.MaximumBatchingWindow || s.Room() <= 0
}

func (s *Scheduler) tooLarge(h *subBatch) bool {
	if h.records.Len() > 1 && s.windows.size == 0 {
		return false // it was cut to fit
	}
	size := s.policy.EnvelopeSize + s.windowSize(h.window)
	for _, r := range h.records.All() {
		size += r.Size + 1
	}
	return size-min(1, h.records.Len()) > s.policy.PayloadLimit
}

// name assigns an ID to a sub-batch with its first action.
func (s *Scheduler) name(h *subBatch) ID {
	if h.id == 0 {
		s.lastID++
		h.id = s.lastID
	}
	return h.id
}

func (s *Scheduler) invoke(now time.Time, lane int, h *subBatch) {
	h.state, h.since = running, now
	h.invoked++
	a := s.newInvoke()
	*a = Invoke{ID: s.name(h), Lane: lane, Attempt: h.invoked, Records: h.records, Window: s.windowOf(h)}
	s.actions = append(s.actions, a)
}

// newInvoke allocates an Invoke together with the Commit that ends this Next: at a batch size of 1 the actions are most
// of the allocated memory, and the pair saves a twentieth of the time. Neither keeps more memory alive than the other. While the Invoke's records are unresolved,
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

func (s *Scheduler) discard(now time.Time, lane int, h *subBatch) {
	h.state, h.since = discarding, now
	count := h.spent
	if h.condition == RecordAgeExceeded {
		count = max(1, h.ran)
	}
	s.actions = append(s.actions, &Discard{
		ID: s.name(h), Lane: lane, Condition: h.condition, Invocations: count, Cause: h.cause, Records: h.records, Window: s.windowOf(h),
	})
}
