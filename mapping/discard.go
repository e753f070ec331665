package mapping

import (
	"context"
	"errors"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping/observe"
)

// deliveryTimeout is the deadline of one delivery, including the retries of the destination's own client, which has
// none. deliveryRetryMax is the maximum pause between two deliveries if the mapping waits for its destination.
const (
	deliveryTimeout  = 30 * time.Second
	deliveryRetryMax = time.Minute
)

// discard discards records: it delivers their document in a goroutine of its own, which ends by sending to ends.
func (s *shard) discard(now time.Time, a *batch.Discard) {
	c := s.begin(now, a.Lane, a.ID, true)
	end := callEnd{lane: a.Lane, id: a.ID, began: now, discarded: a, outcome: batch.Outcome{Kind: batch.Dropped}}
	if s.deps.cfg.destination == nil {
		s.ends.add(s, end)
		return
	}
	f := s.document(now, c, a)
	go func() { // loop waits for its end, as for an invocation's
		end.err = s.deliver(f)
		switch {
		case end.err == nil:
			end.outcome.Kind = batch.Delivered
		case errors.Is(end.err, errStopped):
			end.outcome.Kind = batch.None
		}
		s.ends.add(s, end)
	}()
}

// errStopped is the error of a delivery that a stop prevented: its document is delivered again.
var errStopped = errors.New("stopped while waiting for the destination")

// document returns the content of the on-failure document of a discard.
func (s *shard) document(now time.Time, c *lastCall, a *batch.Discard) *invoke.Failure {
	return &invoke.Failure{
		MappingUUID: s.deps.cfg.uuid, RequestID: c.requestID, FunctionARN: s.deps.cfg.functionARN,
		Condition: a.Condition, Invocations: a.Invocations, Time: now,
		Response: failureResponse(a.Cause, &c.result),
		Event:    invoke.NewEvent(s.origin, a.Records, a.Window),
	}
}

// failureResponse returns the last result of the function if that is the cause of a discard, nil if it is not: the records
// grew too old, or the event was too large.
func failureResponse(cause batch.OutcomeKind, last *invoke.Result) *invoke.FailureResponse {
	if cause != batch.FunctionError && cause != batch.Success {
		return nil
	}
	return &invoke.FailureResponse{StatusCode: last.StatusCode, ExecutedVersion: last.ExecutedVersion, FunctionError: last.FunctionError}
}

// deliver delivers the document, once, or until it succeeds if the mapping is configured to wait for that.
func (s *shard) deliver(f *invoke.Failure) error {
	for pause := commitRetry; ; pause = min(2*pause, deliveryRetryMax) {
		err := s.tryDelivery(f)
		if err == nil || !s.deps.cfg.DestinationConfig.OnFailure.Block {
			return err
		}
		if pause == commitRetry {
			s.log.Error("delivery to the on-failure destination failed; retrying, the lane waits", "error", err)
		}
		if s.ctx.Err() != nil || !s.pause(pause) {
			return errStopped
		}
	}
}

// pause waits between two deliveries, and reports whether another may be tried: the mapping is not stopping, and the
// lease is not lost.
func (s *shard) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
	case <-s.stopCtx.Done():
	}
	return false
}

// tryDelivery delivers the document once.
func (s *shard) tryDelivery(f *invoke.Failure) (err error) {
	ctx, cancel := context.WithTimeout(s.ctx, deliveryTimeout)
	defer cancel()
	if failed := s.deps.guard.Do("Destination.Deliver", func() { err = s.deps.cfg.destination.Deliver(ctx, f) }); failed != nil {
		return failed
	}
	return err
}

// toldDiscarded reports discarded records to the log and the Observer.
func (s *shard) toldDiscarded(c *lastCall, e callEnd) {
	a := e.discarded
	delivered := e.outcome.Kind == batch.Delivered
	s.deps.counts.discard(a.Records.Len(), delivered)
	d := observe.Discarded{
		Shard: s.info.ID, Lane: a.Lane, RequestID: c.requestID, Condition: a.Condition, Invocations: a.Invocations,
		Records: a.Records.Len(), Delivered: delivered, Duration: time.Since(e.began), Err: e.err,
	}
	if n := a.Records.Len(); n > 0 {
		d.FirstSequenceNumber, d.LastSequenceNumber = a.Records.At(0).SequenceNumber, a.Records.At(n-1).SequenceNumber
	}
	call(s.deps.observer.Discarded, d)
	log := s.log.With("condition", string(d.Condition), "records", d.Records, "requestId", d.RequestID,
		"firstSequenceNumber", d.FirstSequenceNumber, "lastSequenceNumber", d.LastSequenceNumber)
	switch {
	case delivered:
		log.Warn("records discarded: the on-failure destination has their document")
	case e.err != nil:
		log.Error("records dropped: the on-failure destination refused their document", "error", e.err)
	default:
		log.Warn("records dropped: there is no on-failure destination")
	}
}
