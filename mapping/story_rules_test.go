package mapping_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
)

// rule is an invariant of a story. Its check returns what breaks it in a journal.
type rule struct {
	name  string
	check func(j *journal) []string
}

// storyRules are the invariants that are judged from a journal; docs/architecture.md lists them. The stage itself judges
// "progress", "status" and "goroutines".
var storyRules = []rule{
	{"nothing lost", judgePositions},
	{"order", judgeOrder},
	{"parents", judgeParents},
	{"alone", judgeAlone},
	{"lanes", judgeLanes},
	{"batch", judgeBatches},
	{"once", judgeOnce},
	{"no repeats", judgeRepeats},
	{"discards", judgeDiscards},
	{"window", judgeWindows},
	{"counted", judgeCounts},
	{"return", judgeReturns},
}

// judge returns all that is wrong in a journal, each with its rule.
func (j *journal) judge() (wrong []string) {
	wrong = append(wrong, j.faults...)
	for _, r := range storyRules {
		broken := r.check(j)
		for _, b := range broken[:min(3, len(broken))] {
			wrong = append(wrong, r.name+": "+b)
		}
	}
	return wrong
}

// resolved returns when a record was processed, or discarded, for the first time. It is the zero moment if it was not.
func (j *journal) resolved(r *told) (first moment) {
	for _, c := range j.calls {
		if c.processed(r) && c.ended.before(first) {
			first = c.ended
		}
	}
	for _, d := range j.drops {
		if d.gone && d.has(r) && d.ended.before(first) {
			first = d.ended
		}
	}
	return first
}

// has reports whether an invocation was given a record.
func (c *played) has(r *told) bool { return hasItem(c.items, r) }

// processed reports whether an invocation processed a record.
func (c *played) processed(r *told) bool { return c.ok && hasItem(c.items[:c.done], r) }

func hasItem(items [][]*told, r *told) bool {
	for _, item := range items {
		for _, o := range item {
			if o == r {
				return true
			}
		}
	}
	return false
}

// all returns the records of an invocation.
func (c *played) all() (records []*told) {
	for _, item := range c.items {
		records = append(records, item...)
	}
	return records
}

// hasWhole reports whether an aggregate came whole: then members that were resolved come again with others.
func (c *played) hasWhole(r *told) bool {
	for _, item := range c.items {
		if len(item) > 1 && hasItem([][]*told{item}, r) {
			return true
		}
	}
	return false
}

// filters reports whether a process does not invoke the function with a record.
func (p *player) filters(r *told) bool { return r.key == fmt.Sprint("k", p.setup.filtered) }

// mayBeFiltered reports whether a process that had been started before a moment may have passed a record over.
func (j *journal) mayBeFiltered(r *told, at moment) bool {
	for _, p := range j.players {
		if p.filters(r) && p.started.before(at) {
			return true
		}
	}
	return false
}

// retention is how long the stream keeps records.
const retention = 24 * time.Hour

// isTrimmed reports whether the stream had trimmed a record at a moment.
func (r *told) isTrimmed(at moment) bool { return at.at.Sub(r.put.at) >= retention }

// mayBeLost reports whether a record was trimmed and it was said so before a moment, or soon after, as when a shard's end is stored
// first; or nothing of its shard was stored until it was trimmed: such a shard begins with the oldest record that there is.
func (j *journal) mayBeLost(r *told, at moment) bool {
	for _, t := range j.trims {
		if t.shard == r.shard && t.at.at.Before(at.at.Add(time.Minute)) && r.isTrimmed(t.at) && !r.put.at.After(t.to) {
			return true
		}
	}
	return r.isTrimmed(at) && !slices.ContainsFunc(j.commits, func(c *stored) bool {
		return c.shard == r.shard && c.durable.came() && !r.isTrimmed(c.durable)
	})
}

// passedBy reports whether a position lies behind a record.
func (r *told) passedBy(p driver.Progress) bool {
	return p.End || !p.Position.IsZero() && r.position.Compare(p.Position) <= 0
}

// judgePositions: a position that is stored passes only records that are processed, discarded or filtered out, or
// that the stream has trimmed, as was said.
func judgePositions(j *journal) (wrong []string) {
	for _, r := range j.records {
		resolved := j.resolved(r)
		for _, c := range j.commits {
			if c.by.died.before(c.began) || c.shard != r.shard || !r.passedBy(c.progress) || !r.put.before(c.began) {
				continue
			}
			if !resolved.before(c.began) && !j.mayBeFiltered(r, c.began) && !j.mayBeLost(r, c.began) {
				wrong = append(wrong, fmt.Sprintf("%s of %s is not resolved, and %s stores %s (end %v)", r.data, r.shard, c.by.name, c.progress.Position, c.progress.End))
				break
			}
		}
	}
	return wrong
}

