package batch_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// schedule is one random life of a shard, through a Scheduler, a model that must say the same, and a watcher.
type schedule struct {
	chooser
	trace *strings.Builder // nil: no trace

	p      batch.Policy
	stream []batch.Record
	now    time.Time
	ahead  time.Duration // of the source's clock, whether the Scheduler knows it or not
	s      *batch.Scheduler
	m      *model
	w      *watcher

	read    int // records of the stream that some Offer brought, in any epoch
	running []run
	past    []batch.ID
	commits []durable // what a crash may come back to, the oldest first
	err     error

	calm bool // no event since the last Next, so that nothing new may come before Wake
	wake time.Time
}

// run is an invocation or a discard under way.
type run struct {
	id      batch.ID
	lane    int
	records []batch.Record
	discard bool
	window  *batch.Window
}

// durable is a Commit and how far it goes.
type durable struct {
	commit batch.Commit
	mark   mark
}

// runSchedule makes a schedule from choices and returns what went wrong in it.
func runSchedule(c chooser, trace *strings.Builder) error {
	s := &schedule{chooser: c, trace: trace, now: worldStart, p: randomPolicy(c)}
	s.stream = randomStream(c, s.p)
	s.w = newWatcher(s.p, s.stream)
	s.logf("policy %+v, %d records", s.p, len(s.stream))
	s.begin(durable{})
	crashes := chance(c, 3)
	for steps := 10 + c.choose(50); steps > 0 && s.err == nil; steps-- {
		s.act(crashes)
	}
	s.comeToRest()
	return s.err
}

func (s *schedule) logf(format string, args ...any) {
	if s.trace != nil {
		fmt.Fprintf(s.trace, "%s %s\n", s.now.Sub(worldStart), shorten(fmt.Sprintf(format, args...)))
	}
}

// shorten leaves most of a state out that is too large.
func shorten(line string) string {
	return strings.ReplaceAll(line, strings.Repeat("x", 1<<20-100), "x...")
}

// failf keeps the first thing that went wrong.
func (s *schedule) failf(format string, args ...any) {
	if s.err == nil {
		s.err = errors.New(shorten(fmt.Errorf(format, args...).Error()))
		s.logf("FAILED: %v", s.err)
	}
}

// begin makes the Scheduler of an epoch.
func (s *schedule) begin(d durable) {
	var err error
	if s.s, err = batch.New(s.p, d.commit); err != nil {
		s.failf("new: %v", err)
		s.s, _ = batch.New(batch.Policy{}, batch.Commit{})
	}
	s.m = newModel(s.p, s.stream, d.mark, d.commit)
	s.w.epoch(d.commit, d.mark.front)
	s.commits, s.running, s.past, s.calm = []durable{d}, nil, nil, false
	s.logf("begin at %s", d.commit.Position)
	if chance(s, 2) {
		s.tellTime()
	}
	s.next()
}

// tellTime says what the source's clock shows.
func (s *schedule) tellTime() {
	s.logf("the source's clock is ahead by %s", s.ahead)
	s.s.SetSourceTime(s.now, s.sourceNow())
	s.m.ahead, s.w.ahead = s.ahead, s.ahead
	s.calm = false
}

func (s *schedule) sourceNow() time.Time { return s.now.Add(s.ahead) }

// act does one random thing.
func (s *schedule) act(crashes bool) {
	switch s.choose(15) {
	case 0, 1:
		s.offer(s.choose(9), chance(s, 4))
	case 2, 3, 4, 5:
		s.reportOne(s.randomEnd)
	case 6:
		s.reportNonsense()
	case 7, 8:
		if at, ok := s.s.Wake(s.now); ok {
			s.advance(at.Sub(s.now))
		}
	case 9:
		s.advance(oneOf(s, time.Millisecond, 200*time.Millisecond, time.Second, 5*time.Second, 20*time.Second, 61*time.Second, 59*time.Minute))
	case 10:
		if crashes && chance(s, 3) {
			s.crash()
		}
	case 11:
		if crashes && chance(s, 10) {
			s.stop()
		}
	case 12:
		s.ahead = oneOf(s, 0, 2*time.Hour, -2*time.Hour, 7*time.Second, -7*time.Second, 90*time.Second)
		s.tellTime()
		s.next()
	case 13:
		s.starve()
	case 14:
		s.hurry(s.choose(3) == 0)
	}
}

// starve reads nothing for a while, from a source that says it is behind.
func (s *schedule) starve() {
	lag := oneOf(s, 500*time.Millisecond, 5*time.Second, 73*time.Minute)
	step := oneOf(s, 0, 0, time.Millisecond, -time.Millisecond, -20*time.Millisecond, -3*time.Second, 7*time.Second)
	pause := oneOf(s, time.Second, 5*time.Second, 9*time.Second, 11*time.Second, 4*time.Minute, 6*time.Minute)
	for n := s.choose(oneOf(s, 2, 10, 20, 100)); n > 0 && s.err == nil; n-- {
		s.readPage(0, false, batch.Page{Behind: max(0, lag)})
		s.advance(pause)
		lag += step
	}
}

