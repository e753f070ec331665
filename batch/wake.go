package batch

import "time"

// Wake returns when Next must be called even if nothing happens, and false while only an Offer or a Report can lead to
// an action. Call it after Next. A time that is not after now means immediately.
func (s *Scheduler) Wake(now time.Time) (time.Time, bool) {
	var at time.Time
	if s.stopped {
		return at, false
	}
	for i := range s.lanes {
		if t, ok := s.wake(now, &s.lanes[i]); ok && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at, !at.IsZero()
}

// wake returns when a lane needs the next look.
func (s *Scheduler) wake(now time.Time, l *lane) (time.Time, bool) {
	h := l.head()
	switch {
	case h == nil && l.buffered() == 0:
		return time.Time{}, false
	case h == nil && s.due(now, l, s.nextBatch(l)):
		return now, true
	case h == nil:
		return s.orTooOld(l.since.Add(s.policy.MaximumBatchingWindow), l.queue.front().record().ArrivalTime), true
	case h.state == waiting && h.final:
		return s.orOver(h.notBefore, h.due), true
	case h.state == waiting:
		return s.orTooOld(h.notBefore, h.records.At(0).ArrivalTime), true
	case h.state == running || h.state == discarding:
		return time.Time{}, false
	default:
		return now, true
	}
}

// orTooOld returns at, or the time at which a record that arrived at arrived, by the source's clock, becomes too old,
// whichever is earlier.
func (s *Scheduler) orTooOld(at, arrived time.Time) time.Time {
	if arrived.IsZero() {
		return at
	}
	return s.orOver(at, s.clock.when(arrived))
}

// orOver returns at, or the time at which something that began at since becomes too old, whichever is earlier.
func (s *Scheduler) orOver(at, since time.Time) time.Time {
	age := s.policy.MaximumRecordAge
	if age <= 0 {
		return at
	}
	if t := since.Add(age + 1); t.Before(at) { // one nanosecond more than the limit
		return t
	}
	return at
}
