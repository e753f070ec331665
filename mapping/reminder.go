package mapping

import "time"

// How long something goes on before the log says so. defaultWarnAfter is Config.WarnAfter where that is zero, throttledFor is for
// reads that are throttled, and slowStart is for a start that waits for the stream or the store.
const (
	defaultWarnAfter = time.Minute
	throttledFor     = 30 * time.Second
	slowStart        = 3 * time.Second
)

// reminder says when something that goes on is worth another log line: after a first time, and then whenever it has
// gone on for twice as long. The zero reminder is never due.
type reminder struct {
	began, next time.Time
	said        bool // it was due
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
	r.next, r.said = now.Add(now.Sub(r.began)), true
	return true
}

// over ends the reminder and returns it. If it was due, the end is worth a line too.
func (r *reminder) over() reminder {
	was := *r
	*r = reminder{}
	return was
}

// times returns the attributes of a line: since when it goes on, and for how long.
func (r *reminder) times(now time.Time) []any {
	return []any{"since", stamp(r.began), "for", now.Sub(r.began).Round(time.Second).String()}
}

// earliest returns the earlier of two times, of which the zero time is none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// remind logs what has gone on for long in the shard, and returns when to look again; the zero time if nothing goes on.
func (s *shard) remind(now time.Time) (next time.Time) {
	next = s.throttle.remind(s, now)
	for lane := range s.calls {
		c := &s.calls[lane]
		if !c.running {
			continue
		}
		if c.reminder.due(now) {
			s.log.With(c.reminder.times(now)...).Warn(c.hanging(), "lane", lane, "requestId", c.requestID)
		}
		next = earliest(next, c.reminder.next)
	}
	return next
}

// hanging says of a call that it has run for long.
func (c *lastCall) hanging() string {
	if c.discarding {
		return "the on-failure destination has not taken the document yet"
	}
	return "the function has not returned yet"
}

// ended logs that a call has ended, if the log has said that it ran for long.
func (c *lastCall) ended(s *shard, lane int) {
	was := c.reminder.over()
	if !was.said {
		return
	}
	what := "the function has returned"
	if c.discarding {
		what = "the on-failure destination has answered"
	}
	s.log.With(was.times(time.Now())...).Info(what, "lane", lane, "requestId", c.requestID)
}

// throttle is that of a shard's reads. The zero throttle is none.
type throttle struct {
	reminder reminder // since the first read that was throttled; no read has worked since
	err      error    // of the last read, nil if that has failed otherwise: then another line says so
}

// hit takes note of a read that was throttled.
func (t *throttle) hit(now time.Time, err error) {
	if t.reminder.began.IsZero() {
		t.reminder = remindAfter(now, throttledFor)
	}
	t.err = err
}

// remind logs that reads have been throttled for long, and returns when to look again.
func (t *throttle) remind(s *shard, now time.Time) time.Time {
	if t.err == nil || s.stopping {
		return time.Time{}
	}
	if t.reminder.due(now) {
		s.log.With(t.reminder.times(now)...).Warn("the shard's reads are throttled: none has worked", "error", t.err)
	}
	return t.reminder.next
}

// over ends the throttle, and logs that if the log has said that it goes on.
func (t *throttle) over(s *shard) {
	was := t.reminder.over()
	t.err = nil
	if was.said {
		s.log.With(was.times(time.Now())...).Info("the shard's reads are not throttled any more")
	}
}
