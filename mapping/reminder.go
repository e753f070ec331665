package mapping

import "time"

// defaultWarnAfter is Config.WarnAfter where that is zero.
const defaultWarnAfter = time.Minute

// reminder says when something that goes on is worth another log line: after a first time, and then whenever it has
// gone on for twice as long. The zero reminder is never due.
type reminder struct {
	began, next time.Time
}

// remindAfter returns a reminder of what begins now. It is never due if first is not positive.
func remindAfter(now time.Time, first time.Duration) reminder {
	if first <= 0 {
		return reminder{}
	}
	return reminder{began: now, next: now.Add(first)}
}

// due reports whether it is time for a line, and if so sets the time of the next one.
func (r *reminder) due(now time.Time) bool {
	if r.next.IsZero() || now.Before(r.next) {
		return false
	}
	r.next = now.Add(now.Sub(r.began))
	return true
}

// earliest returns the earlier of two times, of which the zero time is none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// remind logs the calls that have run for long, and returns when to look again; the zero time if there is none.
func (s *shard) remind(now time.Time) (next time.Time) {
	for lane := range s.calls {
		c := &s.calls[lane]
		if !c.running {
			continue
		}
		if c.reminder.due(now) {
			what := "the function has not returned yet"
			if c.discarding {
				what = "the on-failure destination has not taken the document yet"
			}
			s.log.Warn(what, "lane", lane, "requestId", c.requestID, "since", stamp(c.began), "for", now.Sub(c.began).Round(time.Second).String())
		}
		next = earliest(next, c.reminder.next)
	}
	return next
}