// judgeOrder: a record is processed when the one before it of its key is resolved, or with it; and under one lease the first
// invocations of a key's records, with one lane those of all records, come in order.
func judgeOrder(j *journal) (wrong []string) {
	type lane struct {
		shard string
		epoch uint64
		key   string
	}
	last := map[lane]int{}
	seen := map[lane]map[*told]bool{}
	for _, c := range j.calls {
		for _, r := range c.all() {
			if b := r.before; b != nil && !c.has(b) && !j.resolved(b).before(c.began) && !j.mayBeFiltered(b, c.began) && !b.isTrimmed(c.began) {
				wrong = append(wrong, fmt.Sprintf("%s comes before %s of its key is resolved: %s", r.data, b.data, c))
			}
			l := lane{shard: c.shard, epoch: c.epoch}
			if c.by.setup.factor > 1 {
				l.key = r.key
			}
			if seen[l] == nil {
				seen[l], last[l] = map[*told]bool{}, -1
			}
			if !seen[l][r] && r.number < last[l] {
				wrong = append(wrong, fmt.Sprintf("%s comes first after a later record: %s", r.data, c))
			}
			seen[l][r], last[l] = true, max(last[l], r.number)
		}
	}
	return wrong
}

// judgeParents: a shard is processed when all records of its parents are resolved.
func judgeParents(j *journal) (wrong []string) {
	for _, o := range j.opens {
		for _, p := range j.parents[o.shard] {
			for _, r := range j.records {
				if r.shard == p && !j.resolved(r).before(o.at) && !j.mayBeFiltered(r, o.at) && !r.isTrimmed(o.at) {
					wrong = append(wrong, fmt.Sprintf("%s opens %s before %s of its parent is resolved", o.by.name, o.shard, r.data))
				}
			}
		}
	}
	return wrong
}

// over returns when an invocation, or its process, ended.
func (c *played) over() moment {
	if c.by.died.before(c.ended) {
		return c.by.died
	}
	return c.ended
}

// overlap reports whether a, which began first, still ran when b began.
func overlap(a, b *played) bool { return a.began.before(b.began) && b.began.before(a.over()) }

// newest returns the newest lease of a shard at a moment.
func (j *journal) newest(shard string, at moment) (epoch uint64) {
	for _, o := range j.opens {
		if o.shard == shard && o.at.before(at) {
			epoch = max(epoch, o.epoch)
		}
	}
	return epoch
}

// judgeAlone: no two invocations with one key run concurrently, but for one whose lease was lost; no invocation begins under a
// lease that was lost.
func judgeAlone(j *journal) (wrong []string) {
	for i, b := range j.calls {
		if b.epoch < j.newest(b.shard, b.began) {
			wrong = append(wrong, fmt.Sprintf("begins, though there is lease %d: %s", j.newest(b.shard, b.began), b))
		}
		for _, a := range j.calls[:i] {
			if overlap(a, b) && a.epoch == j.newest(a.shard, b.began) && shareKey(a, b) {
				wrong = append(wrong, fmt.Sprintf("run concurrently: %s; and %s", a, b))
			}
		}
	}
	return wrong
}

// shareKey reports whether two invocations have records of one key, or are of one lane.
func shareKey(a, b *played) bool {
	for _, r := range a.all() {
		for _, o := range b.all() {
			if r.key == o.key {
				return true
			}
		}
	}
	return a.shard == b.shard && a.window != nil
}

// judgeLanes: under one lease no more invocations run concurrently than the shard has lanes, nor two of one lane.
func judgeLanes(j *journal) (wrong []string) {
	for i, b := range j.calls {
		n := 1
		for _, a := range j.calls[:i] {
			if a.by != b.by || a.shard != b.shard || a.epoch != b.epoch || !overlap(a, b) {
				continue
			}
			if n++; n > b.by.setup.factor {
				wrong = append(wrong, fmt.Sprintf("%d invocations, factor %d: %s", n, b.by.setup.factor, b))
			}
			if la, lb := a.lane(), b.lane(); la == lb {
				wrong = append(wrong, fmt.Sprintf("two invocations of lane %d: %s; and %s", la, a, b))
			}
		}
	}
	return wrong
}

// lane returns the lane of an invocation.
func (c *played) lane() int {
	if len(c.items) == 0 {
		return 0
	}
	return batch.LaneOf(&batch.Record{PartitionKey: c.items[0][0].key}, c.by.setup.factor)
}

