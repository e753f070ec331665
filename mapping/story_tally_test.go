package mapping_test

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
)

// turn is a shard under one lease, in windows.
type turn struct {
	*journal
	by    *player
	shard string
	epoch uint64
	from  moment

	// could are the windows that may be open: nil for none. There are several after an invocation that a stop, or a timeout,
	// may have cut short.
	could []*batch.Window
	wrong []string
}

// turns returns the shards under their leases, in order.
func (j *journal) turns() (turns []*turn) {
	for _, o := range j.opens {
		t := &turn{journal: j, by: o.by, shard: o.shard, epoch: o.epoch, from: o.at, could: []*batch.Window{nil}}
		if p := j.storedAt(o.shard, o.at); p != nil {
			t.could[0] = p.progress.Window
		}
		turns = append(turns, t)
	}
	return turns
}

// storedAt returns the last commit of a shard that was durable at a moment, nil if there was none.
func (j *journal) storedAt(shard string, at moment) (last *stored) {
	for _, c := range j.commits {
		if c.shard == shard && c.durable.before(at) && (last == nil || last.durable.before(c.durable)) {
			last = c
		}
	}
	return last
}

// judgeWindows: each invocation is given the state that the one before in its window returned, under another lease the one that
// is stored, else an empty one; a window that is open gets its final invocation before another one begins, and not too early.
func judgeWindows(j *journal) (wrong []string) {
	for _, t := range j.turns() {
		if t.by.setup.window == 0 {
			continue
		}
		t.judge()
		wrong = append(wrong, t.wrong...)
	}
	return wrong
}

// happening is something that ends in a turn.
type happening struct {
	at   moment
	call *played
	drop *dropped
}

// happenings returns what happened under the lease, in order: invocations by when they began, discards by when they ended.
func (t *turn) happenings() (all []happening) {
	for _, c := range t.calls {
		if c.shard == t.shard && c.epoch == t.epoch && c.by == t.by {
			all = append(all, happening{at: c.began, call: c})
		}
	}
	for _, d := range t.drops {
		if d.shard == t.shard && d.epoch == t.epoch && d.by == t.by && d.final != nil && d.ended.came() {
			all = append(all, happening{at: d.ended, drop: d})
		}
	}
	slices.SortFunc(all, func(a, b happening) int { return a.at.n - b.at.n })
	return all
}

func (t *turn) judge() {
	for _, h := range t.happenings() {
		if h.drop != nil {
			if h.drop.gone {
				t.could = []*batch.Window{nil}
			}
			continue
		}
		t.begins(h.call)
		t.ends(h.call)
	}
}

// begins judges the state that an invocation is given.
func (t *turn) begins(c *played) {
	w := c.window
	if w == nil {
		t.wrong = append(t.wrong, "no window: "+c.String())
		return
	}
	t.aligned(c)
	fits := slices.DeleteFunc(slices.Clone(t.could), func(open *batch.Window) bool {
		if open == nil {
			return w.Final || string(w.State) != "{}"
		}
		return !open.Start.Equal(w.Start) || !bytes.Equal(open.State, w.State)
	})
	if len(fits) == 0 {
		t.wrong = append(t.wrong, fmt.Sprintf("%s; the open window is %s", c, printWindows(t.could)))
		return
	}
	t.could = fits
}

// aligned judges the bounds of an invocation's window, and that a final does not come too early.
func (t *turn) aligned(c *played) {
	w, size := c.window, t.by.setup.window
	if w.Final {
		if w.End.Sub(w.Start) == size && c.began.at.Before(w.End) && !t.isPast(c, w.End) {
			t.wrong = append(t.wrong, "a final before the end of its window: "+c.String())
		}
		return
	}
	if w.End.Sub(w.Start) != size || w.Start.Unix()%int64(size/time.Second) != 0 {
		t.wrong = append(t.wrong, fmt.Sprintf("a window from %s to %s: %s", w.Start, w.End, c))
	}
	for _, r := range c.all() {
		if !r.put.at.Before(w.End) {
			t.wrong = append(t.wrong, fmt.Sprintf("%s, put at %s, in a window until %s", r.data, r.put.at, w.End))
		}
	}
}

// isPast reports whether the shard had ended, or had a record after a time, when an invocation began.
func (t *turn) isPast(c *played, end time.Time) bool {
	if t.closed[t.shard].before(c.began) {
		return true
	}
	return slices.ContainsFunc(t.records, func(r *told) bool { return r.shard == t.shard && r.put.before(c.began) && !r.put.at.Before(end) })
}

func printWindows(windows []*batch.Window) (s string) {
	for _, w := range windows {
		if w == nil {
			s += "none; "
			continue
		}
		s += fmt.Sprintf("%s with %s; ", w.Start.Format("15:04:05"), w.State)
	}
	return s
}

// ends takes in what an invocation came to.
func (t *turn) ends(c *played) {
	if !c.ok || c.window == nil || !c.isFinal() && c.done == 0 { // whose first record failed resolves nothing, and its state is not kept
		return
	}
	var next *batch.Window
	if !c.window.Final {
		next = &batch.Window{Start: c.window.Start, End: c.window.End, State: []byte(c.state)}
	}
	if c.late {
		t.could = append(t.could, next)
		return
	}
	t.could = []*batch.Window{next}
}

