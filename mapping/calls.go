package mapping

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

// lastCall is what a lane called last: an unchanged retry of the same batch keeps its request ID, and the document of a
// batch that is given up tells of its last invocation.
type lastCall struct {
	id        batch.ID
	requestID string
	began     time.Time
	running   bool
	invoking  Invoking
	result    invoke.Result  // of its last invocation
	tooLarge  batch.Position // the last record that was told to be too large
}

// callEnd is how a call ended: an invocation or, with discarded set, a discard.
type callEnd struct {
	lane      int
	id        batch.ID
	outcome   batch.Outcome
	result    invoke.Result
	err       error // of a delivery
	duration  time.Duration
	discarded *batch.Discard
}

// begin takes note of a call that begins in a lane.
func (s *shard) begin(now time.Time, lane int, id batch.ID) *lastCall {
	c := &s.calls[lane]
	if c.id != id {
		*c = lastCall{id: id, requestID: uuid.NewString(), tooLarge: c.tooLarge}
	}
	c.began, c.running = now, true
	s.running++
	return c
}

// invoke starts an invocation, whose end is sent to ends; that never blocks.
func (s *shard) invoke(now time.Time, a *batch.Invoke) {
	c := s.begin(now, a.Lane, a.ID)
	c.invoking = Invoking{Shard: s.info.ID, Lane: a.Lane, RequestID: c.requestID, Attempt: a.Attempt, Records: len(a.Records)}
	if n := len(a.Records); n > 0 {
		c.invoking.IteratorAge = max(0, now.Sub(a.Records[n-1].ArrivalTime))
	}
	call(s.m.cfg.Observer.Invoking, c.invoking)
	in := &invoke.Invocation{
		RequestID: c.requestID, FunctionARN: s.m.functionARN, Attempt: a.Attempt,
		Event: invoke.NewEvent(s.origin, a.Records, a.Window),
	}
	lane, id := a.Lane, a.ID
	// The loop waits for its end, unless the function ignores its ctx: then nobody can.
	invoke.Start(s.ctx, s.m.cfg.Function, in, s.m.invokeOptions, func(result invoke.Result, outcome batch.Outcome) {
		s.ends <- callEnd{lane: lane, id: id, outcome: outcome, result: result, duration: time.Since(now)}
	})
}

// report tells the Scheduler how a call ended. After the lease was lost nothing counts any more, and a call that was cut
// short by a stop only comes again.
func (s *shard) report(e callEnd) {
	c := &s.calls[e.lane]
	c.running = false
	s.running--
	cause := context.Cause(s.ctx)
	if errors.Is(cause, ErrLeaseLost) {
		return
	}
	if cause != nil && (e.outcome.Kind == batch.NotRun || e.outcome.Kind == batch.None) {
		s.wasCut = true
		return
	}
	verdict := s.sched.Report(time.Now(), e.id, e.outcome)
	if e.discarded != nil {
		s.toldDiscarded(c, e)
		return
	}
	c.result = e.result
	s.toldInvoked(c, e, verdict)
}

// toldInvoked tells the world outside of an invocation's end.
func (s *shard) toldInvoked(c *lastCall, e callEnd, verdict batch.Verdict) {
	failed := c.invoking.Records - verdict.Resolved
	ran := e.outcome.Kind != batch.NotRun
	s.m.counts.invocation(c.invoking.Records, failed, ran)
	s.m.result(resultOf(e.outcome.Kind, verdict))
	call(s.m.cfg.Observer.Invoked, Invoked{
		Invoking: c.invoking, Duration: e.duration, Outcome: e.outcome.Kind,
		Failed: failed, Step: verdict.Step, Delay: verdict.Delay, Err: e.result.Err,
	})
	if verdict.Step == batch.Resolved {
		return
	}
	log := s.log.With("requestId", c.requestID, "attempt", c.invoking.Attempt, "records", c.invoking.Records,
		"outcome", e.outcome.Kind.String(), "error", e.result.Err)
	switch verdict.Step {
	case batch.Continued:
		log.Warn("records failed: the batch goes on from the first of them", "failed", failed)
	case batch.Retried:
		log.Warn("invocation failed, will be tried again", "delay", verdict.Delay)
	case batch.Bisected:
		log.Warn("invocation failed: the batch is bisected")
	case batch.Exhausted:
		log.Warn("invocation failed, and no retry is left")
	case batch.Resolved, batch.Ignored:
	}
}

// resultOf returns AWS's word for what an invocation came to.
func resultOf(kind batch.OutcomeKind, v batch.Verdict) string {
	switch {
	case v.BadItem:
		return resultBadItem
	case kind == batch.Success:
		return resultOK
	}
	return resultFailed
}
