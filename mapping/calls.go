package mapping

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

// lastCall is what a lane called last: an unchanged retry of the same batch keeps its request ID.
type lastCall struct {
	id        batch.ID
	requestID string
	began     time.Time
	running   bool
	invoking  Invoking
}

// callEnd is how a call ended.
type callEnd struct {
	lane     int
	id       batch.ID
	outcome  batch.Outcome
	err      error // of an invocation that failed
	invoked  bool  // it was an invocation, not a discard
	duration time.Duration
}

// begin takes note of a call that begins in a lane.
func (s *shard) begin(now time.Time, lane int, id batch.ID) *lastCall {
	c := &s.calls[lane]
	if c.id != id {
		c.id, c.requestID = id, uuid.NewString()
	}
	c.began, c.running = now, true
	s.running++
	return c
}

// invoke starts an invocation in a goroutine of its own, which ends by sending to ends; that never blocks.
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
	go func() { // its end is waited for by loop, unless the function ignores its ctx: then nobody can
		began := time.Now()
		result, outcome := invoke.Run(s.ctx, s.m.cfg.Function, in, s.m.invokeOptions)
		s.ends <- callEnd{lane: lane, id: id, outcome: outcome, err: result.Err, invoked: true, duration: time.Since(began)}
	}()
}

// discard gives records up. There is no on-failure destination yet, so they are dropped.
func (s *shard) discard(now time.Time, a *batch.Discard) {
	s.begin(now, a.Lane, a.ID)
	s.log.Error("records dropped", "condition", string(a.Condition), "records", len(a.Records),
		"first", a.Records[0].SequenceNumber, "last", a.Records[len(a.Records)-1].SequenceNumber)
	s.ends <- callEnd{lane: a.Lane, id: a.ID, outcome: batch.Outcome{Kind: batch.Dropped}}
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
	verdict := s.sched.Report(time.Now(), e.id, e.outcome)
	if cause != nil && e.outcome.Kind == batch.NotRun {
		s.wasCut = true
		return
	}
	if e.invoked {
		s.told(c, e, verdict)
	}
}

// told tells the world outside of an invocation's end.
func (s *shard) told(c *lastCall, e callEnd, verdict batch.Verdict) {
	s.m.result(lastResult(e.outcome.Kind, verdict))
	call(s.m.cfg.Observer.Invoked, Invoked{
		Invoking: c.invoking, Duration: e.duration, Outcome: e.outcome.Kind,
		Step: verdict.Step, Delay: verdict.Delay, Err: e.err,
	})
	if verdict.Step == batch.Retried {
		s.log.Warn("invocation failed, will be tried again", "requestId", c.requestID, "attempt", c.invoking.Attempt,
			"records", c.invoking.Records, "outcome", e.outcome.Kind.String(), "delay", verdict.Delay, "error", e.err)
	}
}

// lastResult returns AWS's word for what an invocation came to.
func lastResult(kind batch.OutcomeKind, v batch.Verdict) string {
	switch {
	case v.BadItem:
		return resultBadItem
	case kind == batch.Success:
		return resultOK
	}
	return resultFailed
}
