package batch_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// watcher holds the promises of the Scheduler against what it does, knowing nothing of how batches go through their
// retries: what is invoked, given up and committed, and when. One watcher sees a shard through all crashes.
type watcher struct {
	p       batch.Policy
	retries int
	stream  []batch.Record
	place   map[string]int // of a record in the stream

	fates   []fate // in this epoch
	ever    []int  // how often a record was resolved, in all epochs
	docs    []int  // documents, delivered or dropped, in all epochs
	crashes int
	resume  int // records before it must not be seen again
	read    int // records before it were offered

	windows windowWatch

	ahead time.Duration // of the source's clock, as far as the Scheduler knows

	running map[batch.ID]*call
	calls   map[batch.ID]*call // of this epoch
	lastID  batch.ID

	version          uint64
	position         batch.Position
	upTo, closedUpTo time.Time
	ended            bool
}

// fate is what became of a record.
type fate uint8

const (
	pending fate = iota
	succeeded
	delivered
	dropped
)

// call is an ID, and what was done under it.
type call struct {
	lane     int
	records  []int
	attempts int
	spent    int // attempts that count against MaximumRetryAttempts
	discard  bool
	final    bool // of a tumbling window
}

func newWatcher(p batch.Policy, stream []batch.Record) *watcher {
	w := &watcher{p: newModel(p, nil, mark{}, batch.Commit{}).p, retries: newModel(p, nil, mark{}, batch.Commit{}).retries, stream: stream}
	w.place = make(map[string]int, len(stream))
	for i := range stream {
		w.place[recordName(&stream[i])] = i
	}
	w.ever, w.docs = make([]int, len(stream)), make([]int, len(stream))
	w.windows.over, w.windows.sums.sets = make([]int, len(stream)), map[string][]int{}
	w.epoch(batch.Commit{}, 0)
	return w
}

func recordName(r *batch.Record) string {
	if r.SubSequence == 0 {
		return r.SequenceNumber
	}
	return fmt.Sprint(r.SequenceNumber, ".", r.SubSequence)
}

// epoch begins with a new Scheduler, which resumes at a record.
func (w *watcher) epoch(resume batch.Commit, at int) {
	w.fates = make([]fate, len(w.stream))
	w.resume, w.position, w.ended = at, resume.Position, resume.End
	w.upTo, w.closedUpTo = resume.ResolvedUpTo, resume.ClosedUpTo
	w.running, w.calls = map[batch.ID]*call{}, map[batch.ID]*call{}
	w.lastID, w.version, w.read, w.ahead = 0, 0, at, 0
	w.windows.resume(resume, int64(w.p.TumblingWindow/time.Second))
}

// invoked checks an Invoke.
func (w *watcher) invoked(now time.Time, a *batch.Invoke) (*call, error) {
	c, err := w.begun(a.ID, a.Lane, a.Records, a.Window != nil && a.Window.Final)
	if err != nil {
		return nil, err
	}
	if err := w.seen(a.Window, c.records, false); err != nil {
		return nil, err
	}
	if a.Records.Len() != len(c.records) {
		return nil, fmt.Errorf("the same id with %d records, before with %d", a.Records.Len(), len(c.records))
	}
	c.attempts++
	size := w.p.EnvelopeSize + max(0, a.Records.Len()-1)
	if a.Window != nil {
		size += w.p.WindowSize + len(a.Window.State)
	}
	for _, r := range a.Records.All() {
		size += r.Size
	}
	switch {
	case a.Attempt != c.attempts:
		return nil, fmt.Errorf("attempt is %d, want %d", a.Attempt, c.attempts)
	case w.retries >= 0 && c.spent > w.retries:
		return nil, fmt.Errorf("invoked with %d retries spent of %d", c.spent, w.retries)
	case a.Records.Len() > w.p.BatchSize:
		return nil, fmt.Errorf("%d records, BatchSize is %d", a.Records.Len(), w.p.BatchSize)
	case size > w.p.PayloadLimit:
		return nil, fmt.Errorf("event of %d bytes, PayloadLimit is %d", size, w.p.PayloadLimit)
	case a.Records.Len() > 0 && w.p.MaximumRecordAge > 0 && now.Add(w.ahead).Sub(a.Records.At(0).ArrivalTime) > w.p.MaximumRecordAge:
		return nil, fmt.Errorf("record %s is too old to be invoked", a.Records.At(0).SequenceNumber)
	}
	return c, w.ordered(c)
}

// ordered checks that records of a key are first invoked in order, with all before them done or in the same batch.
func (w *watcher) ordered(c *call) error {
	for _, i := range c.records {
		key := w.stream[i].PartitionKey
		if key == "" {
			continue
		}
		for j := w.resume; j < i; j++ {
			if w.stream[j].PartitionKey == key && w.fates[j] == pending && !w.stream[j].Filtered && !slices.Contains(c.records, j) {
				return fmt.Errorf("record %s is invoked before %s of the same key", recordName(&w.stream[i]), recordName(&w.stream[j]))
			}
		}
	}
	return nil
}

