package otelobserver

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
)

// observed is an observed mapping. Its methods are those of an Observer.
type observed struct {
	*Telemetry
	stream stream

	mu     sync.RWMutex
	shards map[string]*shard // those that are open here
}

// shard returns the shard with the ID, nil if it is not open.
func (o *observed) shard(id string) *shard {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.shards[id]
}

func (o *observed) shardOpened(e observe.ShardOpened) {
	function := functionName(e.FunctionARN)
	s := &shard{
		series:  newSeries(o.stream, function, e, o.perShard),
		spans:   newSpans(o.tracer, o.stream, function, e),
		running: map[string]*run{},
	}
	o.begin(&s.series)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.shards[e.Shard] = s
}

func (o *observed) shardClosed(e observe.ShardClosed) {
	o.mu.Lock()
	s := o.shards[e.Shard]
	delete(o.shards, e.Shard)
	o.mu.Unlock()
	if s != nil {
		s.close(e.Err)
	}
}

// polled counts the result of a read. A failed read has none, and does not count as a read without records either.
func (o *observed) polled(e observe.Polled) {
	s := o.shard(e.Shard)
	if s == nil || e.Err != nil {
		return
	}
	o.polledEvents.Add(noContext, int64(e.Records), s.adds...)
	o.filteredOut.Add(noContext, int64(e.Filtered), s.adds...)
	if e.Records > 0 {
		s.polled(&e)
	}
}

// invoking takes the age of the last record. The final invocation of a tumbling window has none.
func (o *observed) invoking(e observe.Invoking) {
	if s := o.shard(e.Shard); s != nil && e.Records > 0 {
		o.iteratorAge.Record(noContext, milliseconds(e.IteratorAge), s.records...)
	}
}

// invoked counts an invocation whose outcome counts, and ends its span. The measurements are made within the span, so
// that it can be their exemplar.
func (o *observed) invoked(e observe.Invoked) {
	s := o.shard(e.Shard)
	if s == nil {
		return
	}
	ctx := noContext
	if errors.Is(e.Err, mapping.ErrStillRunning) {
		return // its span ends when the function does
	}
	r := s.take(e.RequestID)
	if e.Step == batch.Ignored {
		if r != nil {
			r.abandon(e.Err)
		}
		return
	}
	if r != nil {
		ctx = trace.ContextWithSpan(ctx, r.span)
	}
	o.count(ctx, s, &e)
	if r != nil {
		r.settle(&e)
	}
}

// count counts an invocation. One that did not run, for whatever reason, has no events that were sent to the function;
// one that was too large was sent, but is no run of the function.
func (o *observed) count(ctx context.Context, s *shard, e *observe.Invoked) {
	if e.Outcome == batch.NotRun {
		if errors.Is(e.Err, invoke.ErrThrottled) {
			o.throttles.Add(ctx, 1, s.adds...)
		}
		return
	}
	o.invokedEvents.Add(ctx, int64(e.Records), s.adds...)
	o.failedEvents.Add(ctx, int64(e.Failed), s.adds...)
	if e.Outcome == batch.TooLarge {
		return
	}
	o.invocations.Add(ctx, 1, s.adds...)
	o.duration.Record(ctx, milliseconds(e.Duration), s.records...)
	if e.Outcome == batch.FunctionError {
		o.functionErrors.Add(ctx, 1, s.adds...)
	}
}

func (o *observed) discarded(e observe.Discarded) {
	s := o.shard(e.Shard)
	switch {
	case s == nil:
	case e.Delivered:
		o.deliveredEvents.Add(noContext, int64(e.Records), s.adds...)
	default:
		o.dropped.Add(noContext, int64(e.Records), s.adds...)
		if e.Err != nil {
			o.deliveryFailures.Add(noContext, 1, s.adds...)
		}
	}
}

// committed drops the polls whose records are all resolved.
func (o *observed) committed(e observe.Committed) {
	if s := o.shard(e.Shard); s != nil && e.Err == nil {
		s.forget(e.Position)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