// judgeBatches: an invocation has records, unless it is final, at most BatchSize, of one lane, none that a filter drops; and one
// with a request ID that was there before has the same records.
func judgeBatches(j *journal) (wrong []string) {
	first := map[string]*played{}
	for _, c := range j.calls {
		switch n := len(c.items); {
		case c.isFinal() != (n == 0):
			wrong = append(wrong, "records and a final, or neither: "+c.String())
		case n > c.by.setup.batchSize:
			wrong = append(wrong, fmt.Sprintf("%d records, BatchSize %d: %s", n, c.by.setup.batchSize, c))
		}
		for _, r := range c.all() {
			if l := batch.LaneOf(&batch.Record{PartitionKey: r.key}, c.by.setup.factor); l != c.lane() || c.by.filters(r) || r.shard != c.shard {
				wrong = append(wrong, fmt.Sprintf("%s does not belong there: %s", r.data, c))
			}
		}
		if f := first[c.request]; f == nil {
			first[c.request] = c
		} else if !sameRecords(f, c) || c.attempt <= f.attempt {
			wrong = append(wrong, fmt.Sprintf("one request: %s; and %s", f, c))
		}
	}
	return wrong
}

func sameRecords(a, b *played) bool {
	x, y := a.all(), b.all()
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i] != y[i] {
			return false
		}
	}
	return true
}

// judgeOnce: what a stored position has passed does not come again, unless with an aggregate that comes whole.
func judgeOnce(j *journal) (wrong []string) {
	for _, c := range j.calls {
		for _, s := range j.commits {
			if s.shard != c.shard || !s.durable.before(c.began) {
				continue
			}
			for _, r := range c.all() {
				if r.passedBy(s.progress) && r.put.before(s.began) && !c.hasWhole(r) {
					wrong = append(wrong, fmt.Sprintf("%s comes again, after %s was stored: %s", r.data, s.progress.Position, c))
				}
			}
		}
	}
	return wrong
}

// judgeRepeats: a record that was processed comes again under another lease only; and not at all where a clean stop ended the
// one of before, which had one lane and was not lost.
func judgeRepeats(j *journal) (wrong []string) {
	for i, b := range j.calls {
		for _, a := range j.calls[:i] {
			if a.shard != b.shard || a.late || !a.ended.before(b.began) {
				continue
			}
			clean := a.by.returned.before(b.began) && a.by.err == nil && !a.by.died.came() && a.by.setup.factor == 1 && a.by.stopped.came() &&
				!a.by.lost[lease{a.shard, a.epoch}]
			if a.epoch != b.epoch && !clean {
				continue
			}
			for _, r := range b.all() {
				if a.processed(r) && !b.hasWhole(r) && !a.hasWhole(r) {
					wrong = append(wrong, fmt.Sprintf("%s comes again (clean stop: %v): %s; and %s", r.data, clean, a, b))
				}
			}
		}
	}
	return wrong
}

// wasLost reports whether another lease of an invocation's shard was opened before a moment.
func (j *journal) wasLost(c *played, at moment) bool { return j.newest(c.shard, at) > c.epoch }

// judgeDiscards: records are discarded as the settings allow, after as many failures, or at such an age.
func judgeDiscards(j *journal) (wrong []string) {
	for _, d := range j.drops {
		switch set := &d.by.setup; {
		case d.condition == batch.RetryAttemptsExhausted && set.retries >= 0:
			if n := j.failures(d); n != set.retries+1 {
				wrong = append(wrong, fmt.Sprintf("%s discards %v after %d failures, retries %d", d.by.name, names(d.records), n, set.retries))
			}
		case d.condition == batch.RecordAgeExceeded && set.age > 0:
			for _, r := range d.records {
				if age := d.began.at.Sub(r.put.at); age < set.age-2*time.Second {
					wrong = append(wrong, fmt.Sprintf("%s discards %s at the age of %s", d.by.name, r.data, age))
				}
			}
		default:
			wrong = append(wrong, fmt.Sprintf("%s discards %v: %s", d.by.name, names(d.records), d.condition))
		}
	}
	return wrong
}

// failures counts the invocations of a discard's request that ran and failed.
func (j *journal) failures(d *dropped) (n int) {
	for _, c := range j.calls {
		if c.request == d.request && !c.notRun && c.ended.before(d.began) {
			n++
		}
	}
	return n
}

func names(records []*told) string {
	var all []string
	for _, r := range records {
		all = append(all, r.data)
	}
	return strings.Join(all, " ")
}

// What Run may take after its ctx ended, beyond DrainTimeout: for calls to return, for the last commit, for the release, and in a
// fleet for leaving.
const storyEnds = 5*time.Second + 5*time.Second + 5*time.Second + 5*time.Second + time.Second

