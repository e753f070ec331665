package batch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// laneReference is a second opinion on one lane: the life of its batches written down from top to bottom, as a program that
// blocks on each invocation would have it. It shares nothing with the model but the questions.
type laneReference struct {
	p       batch.Policy
	retries int
	pages   []timedPage
	answers *answers

	now    time.Time
	window time.Time
	queue  []batch.Record
	ids    int
	lines  []string
}

// timedPage is a page and when it is offered.
type timedPage struct {
	at   time.Time
	page batch.Page
}

// answers is a function that decides by the records and the number of the invocation alone, so that two who ask for the
// same get the same.
type answers struct {
	seed  uint64
	calls int
}

func (a *answers) next(records []batch.Record) (batch.Outcome, time.Duration) {
	a.calls++
	c := newSeedChooser(a.seed + uint64(a.calls))
	o := randomOutcome(c, records)
	if a.calls > 60 {
		o = batch.Outcome{Kind: batch.Success}
	}
	return o, oneOf[time.Duration](c, 0, 0, 30*time.Millisecond, time.Second, 7*time.Second)
}

// take moves the pages that have come by now into the queue.
func (l *laneReference) take() {
	for len(l.pages) > 0 && !l.pages[0].at.After(l.now) {
		for _, r := range l.pages[0].page.Records {
			if r.Filtered {
				continue
			}
			if len(l.queue) == 0 && l.window.Before(l.pages[0].at) {
				l.window = l.pages[0].at
			}
			l.queue = append(l.queue, r)
		}
		l.pages = l.pages[1:]
	}
}

// all lives through all pages and returns what happened.
func (l *laneReference) all() []string {
	for {
		l.take()
		switch due := l.gather(); {
		case len(due) > 0:
			l.queue = l.queue[len(due):]
			l.batch(due)
		case len(l.pages) == 0:
			return l.lines
		}
	}
}

// gather waits until a batch is due and returns it; nothing when the queue or the wait ended otherwise.
func (l *laneReference) gather() []batch.Record {
	if len(l.queue) == 0 {
		if len(l.pages) > 0 {
			l.now = l.pages[0].at
		}
		return nil
	}
	n := 1
	for n < len(l.queue) && n < l.p.BatchSize && l.fits(l.queue[:n+1]) {
		n++
	}
	full := n < len(l.queue) || n == l.p.BatchSize || !l.fits(append(l.queue[:n:n], batch.Record{}))
	until := l.window.Add(l.p.MaximumBatchingWindow)
	if full || len(l.pages) == 0 || !until.After(l.now) {
		return l.queue[:n]
	}
	for old := n; old > 0; old-- {
		if !slices.ContainsFunc(l.queue[:old], func(r batch.Record) bool { return !l.old(r) }) {
			return l.queue[:old]
		}
	}
	if tooOld := l.queue[0].ArrivalTime.Add(l.p.MaximumRecordAge + 1); l.p.MaximumRecordAge > 0 && tooOld.Before(until) {
		until = tooOld
	}
	if l.pages[0].at.Before(until) {
		until = l.pages[0].at
	}
	l.now = until
	return nil
}

func (l *laneReference) old(r batch.Record) bool {
	return l.p.MaximumRecordAge > 0 && l.now.Sub(r.ArrivalTime) > l.p.MaximumRecordAge
}

func (l *laneReference) fits(records []batch.Record) bool {
	size := l.p.EnvelopeSize + len(records) - 1
	for _, r := range records {
		size += r.Size
	}
	return size <= l.p.PayloadLimit
}

// batch does the reference algorithm with one batch: it returns when all of it is done with.
func (l *laneReference) batch(b []batch.Record) {
	id, attempts, ran, spent, failures := 0, 0, 0, 0, 0
	var notBefore time.Time
	for {
		old := l.wait(b, notBefore)
		if id == 0 && (old > 0 || l.fits(b)) {
			l.ids++
			id = l.ids
		}
		if old > 0 {
			l.linef("discard id=%d RecordAgeExceeded count=%d%s", id, max(1, ran), positions(b[:old]))
			if b = b[old:]; len(b) == 0 {
				return
			}
			id, attempts = 0, 0
			continue
		}
		o := batch.Outcome{Kind: batch.TooLarge}
		if l.fits(b) {
			attempts++
			l.linef("invoke id=%d attempt=%d%s", id, attempts, positions(b))
			o = l.invoke(b)
		}
		if o.Kind == batch.Success || o.Kind == batch.FunctionError {
			ran++
		}
		if o.Kind == batch.Success {
			good := l.good(b, o.FailedItems)
			if good > 0 && good < len(b) {
				l.batch(b[good:])
			}
			if good > 0 {
				return
			}
		}
		if o.Kind != batch.NotRun && l.p.BisectBatchOnFunctionError && len(b) > 1 {
			l.batch(b[:len(b)/2])
			l.batch(b[len(b)/2:])
			return
		}
		if o.Kind != batch.NotRun {
			spent++
		}
		if l.retries >= 0 && spent > l.retries {
			if id == 0 {
				l.ids++
				id = l.ids
			}
			l.linef("discard id=%d RetryAttemptsExhausted count=%d%s", id, spent, positions(b))
			return
		}
		notBefore = l.now.Add(min(time.Minute, 200*time.Millisecond<<min(failures, 20)))
		failures++
	}
}

