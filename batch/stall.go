package batch

import "time"

const (
	// stallTime is the time without records after which a source counts as stalled. With tumbling windows the time is
	// at least a window and its grace. A real shard that is behind advances, or returns a record, within seconds.
	stallTime = time.Minute

	// stallStep is the reduction of the lag that counts as progress.
	stallStep = time.Second

	// stallRead is the most that the time between two reads counts, and stallBreak the longest without a break: a
	// caller that did not read, because it had no room or could not, has not observed an empty source.
	stallRead  = 10 * time.Second
	stallBreak = 5 * time.Minute
)

// stall detects a source that reports a lag, returns no records, and makes no progress: its lag is not credible. The
// zero stall has seen nothing.
type stall struct {
	since time.Time     // of the last progress, by the caller's clock
	last  time.Time     // of the last read
	lag   time.Duration // at the last progress
	now   time.Duration // the lag that the last read claimed
	spent time.Duration // reading without progress
}

// read records a read. progress is set if it returned records.
func (st *stall) read(now time.Time, lag time.Duration, progress bool) {
	gap := now.Sub(st.last)
	progress = progress || lag <= 0 || st.lag <= 0 || gap > stallBreak || lag <= st.lag-stallStep
	st.last, st.now = now, lag
	if progress {
		st.since, st.lag, st.spent = now, lag, 0
		return
	}
	st.spent += min(gap, stallRead)
}

// Stalled reports whether the source says that it is behind the tip of the shard, but has neither returned a record nor
// reduced that lag for a minute; with tumbling windows for at least a window and its grace. It returns since when, and
// the lag that the source claims.
//
// A stalled source closes tumbling windows like a caught-up one.
func (s *Scheduler) Stalled() (since time.Time, lag time.Duration, ok bool) {
	if s.stall.spent < max(stallTime, s.windows.size+s.windows.grace) {
		return time.Time{}, 0, false
	}
	return s.stall.since, s.stall.now, true
}