// judgeReturns: Run returns when it is asked to, in time, and with the error that fits what happened; then it does not run.
func judgeReturns(j *journal) (wrong []string) {
	for _, p := range j.players {
		if p.died.came() {
			continue
		}
		for _, w := range j.wrongReturn(p) {
			wrong = append(wrong, fmt.Sprintf("%s: %s: Run returned %v", p.name, w, p.err))
		}
	}
	return wrong
}

func (j *journal) wrongReturn(p *player) (wrong []string) {
	if !p.stopped.before(p.returned) {
		return []string{"by itself"}
	}
	drain := p.drain()
	if took := p.returned.at.Sub(p.stopped.at); took > drain+storyEnds {
		wrong = append(wrong, fmt.Sprintf("after %s", took))
	}
	if p.after.Running || len(p.after.Shards) > 0 {
		wrong = append(wrong, fmt.Sprintf("its status is %+v", p.after))
	}
	still, cut, unstored := errors.Is(p.err, mapping.ErrStillRunning), errors.Is(p.err, mapping.ErrDrainTimeout), errors.Is(p.err, mapping.ErrNotStored)
	left, late := j.leftBy(p), j.cutShort(p, p.stopped.at.Add(drain))
	for _, w := range []struct {
		is   bool
		what string
	}{
		{p.err != nil && !still && !cut && !unstored, "an error that Run does not document"},
		{still && left == nil, "no function runs"},
		{!still && left != nil, fmt.Sprintf("%s still runs", left)},
		{cut && late == nil && !j.waits(p) && !j.mayBeCut(p, p.stopped.at.Add(drain)), "no function was cut short"},
		{p.err == nil && late != nil, fmt.Sprintf("%s was cut short", late)},
		{unstored && !j.failedToStore(p), "all was stored"},
	} {
		if w.is {
			wrong = append(wrong, w.what)
		}
	}
	return wrong
}

// drain returns a process's DrainTimeout.
func (p *player) drain() time.Duration {
	if p.setup.drain == 0 {
		return 30 * time.Second
	}
	return max(0, p.setup.drain)
}

// leftBy returns an invocation that still ran when the Run that began it returned, nil if there was none.
func (j *journal) leftBy(p *player) fmt.Stringer {
	for _, c := range j.calls {
		if c.by == p && c.began.before(p.returned) && p.returned.before(c.ended) {
			return c
		}
	}
	for _, d := range j.drops {
		if d.by == p && d.began.before(p.returned) && p.returned.before(d.ended) {
			return d
		}
	}
	return nil
}

// runs reports whether a call of a process has not ended yet.
func (j *journal) runs(p *player) bool {
	return slices.ContainsFunc(j.calls, func(c *played) bool { return c.by == p && !c.ended.came() }) ||
		slices.ContainsFunc(j.drops, func(d *dropped) bool { return d.by == p && !d.ended.came() })
}

// String names a discard.
func (d *dropped) String() string { return fmt.Sprintf("the discard of %s", names(d.records)) }

// cutShort returns a call that a stop ended when its patience was over, nil if there was none.
func (j *journal) cutShort(p *player, end time.Time) fmt.Stringer {
	was := func(began, ended moment) bool {
		return began.before(p.stopped) && p.stopped.before(ended) && !(ended.came() && ended.at.Before(end))
	}
	for _, c := range j.calls {
		if c.by == p && !c.ok && was(c.began, c.ended) && !j.wasLost(c, c.ended) {
			return c
		}
	}
	for _, d := range j.drops {
		if d.by == p && !d.gone && was(d.began, d.ended) {
			return d
		}
	}
	return nil
}

// waits reports whether a process waited to deliver a document once more, for as long as that takes, when it was stopped.
func (j *journal) waits(p *player) bool {
	return p.stage.report == blocking && slices.ContainsFunc(j.drops, func(d *dropped) bool { return d.by == p && !d.gone && d.began.before(p.stopped) })
}

// mayBeCut reports whether a call of a process may have been cut short though it does not show: one that succeeded after its ctx was
// done, which a timeout makes a failure, or a delivery that failed just when the stop's patience was over.
func (j *journal) mayBeCut(p *player, end time.Time) bool {
	return slices.ContainsFunc(j.calls, func(c *played) bool { return c.by == p && c.ok && c.late && p.stopped.before(c.ended) }) ||
		slices.ContainsFunc(j.drops, func(d *dropped) bool { return d.by == p && p.stopped.before(d.ended) && !d.ended.at.Before(end) })
}

// failedToStore reports whether a process had a commit fail after it was to stop, or shortly before.
func (j *journal) failedToStore(p *player) bool {
	for _, c := range j.commits {
		if c.by == p && c.err != nil && (!c.ended.came() || c.ended.at.After(p.stopped.at.Add(-time.Minute))) {
			return true
		}
	}
	return false
}