// wait lets time pass until notBefore, or until records are too old, and returns how many leading ones are.
func (l *laneReference) wait(b []batch.Record, notBefore time.Time) int {
	first := b[0].ArrivalTime.Add(l.p.MaximumRecordAge + 1)
	if l.p.MaximumRecordAge > 0 && first.Before(notBefore) {
		notBefore = first
	}
	if notBefore.After(l.now) {
		l.now = notBefore
	}
	n := 0
	for n < len(b) && l.old(b[n]) {
		n++
	}
	return n
}

func (l *laneReference) invoke(b []batch.Record) batch.Outcome {
	o, takes := l.answers.next(b)
	l.now = l.now.Add(takes)
	l.window = l.now
	return o
}

// good returns how many leading records succeeded.
func (l *laneReference) good(b []batch.Record, items []string) int {
	good := len(b)
	for _, item := range items {
		at := slices.IndexFunc(b, func(r batch.Record) bool { return r.SequenceNumber == item })
		if at < 0 && l.p.ReportBatchItemFailures {
			return 0
		}
		if l.p.ReportBatchItemFailures {
			good = min(good, at)
		}
	}
	return good
}

func (l *laneReference) linef(format string, args ...any) {
	l.lines = append(l.lines, fmt.Sprint(l.now.Sub(worldStart), " ", fmt.Sprintf(format, args...)))
}

// schedulerLines lives through the same with a Scheduler.
func schedulerLines(p batch.Policy, pages []timedPage, a *answers) []string {
	s, err := batch.New(p, batch.Commit{})
	if err != nil {
		return []string{err.Error()}
	}
	now := worldStart
	var lines []string
	var id batch.ID // what runs; 0: nothing
	var outcome batch.Outcome
	var ends time.Time
	for len(lines) < 5000 {
		for len(pages) > 0 && !pages[0].at.After(now) {
			s.Offer(now, pages[0].page)
			pages = pages[1:]
		}
		if id != 0 && !ends.After(now) {
			s.Report(now, id, outcome)
			id = 0
		}
		for _, action := range s.Next(now) {
			switch x := action.(type) {
			case *batch.Invoke:
				lines = append(lines, fmt.Sprintf("%s invoke id=%d attempt=%d%s", now.Sub(worldStart), x.ID, x.Attempt, positions(copied(x.Records))))
				var takes time.Duration
				outcome, takes = a.next(copied(x.Records))
				id, ends = x.ID, now.Add(takes)
			case *batch.Discard:
				lines = append(lines, fmt.Sprintf("%s discard id=%d %s count=%d%s", now.Sub(worldStart), x.ID, x.Condition, x.Invocations, positions(copied(x.Records))))
				id, ends, outcome = x.ID, now, batch.Outcome{Kind: batch.Delivered}
			}
		}
		at, ok := s.Wake(now)
		if id != 0 && (!ok || ends.Before(at)) {
			at, ok = ends, true
		}
		if len(pages) > 0 && (!ok || pages[0].at.Before(at)) {
			at, ok = pages[0].at, true
		}
		if !ok {
			break
		}
		now = at
	}
	return lines
}

// randomPages returns the pages of a shard and when they are read. The last one ends the shard.
func randomPages(c chooser, p batch.Policy) []timedPage {
	stream := randomStream(c, p)
	var pages []timedPage
	at := worldStart
	for len(stream) > 0 {
		n := min(1+c.choose(8), len(stream))
		for i := range stream[:n] {
			stream[i].Data = nil
			stream[i].ArrivalTime = at.Add(-time.Second * oneOf[time.Duration](c, 0, 0, 0, 10, 30, 59, 60, 61, 120))
		}
		pages = append(pages, timedPage{at: at, page: batch.Page{Records: stream[:n:n]}})
		stream = stream[n:]
		at = at.Add(oneOf[time.Duration](c, 200*time.Millisecond, time.Second, time.Second, 5*time.Second, 70*time.Second))
	}
	return append(pages, timedPage{at: at, page: batch.Page{End: true}})
}

// TestLaneReference compares all that one lane does, and when, with the reference.
func TestLaneReference(t *testing.T) {
	parallelSeeds(t, func(seed uint64, trace *strings.Builder) error {
		c := newSeedChooser(seed)
		p := randomPolicy(c)
		p.ParallelizationFactor, p.BufferBytes, p.Seed, p.TumblingWindow = 1, 0, 0, 0
		pages := randomPages(c, p)
		filled := newModel(p, nil, mark{}, batch.Commit{})
		l := &laneReference{p: filled.p, retries: filled.retries, pages: pages, answers: &answers{seed: seed}, now: worldStart, window: worldStart}
		want := l.all()
		got := schedulerLines(p, pages, &answers{seed: seed})
		if trace != nil {
			fmt.Fprintf(trace, "policy %+v\n", p)
			for _, page := range pages {
				fmt.Fprintf(trace, "%s offer%s\n", page.at.Sub(worldStart), positions(page.page.Records))
			}
			fmt.Fprintf(trace, "got\n%s\nwant\n%s\n", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("the trace differs from that of the reference")
		}
		return nil
	})
}