// counter counts, over the leases of a shard, what windows have counted, by what is stored.
type windowCounter struct {
	*journal
	shard   string
	counted map[string]int  // by data, in finals that what is stored comes after
	excused map[string]bool // discarded, or of a window that was switched off
	wrong   []string
}

// judgeCounts: of the records that a stored position has passed each is counted once, in a final invocation that succeeded or in
// the state that is stored. Those are not that were discarded, or processed without windows.
func judgeCounts(j *journal) (wrong []string) {
	shards := map[string]*windowCounter{}
	for _, t := range j.turns() {
		w := shards[t.shard]
		if w == nil {
			w = &windowCounter{journal: j, shard: t.shard, counted: map[string]int{}, excused: map[string]bool{}}
			shards[t.shard] = w
		}
		w.turn(t)
	}
	for _, w := range shards {
		wrong = append(wrong, w.wrong...)
	}
	return wrong
}

// turn takes in what happened under one lease, up to its last commit that is durable.
func (w *windowCounter) turn(t *turn) {
	w.excuse(t)
	var last *stored
	for _, c := range w.commits {
		if c.shard == w.shard && c.epoch == t.epoch && c.durable.came() && (last == nil || last.durable.before(c.durable)) {
			last = c
		}
	}
	if last == nil {
		return
	}
	finals := map[int]bool{} // by the serial of their states: one that ended too late is made again
	for _, c := range w.calls {
		if c.shard != w.shard || c.epoch != t.epoch || !c.isFinal() || !c.ok || !c.ended.before(last.began) || !w.isIn(c, last) {
			continue
		}
		if state := tallyOf(c.window); !finals[state.Serial] {
			finals[state.Serial] = true
			for _, data := range state.Records {
				w.counted[data]++
			}
		}
	}
	w.compare(t, last)
}

// isIn reports whether a stored position comes after a final invocation: the window that is stored is a later one, or none is and the
// position has passed all records that were counted.
func (w *windowCounter) isIn(final *played, c *stored) bool {
	if open := c.progress.Window; open != nil {
		return tallyOf(open).Serial > final.began.n
	}
	return !slices.ContainsFunc(tallyOf(final.window).Records, func(data string) bool { return !w.byData[data].passedBy(c.progress) })
}

// excuse notes the records that need not be counted.
func (w *windowCounter) excuse(t *turn) {
	if open := t.could[0]; open != nil && t.by.setup.window == 0 {
		w.excuseAll(open)
	}
	for _, c := range w.calls {
		if c.shard == w.shard && c.by.setup.window == 0 && c.ok {
			for _, r := range c.all() {
				w.excused[r.data] = true
			}
		}
	}
	for _, d := range w.drops {
		if d.shard != w.shard || d.epoch != t.epoch {
			continue
		}
		for _, r := range d.records {
			w.excused[r.data] = true
		}
		if d.final != nil {
			w.excuseAll(w.stateOf(d))
		}
	}
}

// stateOf returns the window whose final invocation was discarded.
func (w *windowCounter) stateOf(d *dropped) *batch.Window {
	for _, c := range w.calls {
		if c.request == d.request {
			return c.window
		}
	}
	if len(d.final.State) > 0 {
		return d.final
	}
	return nil
}

func (w *windowCounter) excuseAll(open *batch.Window) {
	if open == nil {
		return
	}
	for _, data := range tallyOf(open).Records {
		w.excused[data] = true
	}
}

// compare compares what is counted with what is stored at the end of a lease.
func (w *windowCounter) compare(t *turn, last *stored) {
	n := map[string]int{}
	for data, times := range w.counted {
		n[data] = times
	}
	if open := last.progress.Window; open != nil {
		for _, data := range tallyOf(open).Records {
			n[data]++
		}
	}
	for _, r := range w.records {
		if r.shard != w.shard || !r.put.before(last.began) {
			continue
		}
		switch passed := r.passedBy(last.progress); {
		case n[r.data] > 1 && !w.cameWhole(r):
			w.wrong = append(w.wrong, fmt.Sprintf("%s is counted %d times, up to lease %d of %s", r.data, n[r.data], t.epoch, w.shard))
		case passed && n[r.data] == 0 && !w.excused[r.data] && !w.mayBeFiltered(r, last.began) && !w.mayBeLost(r, last.began):
			w.wrong = append(w.wrong, fmt.Sprintf("%s is counted in no window, though %s stores %s under lease %d of %s", r.data, t.by.name,
				printProgress(last.progress), t.epoch, w.shard))
		case !passed && n[r.data] > 0 && !w.cameWhole(r):
			w.wrong = append(w.wrong, fmt.Sprintf("%s is counted, though it comes again: %s stores %s under lease %d of %s", r.data, t.by.name,
				printProgress(last.progress), t.epoch, w.shard))
		}
	}
}

// cameWhole reports whether a record came with the whole of its aggregate, as it does again when members were resolved.
func (w *windowCounter) cameWhole(r *told) bool {
	return slices.ContainsFunc(w.calls, func(c *played) bool { return c.hasWhole(r) })
}

func printProgress(p driver.Progress) string {
	return fmt.Sprintf("%s (end %v, window %s)", p.Position, p.End, printWindows([]*batch.Window{p.Window}))
}
