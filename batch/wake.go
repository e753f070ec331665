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
	var at time.Time
	var oldest time.Time
	switch {
	case h == nil && l.buffered() == 0:
		return at, false
	case h == nil && s.due(now, l):
		return now, true
	case h == nil:
		at, oldest = l.since.Add(s.policy.MaximumBatchingWindow), l.queue.front().record().ArrivalTime
	case h.state == waiting:
		at, oldest = h.notBefore, h.arrival()
	case h.state == running || h.state == discarding:
		return at, false
	default:
		return now, true
	}
	if age := s.policy.MaximumRecordAge; age > 0 {
		// One nanosecond later it is older than the limit.
		if t := oldest.Add(age + 1); t.Before(at) && !oldest.IsZero() {
			at = t
		}
	}
	return at, true
}
