package mapping

import "time"

// How long something lasts before it is logged. defaultWarnAfter is the default of Config.WarnAfter, throttledFor is
// for throttled reads, and slowStart is for a start that waits for the stream or the store.
const (
	defaultWarnAfter = time.Minute
	throttledFor     = 30 * time.Second
	slowStart        = 3 * time.Second
)

// reminder says when a lasting condition is worth another log line: after a first time, and then whenever it has lasted
// for twice as long. The zero reminder is never due.
type reminder struct {
	began, next time.Time
	said        bool // it was due
}

// remindAfter returns a reminder of a condition that begins now. It is never due if first is not positive.
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

// times returns the attributes of a line: since when the condition lasts, and for how long.
func (r *reminder) times(now time.Time) []any {
	return []any{"since", stamp(r.began), "for", now.Sub(r.began).Round(time.Second).String()}
}

// earliest returns the earlier of two times; the zero time counts as none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// remind logs lasting conditions of the shard, and returns when to look again; the zero time if there are none.
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

// hanging describes a call that has run for long.
func (c *lastCall) hanging() string {
	if c.discarding {
		return "the on-failure destination has not taken the document yet"
	}
	return "the function has not returned yet"
}

// ended logs the end of a call, if it was logged that it ran for long.
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

// throttle is the throttling of a shard's reads. The zero throttle is none.
type throttle struct {
	reminder reminder // since the first read that was throttled; no read has worked since
	err      error    // of the last read, nil if that failed otherwise: then another line says so
}

// hit records a throttled read.
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

// over ends the throttling, and logs that if the throttling was logged.
func (t *throttle) over(s *shard) {
	was := t.reminder.over()
	t.err = nil
	if was.said {
		s.log.With(was.times(time.Now())...).Info("the shard's reads are not throttled any more")
	}
}
