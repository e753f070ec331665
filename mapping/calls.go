package mapping

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/observe"
)

// lastCall is the last call of a lane: an unchanged retry of the same batch keeps its request ID, and the document of a
// discarded batch describes its last invocation.
type lastCall struct {
	id         batch.ID
	requestID  string
	began      time.Time
	running    bool
	discarding bool     // the running call is a delivery
	reminder   reminder // of the running call
	lastError  string   // of the batch in hand, bounded; empty before a failure
	invoking   observe.Invoking
	next       *invoke.Invocation // the next one to start
	work       chan<- invocation  // to the lane's goroutine, nil without one
	result     invoke.Result      // of its last invocation
	tooLarge   tooLarge           // what was last reported as too large
}

// callEnd is the end of a call: an invocation or, with discarded set, a discard.
type callEnd struct {
	lane      int
	id        batch.ID
	outcome   batch.Outcome
	began     time.Time
	result    invoke.Result
	gone      bool           // the function ended the lane's goroutine
	discarded *batch.Discard // of a delivery
	err       error          // of a delivery
}

// calls collects the ends of a shard's calls. Its channel is never full: a lane has one call at a time.
type calls struct {
	c chan callEnd

	mu sync.Mutex
	// left counts the stragglers: calls that outlive the loop, whose outcomes do not count.
	left int
	// closed is set when everything else of the shard has ended, including its last commit.
	closed bool
}

// add takes the end of a call. The last straggler of a closed shard reports that the shard has ended completely.
func (c *calls) add(s *shard, e callEnd) {
	if c.wasLast(e) {
		s.outlived()
	}
}

// wasLast passes the end of a call to the loop, or reports that it was the last straggler, and the shard is closed.
func (c *calls) wasLast(e callEnd) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 {
		c.c <- e
		return false
	}
	c.left--
	return c.left == 0 && c.closed
}

// leave stops waiting for running calls, and returns the ends that arrived before.
func (c *calls) leave(s *shard) (ends []callEnd) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.c) > 0 {
		ends = append(ends, <-c.c)
	}
	c.left = s.running - len(ends)
	return ends
}

// close records that everything except the stragglers has ended, and reports whether there are any. If so, the last of
// them calls outlived; if not, the caller does the remaining work.
func (c *calls) close() (stragglers bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return c.left > 0
}

// begin records a call that begins in a lane.
func (s *shard) begin(now time.Time, lane int, id batch.ID, discarding bool) *lastCall {
	c := &s.calls[lane]
	if c.id != id {
		*c = lastCall{id: id, requestID: uuid.NewString(), work: c.work, tooLarge: c.tooLarge}
	}
	c.began, c.running, c.discarding = now, true, discarding
	c.reminder = remindAfter(now, s.deps.cfg.WarnAfter)
	s.running++
	return c
}

// invoke prepares an invocation for start.
func (s *shard) invoke(now time.Time, a *batch.Invoke) {
	c := s.begin(now, a.Lane, a.ID, false)
	c.invoking = observe.Invoking{Shard: s.info.ID, Lane: a.Lane, RequestID: c.requestID, Attempt: a.Attempt, Records: a.Records.Len()}
	if n := a.Records.Len(); n > 0 && !a.Records.At(n-1).ArrivalTime.IsZero() {
		c.invoking.IteratorAge = max(0, s.sched.SourceTime(now).Sub(a.Records.At(n-1).ArrivalTime))
	}
	call(s.deps.observer.Invoking, c.invoking)
	c.next = &invoke.Invocation{
		RequestID: c.requestID, FunctionARN: s.deps.cfg.functionARN, Attempt: a.Attempt,
		Event: invoke.NewEvent(s.origin, a.Records, a.Window),
	}
}