// offer reads up to n more records, caught up or behind; the last page may say so.
func (s *schedule) offer(n int, end bool) {
	var p batch.Page
	switch s.choose(4) {
	case 0, 1: // the read began before now
		p.CaughtUpTo = s.sourceNow().Add(-oneOf(s, 0, 0, time.Second, 30*time.Second))
	case 2:
		p.Behind = oneOf(s, time.Millisecond, 5*time.Second, time.Hour)
	}
	s.readPage(n, end, p)
}

// readPage reads up to n more records in a page; the last page may say so. Nothing is read without room, as a reader would have it.
func (s *schedule) readPage(n int, end bool, p batch.Page) {
	if s.m.ended || s.s.Room() <= 0 {
		return
	}
	from := s.m.read
	to := min(from+n, len(s.stream))
	for i := max(from, s.read); i < to; i++ { // it arrives now, or a while ago, once and for all
		s.stream[i].ArrivalTime = s.sourceNow().Add(-time.Second * oneOf[time.Duration](s, 0, 0, 0, 10, 30, 59, 60, 61, 120))
	}
	s.read = max(s.read, to)
	back := 0
	if s.choose(3) == 0 { // a reader may see again what it has read
		back = min(s.choose(4), from)
	}
	p.Records, p.End = s.stream[from-back:to:to], end && to == len(s.stream)
	s.m.offer(s.now, to, p)
	s.w.offered(s.now, to, p)
	s.logf("offer %s end=%t, caught up to %s, behind %s", positions(p.Records), p.End, p.CaughtUpTo.Sub(worldStart), p.Behind)
	s.s.Offer(s.now, p)
	s.calm = false
	s.next()
}

// advance lets time pass; whatever is due is wanted by Next at the end of it.
func (s *schedule) advance(d time.Duration) {
	s.now = s.now.Add(max(0, d))
	s.next()
}

// hurry lets batching windows no longer count, or count again. A new Scheduler knows nothing of it.
func (s *schedule) hurry(on bool) {
	s.logf("hurry %t", on)
	s.s.Hurry(on)
	s.m.hurried, s.calm = on, false
	s.next()
}

// reportOne ends something that runs.
func (s *schedule) reportOne(outcome func(run) batch.Outcome) {
	if len(s.running) == 0 {
		return
	}
	i := s.choose(len(s.running))
	r := s.running[i]
	o := batch.Outcome{Kind: batch.Delivered}
	switch {
	case !r.discard:
		o = outcome(r)
	case chance(s, 3):
		o.Kind = batch.Dropped
	}
	s.running = slices.Delete(s.running, i, i+1)
	s.past = append(s.past, r.id)
	s.report(r, o)
	s.next()
}

// randomEnd is what an invocation comes to. With tumbling windows most successes have a state.
func (s *schedule) randomEnd(r run) batch.Outcome {
	o := randomOutcome(s, r.records)
	if s.p.TumblingWindow > 0 && chance(s, 8) {
		return o
	}
	return s.withState(r, o)
}

// withState adds the state that stands for the records that succeed.
func (s *schedule) withState(r run, o batch.Outcome) batch.Outcome {
	if s.p.TumblingWindow == 0 || o.Kind != batch.Success {
		return o
	}
	records := s.w.calls[r.id].records
	if s.p.ReportBatchItemFailures {
		if first := s.m.lowest(records, o.FailedItems); first >= 0 { // else all of it fails
			records = records[:min(first, len(records))]
		}
	}
	o.State = s.w.windows.sums.next(s, s.p, r.window.State, records)
	return o
}

func (s *schedule) report(r run, o batch.Outcome) {
	want := s.m.report(s.now, r.lane, o)
	got := s.s.Report(s.now, r.id, o)
	s.logf("report %d %s %q: %s", r.id, o.Kind, o.FailedItems, dispositionLine(got))
	s.calm = false
	jitter := got.Delay - want.Delay
	if jitter != 0 && (s.p.Seed == 0 || jitter < 0 || jitter > want.Delay/10) {
		s.failf("report %d %s: delay is %s, want %s", r.id, o.Kind, got.Delay, want.Delay)
	}
	if want.Step == batch.Retried {
		p := &s.m.lanes[r.lane].subBatches[0]
		p.notBefore = p.notBefore.Add(jitter)
	}
	if want.Delay = got.Delay; got != want {
		s.failf("report %d %s: disposition is %+v, want %+v", r.id, o.Kind, got, want)
	}
	c := s.w.running[r.id]
	delete(s.w.running, r.id)
	done := got.Step == batch.Resolved || got.Step == batch.Continued
	switch {
	case done && o.Kind == batch.Delivered:
		s.w.resolved(c, got.Resolved, delivered, nil)
	case done && o.Kind == batch.Dropped:
		s.w.resolved(c, got.Resolved, dropped, nil)
	case done:
		s.w.resolved(c, got.Resolved, succeeded, o.State)
	case o.Kind != batch.NotRun:
		c.spent++
	}
}

