package batch

import "time"

// maxWindowState is the largest state of a tumbling window, in bytes, by AWS's limit. A larger state ends the window
// early.
const maxWindowState = 1 << 20

// emptyState is the state that a window begins with.
const emptyState = "{}"

// windows are the tumbling windows of a shard, aligned to the Unix epoch. The arrival time determines a record's
// window. A batch never spans two windows. There is one lane with tumbling windows, so its order is that of the shard.
type windows struct {
	size, grace time.Duration // size 0: no tumbling windows

	// spans say which window the unresolved records belong to. Records are counted as they enter the lane, without
	// filtered ones.
	spans []span
	added uint64

	// The following fields are one state. A Commit carries it across restarts, even to windows of another size. The
	// invariant is
	//
	//	closed <= seen
	//	open.start <= seen, and closed < open.end
	//
	// so that no window is closed, and none gets a record, that begins after everything that the source has shown.

	// seen is the latest time that the source has shown: by the arrival of a record, or by its clock when the shard was
	// idle and its window was closed. It is zero at first. Its window is the current one, which a late record of an
	// earlier window joins.
	seen time.Time

	// passed is a time, by the source's clock, that a stalled source has passed: no record that arrived before it is
	// waited for.
	passed time.Time

	// closed is Commit.ClosedUpTo: windows that begin before it accept no more records.
	closed time.Time

	// open is the window with a state: its final invocation is still due.
	open *openWindow
}

// span is a run of records of one window, from the one with a count up to that of the next span.
type span struct {
	first uint64
	start time.Time
}

// openWindow is a window with the state that its last successful invocation returned.
type openWindow struct {
	start, end time.Time
	state      []byte
}

// of returns the beginning of the window that t lies in.
func (w *windows) of(t time.Time) time.Time {
	size := int64(w.size / time.Second)
	sec := t.Unix()
	return time.Unix(sec-((sec%size)+size)%size, 0).UTC()
}

// current returns the beginning of the window that a record joins, unless it arrived after that window.
func (w *windows) current() time.Time { return w.of(w.seen) }

// add records a record that is offered at now, by the source's clock. A record with an unknown arrival time joins the
// current window.
func (w *windows) add(now time.Time, r *Record) {
	arrived := r.ArrivalTime
	if arrived.IsZero() && w.seen.IsZero() {
		arrived = now
	}
	w.seen = later(w.seen, arrived)
	current := w.current()
	if n := len(w.spans); n == 0 || !w.spans[n-1].start.Equal(current) {
		w.spans = append(w.spans, span{first: w.added, start: current})
	}
	w.added++
}

// windowFrom returns the window of the first unresolved record, and how many records from it on, at most n, are of that
// window. whole is set if no more records can join it.
func (s *Scheduler) windowFrom(unresolved, n int) (start time.Time, of int, whole bool) {
	w := &s.windows
	first := w.added - uint64(unresolved)
	for len(w.spans) > 1 && w.spans[1].first <= first {
		w.spans = w.spans[1:]
	}
	if len(w.spans) > 1 {
		return w.spans[0].start, min(n, int(w.spans[1].first-first)), true
	}
	return w.spans[0].start, n, s.windowOver(w.spans[0].start.Add(w.size))
}

// windowOver reports whether no record is expected for a window any more: the source was read to its tip after the
// window and its grace were over, by the source's clock, or was stalled then. Our own clock says nothing about a source
// that is throttled or behind.
func (s *Scheduler) windowOver(end time.Time) bool {
	return !s.tip().Before(end.Add(s.windows.grace))
}

// tip returns the time before which every record has been read, or is no longer expected.
func (s *Scheduler) tip() time.Time { return later(s.caughtUp, s.windows.passed) }

// pass stops waiting for records that arrived before now, by the source's clock, and for those of the existing windows,
// because that clock may be unknown, or behind.
func (w *windows) pass(now time.Time) {
	w.passed = later(now, w.current().Add(w.size+w.grace))
}

// state returns the state for the next invocation of a window.
func (w *windows) state(start time.Time) []byte {
	if w.open != nil && w.open.start.Equal(start) {
		return w.open.state
	}
	return []byte(emptyState)
}

// resume restores the windows from the last Commit of the shard. If the size of windows has changed since, the open one
// is closed first.
func (w *windows) resume(last *Commit) {
	if w.size == 0 {
		return
	}
	w.closed, w.seen = last.ClosedUpTo, last.ClosedUpTo
	if open := last.Window; open != nil {
		w.seen = later(w.seen, open.Start)
		w.open = &openWindow{start: open.Start, end: open.End, state: open.State}
	}
}