// start starts the prepared invocations, each in the goroutine of its lane, which lasts for as long as one invocation
// follows another.
func (s *shard) start() {
	for lane := range s.calls {
		c := &s.calls[lane]
		switch {
		case c.next != nil:
			if c.work == nil {
				work := make(chan invocation, 1)
				c.work = work
				go s.work(lane, work) // it ends when work is closed; the loop waits for what it runs
			}
			c.work <- invocation{in: c.next, id: c.id, began: c.began}
			c.next = nil
		case c.work != nil && !c.running:
			close(c.work)
			c.work = nil
		}
	}
}

// rest ends the goroutines of all lanes, as soon as their functions return.
func (s *shard) rest() {
	for lane := range s.calls {
		if c := &s.calls[lane]; c.work != nil {
			close(c.work)
			c.work = nil
		}
	}
}

// invocation is the input of a lane's goroutine.
type invocation struct {
	in    *invoke.Invocation
	id    batch.ID
	began time.Time
}

// work is the goroutine of a lane: it runs its invocations, and sends each end to ends, which never blocks. A function
// that ends its goroutine by runtime.Goexit ends this one. Under a lost lease nothing is run.
func (s *shard) work(lane int, in <-chan invocation) {
	e := callEnd{lane: lane}
	running := false
	defer func() {
		if running {
			e.gone = true
			s.ends.add(s, e)
		}
	}()
	for i := range in {
		e.id, e.began, running = i.id, i.began, true
		if s.deps.isFenced() { // again: the process may have been suspended since the loop checked
			s.lose(driver.ErrLeaseLost)
		}
		invoke.RunHere(s.ctx, s.deps.cfg.Function, i.in, s.deps.invokeOptions, &e.result, &e.outcome)
		running = false
		s.ends.add(s, e)
	}
}

// report reports the end of a call to the Scheduler. After the loss of the lease nothing counts any more, and a call
// that a stop cut short is repeated.
func (s *shard) report(e callEnd) {
	c := &s.calls[e.lane]
	c.running = false
	c.ended(s, e.lane)
	s.running--
	if e.gone {
		c.work = nil
	}
	cause := context.Cause(s.ctx)
	if errors.Is(cause, driver.ErrLeaseLost) {
		s.ignored(c, &e)
		return
	}
	if cause != nil && e.outcome.Kind != batch.Success && e.outcome.Kind != batch.Delivered {
		s.wasCut = true
		s.ignored(c, &e)
		return
	}
	if e.outcome.Kind == batch.None {
		return
	}
	verdict := s.sched.Report(time.Now(), e.id, e.outcome)
	c.noteError(&e, verdict)
	if e.discarded != nil {
		s.toldDiscarded(c, e)
		return
	}
	c.result = e.result
	s.reportInvoked(c, e, verdict)
}

// maxErrorText bounds the text of an error in Status.
const maxErrorText = 1024

// noteError keeps the text of a failure for Status, until the batch is resolved.
func (c *lastCall) noteError(e *callEnd, verdict batch.Disposition) {
	err := e.result.Err
	if e.discarded != nil {
		err = e.err
	}
	switch {
	case err != nil:
		c.lastError = strings.ToValidUTF8(clip(err.Error()), "")
	case verdict.Step == batch.Resolved:
		c.lastError = ""
	}
}

func clip(text string) string { return text[:min(len(text), maxErrorText)] }

// ignored reports the end of an invocation that does not count to the Observer: each Invoking has its Invoked.
func (s *shard) ignored(c *lastCall, e *callEnd) {
	if e.discarded != nil {
		return
	}
	err := e.result.Err
	if cause := context.Cause(s.ctx); err == nil {
		err = cause
	} else if cause != nil && !errors.Is(err, cause) && !errors.Is(err, ErrStillRunning) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	call(s.deps.observer.Invoked, observe.Invoked{
		Invoking: c.invoking, Duration: time.Since(c.began), Outcome: e.outcome.Kind, Failed: c.invoking.Records,
		Step: batch.Ignored, Err: err,
	})
}

