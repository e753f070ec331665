package batch

import "time"

// Wake returns when Next is to be called though nothing happened, and false while only an Offer or a Report can lead
// to anything. It is to be asked after Next. A time that is not after now means at once.
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

// wake returns when a lane is to be looked at again.
func (s *Scheduler) wake(now time.Time, l *lane) (time.Time, bool) {
	h := l.head()
	switch {
	case h == nil && l.buffered() == 0:
		return time.Time{}, false
	case h == nil && s.due(now, l):
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

// orTooOld returns at, or the earlier time at which a record that arrived then, by the source's clock, is too old.
func (s *Scheduler) orTooOld(at, arrived time.Time) time.Time {
	if arrived.IsZero() {
		return at
	}
	return s.orOver(at, s.clock.when(arrived))
}

// orOver returns at, or the earlier time at which what was there since then has grown too old.
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
