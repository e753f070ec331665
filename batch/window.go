package batch

import "time"

// maxWindowState is the largest state of a tumbling window, in bytes; a larger one ends the window early. AWS's limit.
const maxWindowState = 1 << 20

// emptyState is the state that a window begins with.
const emptyState = "{}"

// windows are the tumbling windows of a shard: aligned to the Unix epoch, told apart by arrival times. A batch never
// spans two of them. There is one lane with tumbling windows, so its order is that of the shard.
type windows struct {
	size, grace time.Duration // size 0: no tumbling windows

	// spans tell which window the unresolved records belong to. Records are counted as they enter the lane, without those
	// that are filtered out.
	spans []span
	added uint64

	// What follows is one state, which a Commit carries over restarts with windows of any other size. It holds that
	//
	//	closed <= current <= seen, where closed and current are taken to the beginning of their windows of this size
	//	open.start <= seen, and closed < open.end
	//
	// so that no window is closed, and none takes a record, that begins after everything that the source has shown.

	// seen is the latest time that a record has shown: when it arrived. The tip counts as seen too where it is later.
	seen time.Time

	// current is the window of the last record offered, or that of the source's clock when the shard went idle.
	// A record that arrives late, for a window before it, joins it.
	current time.Time

	// passed is a time, by the source's clock, that a source which is stalled has passed: nothing that arrived before it is
	// waited for any more.
	passed time.Time

	// closed is Commit.ClosedUpTo: windows that begin before it take no records any more.
	closed time.Time

	// open is the window that has a state: one whose final invocation is yet to come.
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

// add takes note of a record that is offered at now, by the source's clock. One whose arrival time is not known joins the
// current window.
func (w *windows) add(now time.Time, r *Record) {
	arrived := r.ArrivalTime
	if arrived.IsZero() && w.current.IsZero() {
		arrived = now
	}
	w.seen = later(w.seen, arrived)
	if start := w.of(arrived); start.After(w.current) {
		w.current = start
	}
	if n := len(w.spans); n == 0 || !w.spans[n-1].start.Equal(w.current) {
		w.spans = append(w.spans, span{first: w.added, start: w.current})
	}
	w.added++
}

// windowFrom returns the window of the first unresolved record, and how many from it on are of that window, at most n.
// whole tells that no more can come for it.
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

// windowOver reports whether no record is waited for in a window any more: the source was read to its tip when the window and
// its grace were over, by the source's clock, or was stalled then. Our own clock says nothing of a source that is throttled or
// behind.
func (s *Scheduler) windowOver(end time.Time) bool {
	return !s.tip().Before(end.Add(s.windows.grace))
}

// tip returns the time before which everything that arrived has been read, or is waited for no longer.
func (s *Scheduler) tip() time.Time { return later(s.caughtUp, s.windows.passed) }

// pass waits no longer for records that arrived before now, by the source's clock, nor for those of the windows that are there:
// that clock may be unknown, and behind.
func (w *windows) pass(now time.Time) {
	w.passed = later(now, w.current.Add(w.size+w.grace))
}

// state returns the state that the next invocation of a window is given.
func (w *windows) state(start time.Time) []byte {
	if w.open != nil && w.open.start.Equal(start) {
		return w.open.state
	}
	return []byte(emptyState)
}

// resume takes over the windows as they were when the shard was last committed. If the size of windows has changed
// since, the open one is closed before anything else.
func (w *windows) resume(last *Commit) {
	if w.size == 0 {
		return
	}
	if w.closed = last.ClosedUpTo; !w.closed.IsZero() {
		w.current, w.seen = w.of(w.closed), w.closed
	}
	if open := last.Window; open != nil {
		w.current = later(w.current, w.of(open.Start))
		w.seen = later(w.seen, open.Start)
		w.open = &openWindow{start: open.Start, end: open.End, state: open.State}
	}
}

// committed returns the open window as a Commit tells it; nil without one.
func (w *windows) committed() *Window {
	if w.open == nil {
		return nil
	}
	return &Window{Start: w.open.start, End: w.open.end, State: w.open.state}
}

// windowOf returns what the invocation, or the discard, of a piece is told of its window; nil without tumbling windows.
func (s *Scheduler) windowOf(h *piece) *Window {
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

// closeWindow takes the final invocation of the open window in hand when it is due: the next record is of a later window,
// the shard has ended, or no record can come for it any more.
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
		if tip := w.of(s.tip()); tip.After(w.current) {
			w.current = tip // for records that are late from now on
		}
	}
	l.pieces = append(l.pieces, piece{window: w.open.start, final: true, due: now})
	return true
}

// terminateWindow takes the final invocation of a window whose state is too large in hand, before anything else.
func (s *Scheduler) terminateWindow(now time.Time, l *lane) {
	w := &s.windows
	if w.open == nil || len(w.open.state) <= maxWindowState || l.head() != nil && l.head().final {
		return
	}
	l.pieces = append(l.pieces, piece{window: w.open.start, final: true, early: true, due: now})
}

// cutWindow returns how many of the records that would be cut are of one window, and fit an event with its state, and
// whether they are due because no more can join them.
func (s *Scheduler) cutWindow(l *lane) (n int, start time.Time, whole bool) {
	start, n, whole = s.windowFrom(l.queue.len(), l.fill)
	size := s.policy.EnvelopeSize + s.windowSize(start) - 1
	fit := 0
	for r := range l.queue.from(0) {
		if fit == n || fit > 0 && size+r.Size+1 > s.policy.PayloadLimit {
			break
		}
		size += r.Size + 1
		fit++
	}
	return fit, start, whole || fit < n || size >= s.policy.PayloadLimit
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

// keepState takes over the state that a successful invocation of a batch returned.
func (s *Scheduler) keepState(window time.Time, state []byte) {
	s.windows.open = &openWindow{start: window, end: window.Add(s.windows.size), state: state}
	s.moved = true
}

// endWindow drops the state of the open window: its final invocation succeeded, or was given up. If it was terminated
// early and further records come for it, it begins once more with an empty state.
func (s *Scheduler) endWindow(early bool) {
	w := &s.windows
	w.closed = later(w.closed, w.open.start)
	if edge := s.edge(); !early && w.open.end.Before(edge) {
		w.closed = later(w.closed, w.open.end)
	} else if !early {
		w.closed = later(w.closed, edge) // it was closed before its end
	}
	w.current = later(w.current, w.of(w.closed))
	w.open = nil
	s.moved = true
}

// edge returns the beginning of the first window that may take a record yet: that of the next record, or that of all that
// the source has shown. A window lies before it, but for one that is closed before its end, with the shard's or because the
// size of windows has changed.
func (s *Scheduler) edge() time.Time {
	if n := s.lanes[0].queue.len(); n > 0 {
		start, _, _ := s.windowFrom(n, 1)
		return start
	}
	return s.windows.of(later(s.windows.seen, s.tip()))
}