// abandon reports to the Observer the invocations that outlive the shard, and returns an error that names them.
func (s *shard) abandon() error {
	err := s.stillRunning()
	for i := range s.calls {
		if c := &s.calls[i]; c.running && !c.discarding {
			s.ignored(c, &callEnd{result: invoke.Result{Err: err}})
		}
	}
	return err
}

// reportInvoked reports an invocation's end to the log and the Observer.
func (s *shard) reportInvoked(c *lastCall, e callEnd, verdict batch.Disposition) {
	failed := c.invoking.Records - verdict.Resolved
	s.deps.counts.invocation(e.outcome.Kind, c.invoking.Records, failed)
	s.deps.result(resultOf(e.outcome.Kind, verdict))
	call(s.deps.observer.Invoked, observe.Invoked{
		Invoking: c.invoking, Duration: time.Since(e.began), Outcome: e.outcome.Kind,
		Failed: failed, Step: verdict.Step, Delay: verdict.Delay, Err: e.result.Err,
	})
	if verdict.Step == batch.Resolved {
		s.warnUnreported(e)
		return
	}
	outcome := e.outcome.Kind.String()
	if e.outcome.Kind == batch.Success && failed > 0 {
		outcome = "partial-failure"
	}
	log := s.log.With("requestId", c.requestID, "attempt", c.invoking.Attempt, "records", c.invoking.Records, "outcome", outcome)
	if e.result.Err != nil {
		log = log.With("error", e.result.Err)
	}
	switch {
	case verdict.BadItem:
		log = log.With("problem", "a failed item is not a record of the batch, so the whole batch counts as failed")
	case s.unreported(e):
		log = log.With("problem", "the function named failed items, which do not count: "+unsetReporting)
	}
	switch verdict.Step {
	case batch.Continued:
		log.Warn("records failed: the batch resumes from the first of them", "failed", failed)
	case batch.Retried:
		log.Warn("invocation failed: the batch is retried", "delay", verdict.Delay.String())
	case batch.Bisected:
		log.Warn("invocation failed: the batch is bisected")
	case batch.Exhausted:
		log.Warn("invocation failed, and no retry is left")
	case batch.Resolved, batch.Ignored:
	}
}

// resultOf returns AWS's text for the result of an invocation.
func resultOf(kind batch.OutcomeKind, v batch.Disposition) string {
	switch {
	case v.BadItem:
		return resultBadItem
	case kind == batch.Success:
		return resultOK
	}
	return resultFailed
}

// unsetReporting names the setting that makes failed items count.
const unsetReporting = "FunctionResponseTypes of the mapping lacks ReportBatchItemFailures"

// unreported reports, once per mapping, that a function failed by naming items although the mapping does not report
// item failures.
func (s *shard) unreported(e callEnd) bool {
	_, named := errors.AsType[*invoke.FailedItemsError](e.result.Err)
	return named && !s.deps.invokeOptions.ReportBatchItemFailures && !s.deps.warnedUnreported.Swap(true)
}

// warnUnreported warns, once per mapping, of a successful answer with failed items although the mapping does not report
// item failures. As on AWS the answer is a success: the records are passed.
func (s *shard) warnUnreported(e callEnd) {
	if s.deps.invokeOptions.ReportBatchItemFailures || s.deps.warnedUnreported.Load() || !namesItems(&e.result) {
		return
	}
	if !s.deps.warnedUnreported.Swap(true) {
		s.log.Warn("the function's answer names failed items, which do not count: "+unsetReporting, "requestId", s.calls[e.lane].requestID)
	}
}

// namesItems reports whether an answer has a batchItemFailures with a member.
func namesItems(r *invoke.Result) bool {
	if r.Response != nil {
		return len(r.Response.FailedItems) > 0
	}
	return bytes.Contains(r.Payload, []byte(`"batchItemFailures"`)) && len(invoke.ParseResponse(r.Payload).FailedItems) > 0
}