// begun checks what invocations and discards have in common, and notes that one runs.
func (w *watcher) begun(id batch.ID, lane int, records batch.Records, final bool) (*call, error) {
	indexes := make([]int, records.Len())
	for i, r := range records.All() {
		at, ok := w.place[recordName(r)]
		switch {
		case !ok:
			return nil, fmt.Errorf("record %s was never offered", recordName(r))
		case at < w.resume:
			return nil, fmt.Errorf("record %s is seen again, though it was committed", recordName(r))
		case w.fates[at] != pending:
			return nil, fmt.Errorf("record %s is seen again, though it is done with", recordName(r))
		case r.Filtered:
			return nil, fmt.Errorf("record %s is filtered", recordName(r))
		case i > 0 && at <= indexes[i-1]:
			return nil, fmt.Errorf("record %s is out of order", recordName(r))
		}
		indexes[i] = at
	}
	if (records.Len() == 0) != final || lane < 0 || lane >= w.p.ParallelizationFactor || len(w.running) >= w.p.ParallelizationFactor {
		return nil, fmt.Errorf("%d records in lane %d of %d, %d running", records.Len(), lane, w.p.ParallelizationFactor, len(w.running))
	}
	for other, c := range w.running {
		if c.lane == lane || other == id || sharesKey(w.stream, c.records, indexes) {
			return nil, fmt.Errorf("it runs beside id %d, with a lane, an id or a key in common", other)
		}
	}
	c := w.calls[id]
	switch {
	case c == nil && id <= w.lastID:
		return nil, fmt.Errorf("id %d is used again", id)
	case c == nil:
		c = &call{lane: lane, records: indexes, final: final}
		w.calls[id], w.lastID = c, id
	case c.lane != lane || len(indexes) > len(c.records) || !slices.Equal(c.records[:len(indexes)], indexes):
		return nil, fmt.Errorf("id %d had the records %v, now %v", id, c.records, indexes)
	}
	w.running[id] = c
	return c, nil
}

func sharesKey(stream []batch.Record, a, b []int) bool {
	for _, i := range a {
		for _, j := range b {
			if stream[i].PartitionKey != "" && stream[i].PartitionKey == stream[j].PartitionKey {
				return true
			}
		}
	}
	return false
}

// discarded checks a Discard.
func (w *watcher) discarded(now time.Time, a *batch.Discard) error {
	c, err := w.begun(a.ID, a.Lane, a.Records, a.Window != nil && a.Window.Final)
	if err != nil {
		return err
	}
	if err := w.seen(a.Window, c.records[:a.Records.Len()], true); err != nil {
		return err
	}
	c.discard, c.records = true, c.records[:a.Records.Len()]
	switch {
	case a.Condition == batch.RecordAgeExceeded:
		for _, r := range a.Records.All() {
			if age := now.Add(w.ahead).Sub(r.ArrivalTime); w.p.MaximumRecordAge <= 0 || age <= w.p.MaximumRecordAge {
				return fmt.Errorf("record %s is given up at an age of %s", r.SequenceNumber, age)
			}
		}
		if a.Invocations < 1 || a.Cause != batch.None {
			return fmt.Errorf("count is %d, cause %s", a.Invocations, a.Cause)
		}
	case a.Condition != batch.RetryAttemptsExhausted || w.retries < 0 || a.Invocations != w.retries+1:
		return fmt.Errorf("condition %q with count %d under %d retries", a.Condition, a.Invocations, w.retries)
	case a.Cause != batch.TooLarge && c.attempts == 0:
		return fmt.Errorf("given up without an invocation")
	}
	return nil
}

// resolved notes that the first n records of what ran under an ID are done with, and the state that they led to.
func (w *watcher) resolved(c *call, n int, f fate, state []byte) {
	switch {
	case c.final:
		w.closed()
	case f == succeeded && w.p.TumblingWindow > 0:
		w.windows.state = state
	}
	for _, i := range c.records[:n] {
		w.fates[i] = f
		w.ever[i]++
		if f == delivered || f == dropped {
			w.docs[i]++
		}
	}
}

// committed checks a Commit.
func (w *watcher) committed(read int, a *batch.Commit) error {
	front := w.resume
	for front < read && (w.fates[front] != pending || w.stream[front].Filtered) {
		front++
	}
	switch {
	case w.ended:
		return fmt.Errorf("it comes behind the last one")
	case a.Version != w.version+1:
		return fmt.Errorf("version is %d, want %d", a.Version, w.version+1)
	case a.Position.Compare(w.position) < 0:
		return fmt.Errorf("position falls from %s", w.position)
	case front > 0 && a.Position.Compare(batch.PositionOf(&w.stream[front-1])) > 0:
		return fmt.Errorf("record %s is not resolved", recordName(&w.stream[front]))
	case a.ResolvedUpTo.Before(w.upTo) || a.ClosedUpTo.Before(w.closedUpTo):
		return fmt.Errorf("a time falls: %+v", a)
	case a.ClosedUpTo.After(w.windows.seen):
		return fmt.Errorf("windows up to %s are closed, after all that was offered", a.ClosedUpTo)
	case front == 0 && !a.Position.IsZero():
		return fmt.Errorf("nothing is resolved")
	case a.End && front < read:
		return fmt.Errorf("end, though record %s is not resolved", recordName(&w.stream[front]))
	case a.End && w.windows.state != nil:
		return fmt.Errorf("end, though a window is open")
	}
	if err := w.openAs(a.Window); err != nil {
		return err
	}
	w.version, w.position, w.ended = a.Version, a.Position, a.End
	w.upTo, w.closedUpTo = a.ResolvedUpTo, a.ClosedUpTo
	return nil
}

// finished checks that every record before read came to its end, and how often.
func (w *watcher) finished(read int) error {
	for i := range w.stream[:read] {
		r := &w.stream[i]
		switch {
		case r.Filtered && w.ever[i] > 0:
			return fmt.Errorf("filtered record %s was seen", recordName(r))
		case !r.Filtered && w.ever[i] == 0:
			return fmt.Errorf("record %s is lost", recordName(r))
		case w.crashes == 0 && (w.ever[i] > 1 || w.docs[i] > 1):
			return fmt.Errorf("record %s came to %d ends and %d documents without a crash", recordName(r), w.ever[i], w.docs[i])
		case r.Filtered:
			continue
		}
		if err := w.summed(i); err != nil {
			return err
		}
	}
	return nil
}