// reportNonsense reports what does not run, or what does with an outcome that does not fit it.
func (s *schedule) reportNonsense() {
	id := batch.ID(s.choose(40) - 3)
	if len(s.past) > 0 && chance(s, 2) {
		id = s.past[s.choose(len(s.past))]
	}
	o := batch.Outcome{Kind: batch.OutcomeKind(s.choose(9))}
	for _, r := range s.running {
		if r.id == id && r.discard == (o.Kind == batch.Delivered || o.Kind == batch.Dropped) {
			o.Kind = batch.None
		}
	}
	s.logf("report %d %s, which is nonsense", id, o.Kind)
	if v := s.s.Report(s.now, id, o); v != (batch.Disposition{}) {
		s.failf("report %d %s: disposition is %+v, want none", id, o.Kind, v)
	}
	s.next()
}

// crash forgets the Scheduler and resumes from its last commit, or from the one before, if the last was not yet durable.
func (s *schedule) crash() {
	d := s.commits[max(0, len(s.commits)-1-s.choose(2))]
	s.w.crashes++
	if s.p.TumblingWindow == 0 && chance(s, 3) { // the mapping was updated
		s.p.ParallelizationFactor = oneOf(s, 1, 2, 3, 10)
		s.w.p.ParallelizationFactor = s.p.ParallelizationFactor
	}
	s.resize()
	s.logf("crash, and %d lanes, windows of %s", s.p.ParallelizationFactor, s.p.TumblingWindow)
	s.begin(d)
}

// resize gives windows another size, sometimes, where there are any.
func (s *schedule) resize() {
	if s.p.TumblingWindow > 0 && chance(s, 2) {
		s.p.TumblingWindow = oneOf(s, time.Second, 7*time.Second, 10*time.Second, 60*time.Second, 900*time.Second)
		s.w.p.TumblingWindow = s.p.TumblingWindow
	}
}

// stop lets nothing new start, and hands the shard over when all that runs has ended.
func (s *schedule) stop() {
	s.logf("stop")
	s.s.Stop()
	s.m.stopped = true
	s.calm = false
	s.next()
	for len(s.running) > 0 && s.err == nil {
		s.reportOne(s.randomEnd)
	}
	s.w.crashes++
	s.resize()
	s.begin(s.commits[len(s.commits)-1])
}

// comeToRest lets all outcomes be of one kind from now on, and calls Next only when something happened or Wake says so.
// Everything offered must then come to its end without a further Offer; what was not yet offered follows after that.
func (s *schedule) comeToRest() {
	kind := batch.Success
	switch {
	case finite(s.p) && chance(s, 3):
		kind = batch.FunctionError
	case s.p.MaximumRecordAge > 0 && chance(s, 3):
		kind = batch.NotRun
	}
	s.logf("from now on %s", kind)
	s.tellTime()
	s.next()
	for steps := 0; s.err == nil; steps++ {
		at, ok := s.s.Wake(s.now)
		switch {
		case steps > 20000: // a record that arrived while the source's clock was hours ahead is retried for as long
			s.failf("it does not come to rest")
		case len(s.running) > 0:
			s.reportOne(func(r run) batch.Outcome { return s.withState(r, batch.Outcome{Kind: kind}) })
		case ok && at.After(s.now.Add(8*24*time.Hour)):
			s.failf("wake is at %s", at.Sub(worldStart))
		case ok:
			s.advance(at.Sub(s.now))
		case s.m.front() < s.m.read:
			s.failf("stuck: record %s is not done with", recordName(&s.stream[s.m.front()]))
		case !s.m.ended:
			s.offer(1+s.choose(20), true)
		default:
			s.rested()
			return
		}
	}
}

// rested checks that nothing is left.
func (s *schedule) rested() {
	if records, bytes := s.s.Held(); records != 0 || bytes != 0 || s.s.Room() != s.m.p.BufferBytes {
		s.failf("at rest %d records and %d bytes are held, room is %d of %d", records, bytes, s.s.Room(), s.m.p.BufferBytes)
	}
	if !s.w.ended || !s.s.Ended() {
		s.failf("the end is not committed")
	}
	if err := s.w.finished(len(s.stream)); err != nil {
		s.failf("at rest: %w", err)
	}
}
