package batch_test

import (
	"bytes"
	"fmt"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// modelWindow is a tumbling window that has a state. Times are seconds of the Unix epoch.
type modelWindow struct {
	start, end int64
	state      []byte
}

// windowSize is the length of windows in seconds, 0 without any.
func (m *model) windowSize() int64 { return int64(m.p.TumblingWindow / time.Second) }

// windowStart returns the beginning of the window in which t lies.
func windowStart(t time.Time, size int64) int64 {
	return t.Unix() - t.Unix()%size
}

// assign says to which window a record belongs that was just offered: its own, or a later one that is current.
func (m *model) assign(i int) {
	if m.windowSize() == 0 {
		return
	}
	m.seen = max(m.seen, m.stream[i].ArrivalTime.Unix())
	m.current = max(m.current, windowStart(m.stream[i].ArrivalTime, m.windowSize()))
	m.windows[i] = m.current
}

// modelRead is one read of the source: when, how far behind it claimed to be, and whether it brought something.
type modelRead struct {
	at       time.Time
	lag      time.Duration
	progress bool
}

// stalled reports whether the last reads brought nothing for long, while the source said that it is behind by as much as ever.
func (m *model) stalled() bool {
	last := len(m.reads) - 1
	idle := time.Duration(0)
	for i := m.progress(last); i < last; i++ {
		idle += min(m.reads[i+1].at.Sub(m.reads[i].at), 10*time.Second)
	}
	return idle >= max(time.Minute, m.p.TumblingWindow+m.p.TumblingWindowGrace)
}

// progress returns the last read up to the nth that was one with progress.
func (m *model) progress(n int) int {
	if n == 0 {
		return 0
	}
	before := m.progress(n - 1)
	r, was := m.reads[n], m.reads[before]
	away := r.at.Sub(m.reads[n-1].at) > 5*time.Minute
	if r.progress || away || r.lag == 0 || was.lag == 0 || was.lag-r.lag >= time.Second {
		return n
	}
	return before
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// tip is the time before which all has been read, or is not waited for.
func (m *model) tip() time.Time { return latest(m.caughtUp, m.passed) }

// over reports whether the source was read to its tip behind the end of a window and its grace, or was stalled there.
func (m *model) over(end int64) bool {
	return !m.tip().Before(time.Unix(end, 0).Add(m.p.TumblingWindowGrace))
}

// edge is the beginning of the window of the next record, or that of the latest time that is known.
func (m *model) edge(l *modelLane) int64 {
	if len(l.queue) > 0 {
		return m.windows[l.queue[0]]
	}
	seen := max(m.seen, m.tip().Unix())
	return seen - seen%m.windowSize()
}

// closes returns the final invocation of the open window, if it is due in a lane whose turn it is to cut.
func (m *model) closes(now time.Time, l *modelLane) (modelSubBatch, bool) {
	if m.open == nil || m.windowSize() == 0 {
		return modelSubBatch{}, false
	}
	resized := m.open.end-m.open.start != m.windowSize()
	due := resized || len(l.queue) > 0 && m.windows[l.queue[0]] > m.open.start
	if len(l.queue) == 0 && (resized || m.ended || m.over(m.open.end)) {
		due = true
		if !m.tip().IsZero() {
			m.current = max(m.current, windowStart(m.tip(), m.windowSize()))
		}
	}
	return modelSubBatch{final: true, window: m.open.start, due: now}, due
}

// terminate puts the final invocation of a window with too large a state before all others.
func (m *model) terminate(now time.Time, l *modelLane) {
	if m.open == nil || len(m.open.state) <= 1<<20 || len(l.subBatches) > 0 && l.subBatches[0].final {
		return
	}
	l.subBatches = append([]modelSubBatch{{final: true, early: true, window: m.open.start, due: now}}, l.subBatches...)
}

// stateOf returns the state that an invocation of a window gets.
func (m *model) stateOf(start int64) []byte {
	if m.open != nil && m.open.start == start {
		return m.open.state
	}
	return []byte("{}")
}

// inWindow returns how many of the records are of the window of the first.
func (m *model) inWindow(queue []int) int {
	n := 0
	for n < len(queue) && m.windows[queue[n]] == m.windows[queue[0]] {
		n++
	}
	return n
}

// sameWindow compares what an action tells of its window with what the model wants.
func (m *model) sameWindow(got *batch.Window, w wanted) bool {
	if m.windowSize() == 0 {
		return got == nil
	}
	return got != nil && got.Start.Unix() == w.window && got.End.Unix() == w.windowEnd &&
		got.Final == w.final && got.TerminatedEarly == w.early && bytes.Equal(got.State, w.state)
}

// sameOpen compares the window of a Commit with the open one.
func (m *model) sameOpen(got *batch.Window) bool {
	if m.open == nil || got == nil {
		return m.open == nil && got == nil
	}
	return got.Start.Unix() == m.open.start && got.End.Unix() == m.open.end && bytes.Equal(got.State, m.open.state) &&
		!got.Final && !got.TerminatedEarly
}

// sums are what the states of a random schedule stand for: the records that a window was told of, by their place in the
// stream. A state itself is short: a number.
type sums struct {
	made int
	sets map[string][]int // by state
}

// next returns the state that a function returns for the first n of some records that it was given with a state.
func (s *sums) next(c chooser, p batch.Policy, before []byte, records []int) []byte {
	s.made++
	state := fmt.Appendf(nil, `{"sum":%d}`, s.made)
	switch {
	case p.PayloadLimit == 0 && chance(c, 40):
		// One byte more than is allowed, or just as many. It is told apart from others by its number.
		pad := bytes.Repeat([]byte("x"), 1<<20-len(state)-len(`,"x":""`)+c.choose(2))
		state = fmt.Appendf(nil, `{"sum":%d,"x":"%s"}`, s.made, pad)
	case finite(p) && p.Seed == 0 && chance(c, 2): // one that may leave no room for a record
		state = fmt.Appendf(nil, `{"sum":%d,"x":"%s"}`, s.made, bytes.Repeat([]byte("x"), c.choose(200)))
	}
	s.sets[string(state)] = append(append([]int(nil), s.sets[string(before)]...), records...)
	return state
}

// windowWatch is what a watcher knows of the windows of its shard.
type windowWatch struct {
	sums     sums
	caughtUp time.Time
	ended    bool          // the end was offered
	idle     time.Duration // reading without a record since the last one, by the caller's clock
	last     time.Time     // the last read
	stalled  bool          // it was idle for long enough to close a window, at some time in this epoch

	of    map[int]int64 // the window in which a record was seen, in this epoch
	start int64         // of the last window seen, in this epoch
	state []byte        // of the open window; nil without one
	old   *batch.Window // that one where its size is no longer that of windows
	seen  time.Time     // the latest time that was offered, in all epochs
	tip   time.Time     // up to when the source was read to its tip, in all epochs
	close bool          // its final invocation was seen
	over  []int         // how often each record was in the sum of a final invocation that ended, in all epochs
}

// resume begins an epoch with what was committed, and with windows of a size.
func (w *windowWatch) resume(last batch.Commit, size int64) {
	w.of, w.start, w.state, w.close, w.old = map[int]int64{}, 0, nil, false, nil
	w.caughtUp, w.ended = time.Time{}, false
	w.idle, w.last, w.stalled = 0, time.Time{}, false
	if size == 0 {
		return
	}
	if !last.ClosedUpTo.IsZero() {
		w.start = windowStart(last.ClosedUpTo, size)
	}
	if open := last.Window; open != nil {
		w.start, w.state = max(w.start, windowStart(open.Start, size)), open.State
		if open.End.Unix()-open.Start.Unix() != size {
			w.old = open
		}
	}
}

// offered notes what was read.
func (w *watcher) offered(now time.Time, to int, p batch.Page) {
	v := &w.windows
	if !v.last.IsZero() {
		v.idle += now.Sub(v.last)
	}
	if to > w.read || p.Behind == 0 {
		v.idle = 0
	}
	v.last, v.stalled = now, v.stalled || w.mayBeStalled()
	w.read, v.ended = to, v.ended || p.End
	if p.CaughtUpTo.After(v.caughtUp) {
		v.caughtUp = p.CaughtUpTo
	}
	v.tip = latest(v.tip, p.CaughtUpTo)
	for i := range w.stream[:to] {
		v.seen = latest(v.seen, w.stream[i].ArrivalTime)
	}
	if w.mayBeStalled() { // then what the clock shows is passed, and the windows that are there
		v.tip = latest(v.tip, latest(now.Add(w.ahead), v.seen.Add(2*w.p.TumblingWindow+w.p.TumblingWindowGrace)))
	}
	v.seen = latest(v.seen, v.tip)
}

// mayBeStalled reports whether nothing came for a minute and for the length of a window with its grace.
func (w *watcher) mayBeStalled() bool {
	return w.windows.idle >= max(time.Minute, w.p.TumblingWindow+w.p.TumblingWindowGrace)
}

// seen checks the window of an invocation, or of a discard, of some records.
func (w *watcher) seen(got *batch.Window, records []int, discard bool) error {
	size := int64(w.p.TumblingWindow / time.Second)
	if size == 0 {
		if got != nil {
			return fmt.Errorf("a window without tumbling windows")
		}
		return nil
	}
	v := &w.windows
	start := got.Start.Unix()
	if v.old != nil {
		return v.seenOld(got, records)
	}
	switch {
	case got.Start.After(v.seen):
		return fmt.Errorf("the window begins at %s, after all that was offered", got.Start)
	case start%size != 0 || got.End.Unix() != start+size || got.Start.Nanosecond() != 0:
		return fmt.Errorf("the window is not aligned")
	case start < v.start:
		return fmt.Errorf("the window lies before the last one")
	case got.Final != (len(records) == 0):
		return fmt.Errorf("final with %d records", len(records))
	case start > v.start && v.state != nil:
		return fmt.Errorf("the window begins before the one before it was closed")
	case v.state == nil && (got.Final || string(got.State) != "{}"):
		return fmt.Errorf("a window that was not opened has the state %.50q", got.State)
	case v.state != nil && !bytes.Equal(got.State, v.state):
		return fmt.Errorf("the state is %.50q, that of the last success is %.50q", got.State, v.state)
	case got.TerminatedEarly != (len(v.state) > 1<<20):
		return fmt.Errorf("terminated-early=%t with a state of %d bytes", got.TerminatedEarly, len(v.state))
	}
	v.start = start
	for _, i := range records {
		if other, ok := v.of[i]; ok && other != start {
			return fmt.Errorf("record %s is seen in two windows", recordName(&w.stream[i]))
		}
		v.of[i] = start
		if !w.hasBegun(i, start) {
			return fmt.Errorf("record %s is seen in a window that begins after it, and after all before it", recordName(&w.stream[i]))
		}
		if own := windowStart(w.stream[i].ArrivalTime, size); own > start || own < start && w.onTime(i, own, size) {
			return fmt.Errorf("record %s is seen in a window that is not its own", recordName(&w.stream[i]))
		}
	}
	if got.Final && !got.TerminatedEarly && !v.close && !discard {
		v.close = true
		return w.mayClose(start, size)
	}
	return nil
}

// hasBegun reports whether a window begins at or before the latest of a record, those before it, and the times up to which the
// source was read to its tip.
func (w *watcher) hasBegun(i int, start int64) bool {
	for j := i; j >= 0; j-- {
		if w.stream[j].ArrivalTime.Unix() >= start {
			return true
		}
	}
	return w.windows.tip.Unix() >= start
}

// seenOld checks the final invocation of a window of another size: nothing else may come before that.
func (w *windowWatch) seenOld(got *batch.Window, records []int) error {
	if !got.Final || len(records) > 0 || !got.Start.Equal(w.old.Start) || !got.End.Equal(w.old.End) || !bytes.Equal(got.State, w.state) {
		return fmt.Errorf("the window is %+v, while one of another size is open: %+v", got, w.old)
	}
	return nil
}

// onTime reports whether nothing can have closed the window of a record before it was offered: no record before it is of
// a later one, and no read was at the tip behind its end.
func (w *watcher) onTime(i int, own, size int64) bool {
	if w.windows.stalled || !w.windows.caughtUp.Before(time.Unix(own+size, 0)) {
		return false
	}
	for j := w.resume; j < i; j++ {
		if !w.stream[j].Filtered && windowStart(w.stream[j].ArrivalTime, size) > own {
			return false
		}
	}
	return w.crashes == 0
}

// mayClose checks that a window has no record before it that is not done with, and a reason to be closed.
func (w *watcher) mayClose(start, size int64) error {
	latest := int64(0)
	for j := w.resume; j < w.read; j++ {
		if w.stream[j].Filtered {
			continue
		}
		latest = max(latest, windowStart(w.stream[j].ArrivalTime, size))
		switch {
		case w.fates[j] != pending:
		case latest > start:
			return nil // a later record is next
		default:
			return fmt.Errorf("the window is closed before its record %s", recordName(&w.stream[j]))
		}
	}
	if w.windows.ended || w.windows.stalled || !w.windows.caughtUp.Before(time.Unix(start+size, 0).Add(w.p.TumblingWindowGrace)) {
		return nil
	}
	return fmt.Errorf("the window is closed though more can come for it")
}

// closed notes the end of a final invocation, or of its discard.
func (w *watcher) closed() {
	for _, i := range w.windows.sums.sets[string(w.windows.state)] {
		w.windows.over[i]++
	}
	w.windows.state, w.windows.close, w.windows.old = nil, false, nil
}

// openAs compares the window of a Commit with the open one.
func (w *watcher) openAs(got *batch.Window) error {
	switch v := &w.windows; {
	case got != nil && v.old != nil && got.Start.Equal(v.old.Start) && got.End.Equal(v.old.End):
		return nil
	case (got == nil) != (v.state == nil):
		return fmt.Errorf("it has a window %t, while one is open %t", got != nil, v.state != nil)
	case got != nil && (got.Start.Unix() != v.start || !bytes.Equal(got.State, v.state)):
		return fmt.Errorf("its state is %.50q of another window or success than %.50q", got.State, v.state)
	}
	return nil
}

// summed checks that each record came into the sum of a window that was closed, or was given up: just once when nothing
// crashed, and at least once otherwise.
func (w *watcher) summed(i int) error {
	if w.p.TumblingWindow == 0 {
		return nil
	}
	switch n, r := w.windows.over[i]+w.docs[i], &w.stream[i]; {
	case n == 0:
		return fmt.Errorf("record %s is in no sum", recordName(r))
	case n > 1 && w.crashes == 0:
		return fmt.Errorf("record %s is in %d sums or documents", recordName(r), n)
	}
	return nil
}
