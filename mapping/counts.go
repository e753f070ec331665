package mapping

import "sync/atomic"

// Counts are the numbers that Lambda's event source mapping metrics tell, since the Mapping was made.
// They count records, not invocations or documents.
type Counts struct {
	Polled      int64 // PolledEventCount: read; of an aggregate that is taken apart, each member
	FilteredOut int64 // FilteredOutEventCount: passed over because no filter matched
	Invoked     int64 // InvokedEventCount: sent to the function; retries count again
	Failed      int64 // FailedInvokeEventCount: in invocations that failed, wholly or from their first failed item on
	Dropped     int64 // DroppedEventCount: discarded without being delivered
	Delivered   int64 // OnFailureDestinationDeliveredEventCount: discarded and delivered to the destination
	Invocations int64 // Invocations that ran

	// PassedOver counts members of aggregates that are not this shard's, for their hash keys lie outside it: they are
	// never invoked, and in Polled. It is no metric of Lambda's.
	PassedOver int64

	// Trimmed counts the gaps, not the records in them, that retention has made: see Observer.Trimmed. No metric of
	// Lambda's.
	Trimmed int64
}

// counts is the Counts of a mapping that runs.
type counts struct {
	polled, filtered, passedOver, trimmed, invoked, failed, dropped, delivered, invocations atomic.Int64
}

func (c *counts) invocation(records, failed int, ran bool) {
	if !ran {
		return
	}
	c.invocations.Add(1)
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
		Delivered: c.delivered.Load(), Invocations: c.invocations.Load(), PassedOver: c.passedOver.Load(), Trimmed: c.trimmed.Load(),
	}
}
