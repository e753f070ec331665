package batch

import "time"

const (
	// stallTime is the least time for which a source must bring nothing until it counts as stalled; with tumbling windows it
	// is a window and its grace at least. A shard of the service that is behind gets ahead, or brings a record, within seconds.
	stallTime = time.Minute

	// stallStep is by how much the lag must shrink within that time to be progress.
	stallStep = time.Second

	// stallRead is the most that the time between two reads counts, and stallBreak the longest without a break: a caller that
	// did not read, for want of room or because it could not, has not seen that nothing comes.
	stallRead  = 10 * time.Second
	stallBreak = 5 * time.Minute
)

// stall notices a source that says it is behind, brings nothing, and gets no further: the lag that it claims cannot be
// believed. The zero stall has seen nothing.
type stall struct {
	since time.Time     // of the last progress, by the caller's clock
	last  time.Time     // of the last read
	lag   time.Duration // at the last progress
	now   time.Duration // the lag that the last read claimed
	spent time.Duration // reading without progress
}

// read takes note of a read. progress is set if it brought records.
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

// Stalled reports whether the source says that it is behind the tip of the shard, but for a while has neither brought a record
// nor reduced that lag: for a minute, with tumbling windows for the length of a window and its grace at least. It returns since
// when, and the lag that the source claims.
//
// A source that is stalled closes tumbling windows as one that is caught up does.
func (s *Scheduler) Stalled() (since time.Time, lag time.Duration, ok bool) {
	if s.stall.spent < max(stallTime, s.windows.size+s.windows.grace) {
		return time.Time{}, 0, false
	}
	return s.stall.since, s.stall.now, true
}
