package mapping

import (
	"sync/atomic"

	"github.com/shardmill/shardmill/batch"
)

// Counts are the numbers of Lambda's event source mapping metrics since New. They count records, unless stated
// otherwise.
type Counts struct {
	Polled      int64 // PolledEventCount: read; of a deaggregated record, each member
	FilteredOut int64 // FilteredOutEventCount: skipped because no filter matched
	Invoked     int64 // InvokedEventCount: sent to the function; retries count again
	Failed      int64 // FailedInvokeEventCount: in failed invocations, all or from their first failed item on
	Dropped     int64 // DroppedEventCount: discarded without being delivered
	Delivered   int64 // OnFailureDestinationDeliveredEventCount: discarded and delivered to the destination
	// Invocations counts invocations that ran: not those that the function's service refused (invoke.ErrNotRun), whose
	// event was too large, or that a stop cut short.
	Invocations int64

	// PassedOver counts members of aggregates whose hash keys lie outside the shard: they are never invoked, and in Polled.
	// With ReadOptions.KeepMembersOutsideShard it stays 0. Lambda has no such metric.
	PassedOver int64

	// Repeated counts records that the stream repeated within a page, with the same number and data: each is processed,
	// and in Polled, once. Lambda has no such metric.
	Repeated int64

	// Gaps counts gaps caused by retention, not the records in them: see Observer.Trimmed. Lambda has no such
	// metric.
	Gaps int64
}

// counts is the Counts of a mapping that runs.
type counts struct {
	polled, filtered, passedOver, repeated, gaps, invoked, failed, dropped, delivered, invocations atomic.Int64
}

// invocation counts an invocation by its outcome. An event that was too large was sent, but the function did not run.
func (c *counts) invocation(outcome batch.OutcomeKind, records, failed int) {
	if outcome == batch.NotRun {
		return
	}
	if outcome != batch.TooLarge {
		c.invocations.Add(1)
	}
	c.invoked.Add(int64(records))
	c.failed.Add(int64(failed))
}

func (c *counts) discard(records int, delivered bool) {
	if delivered {
		c.delivered.Add(int64(records))
		return
	}
	c.dropped.Add(int64(records))
}

func (c *counts) get() Counts {
	return Counts{
		Polled: c.polled.Load(), FilteredOut: c.filtered.Load(), Invoked: c.invoked.Load(), Failed: c.failed.Load(), Dropped: c.dropped.Load(),
		Delivered: c.delivered.Load(), Invocations: c.invocations.Load(), PassedOver: c.passedOver.Load(), Repeated: c.repeated.Load(), Gaps: c.gaps.Load(),
	}
}
