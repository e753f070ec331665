package batch

import "time"

// clock relates the source's clock, which determines arrival times and ages, to that of the Scheduler's caller. The
// zero clock treats them as equal.
type clock struct {
	caller, source time.Time // of the same moment
}

// at returns what the source's clock shows at now.
func (c *clock) at(now time.Time) time.Time {
	if c.caller.IsZero() {
		return now
	}
	return c.source.Add(now.Sub(c.caller))
}

// when returns when the source's clock will show t.
func (c *clock) when(t time.Time) time.Time {
	if c.caller.IsZero() {
		return t
	}
	return c.caller.Add(t.Sub(c.source))
}

// SetSourceTime says that the source's clock shows t at now. From then on, until the next call, the age of records is
// determined by that clock. It may be set forward or back. Before the first call the source's clock is assumed to be
// the caller's.
//
// Times of the caller that have a monotonic reading are compared by that reading, so that setting the caller's clock
// does not make a record older.
func (s *Scheduler) SetSourceTime(now, t time.Time) { s.clock = clock{caller: now, source: t} }

// SourceTime returns what the source's clock shows at now.
func (s *Scheduler) SourceTime(now time.Time) time.Time { return s.clock.at(now) }