// committed returns the open window for a Commit; nil without one.
func (w *windows) committed() *Window {
	if w.open == nil {
		return nil
	}
	return &Window{Start: w.open.start, End: w.open.end, State: w.open.state}
}

// windowOf returns the window for the invocation, or the discard, of a sub-batch; nil without tumbling windows.
func (s *Scheduler) windowOf(h *subBatch) *Window {
	w := &s.windows
	if w.size == 0 {
		return nil
	}
	end := h.window.Add(w.size)
	if h.final && w.open != nil {
		end = w.open.end // the size may have changed since
	}
	return &Window{Start: h.window, End: end, State: w.state(h.window), Final: h.final, TerminatedEarly: h.early}
}

// closeWindow takes the final invocation of the open window in hand when it is due: the next record is of a later
// window, the shard has ended, or no record is expected for the window any more.
func (s *Scheduler) closeWindow(now time.Time, l *lane) bool {
	w := &s.windows
	if w.open == nil {
		return false
	}
	resized := w.open.end.Sub(w.open.start) != w.size
	if l.buffered() > 0 {
		if start, _, _ := s.windowFrom(l.queue.len(), 1); !start.After(w.open.start) && !resized {
			return false
		}
	} else {
		if !s.ended && !s.windowOver(w.open.end) && !resized {
			return false
		}
		w.seen = later(w.seen, s.tip()) // records of earlier windows are late from now on
	}
	l.subBatches = append(l.subBatches, subBatch{window: w.open.start, final: true, due: now})
	return true
}

// terminateWindow takes the final invocation of a window whose state is too large in hand. It comes first.
func (s *Scheduler) terminateWindow(now time.Time, l *lane) {
	w := &s.windows
	if w.open == nil || len(w.open.state) <= maxWindowState || l.head() != nil && l.head().final {
		return
	}
	l.subBatches = append(l.subBatches, subBatch{window: w.open.start, final: true, early: true, due: now})
}

// cutWindow returns the batch that would be cut: the records of one window that fit an event with its state.
func (s *Scheduler) cutWindow(l *lane) nextBatch {
	start, n, whole := s.windowFrom(l.queue.len(), l.fill)
	size := s.policy.EnvelopeSize + s.windowSize(start) - 1
	fit := 0
	for r := range l.queue.from(0) {
		if fit == n || fit > 0 && size+r.Size+1 > s.policy.PayloadLimit {
			break
		}
		size += r.Size + 1
		fit++
	}
	return nextBatch{n: fit, window: start, full: l.full || whole || fit < n || size >= s.policy.PayloadLimit}
}

// windowSize returns what a window adds to the size of an event.
func (s *Scheduler) windowSize(start time.Time) int {
	if s.windows.size == 0 {
		return 0
	}
	if w := s.windows.open; w != nil && w.start.Equal(start) {
		return s.policy.WindowSize + len(w.state)
	}
	return s.policy.WindowSize + len(emptyState)
}

// keepState stores the state that a successful invocation of a batch returned.
func (s *Scheduler) keepState(window time.Time, state []byte) {
	s.windows.open = &openWindow{start: window, end: window.Add(s.windows.size), state: state}
	s.moved = true
}

// endWindow drops the state of the open window: its final invocation succeeded, or was discarded. If it was terminated
// early and further records of it arrive, it begins again with an empty state.
func (s *Scheduler) endWindow(early bool) {
	w := &s.windows
	w.closed = later(w.closed, w.open.start)
	if edge := s.edge(); !early && w.open.end.Before(edge) {
		w.closed = later(w.closed, w.open.end)
	} else if !early {
		w.closed = later(w.closed, edge) // it was closed before its end
	}
	w.seen = later(w.seen, w.closed)
	w.open = nil
	s.moved = true
}

// edge returns the beginning of the first window that may still accept a record: that of the next record, or that of
// the latest time that the source has shown. A window lies before it, unless it was closed before its end, with the
// shard's or because the size of windows has changed.
func (s *Scheduler) edge() time.Time {
	if n := s.lanes[0].queue.len(); n > 0 {
		start, _, _ := s.windowFrom(n, 1)
		return start
	}
	return s.windows.of(later(s.windows.seen, s.tip()))
}
