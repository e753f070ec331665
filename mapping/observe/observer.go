package observe

import (
	"time"

	"github.com/shardmill/shardmill/batch"
)

// Observer has callbacks for a mapping's events, like httptrace.ClientTrace: each field that is not nil is called.
//
// The functions are called synchronously by the goroutines that do the work, concurrently for different shards, and
// Committed concurrently with the others of its shard, so they must be quick and must not block. Their argument is a
// value of their own. Each call has a goroutine of its own, which costs about a microsecond; a function that panics, or
// ends that goroutine, is logged and counts as having returned.
type Observer struct {
	// ShardOpened is called when the lease of a shard was acquired and reading begins.
	ShardOpened func(ShardOpened)
	// ShardClosed is called when a shard is no longer processed here.
	ShardClosed func(ShardClosed)
	// Polled is called after each read of a shard.
	Polled func(Polled)
	// Invoking is called right before the function is.
	Invoking func(Invoking)
	// Invoked is called once for each Invoking: when the invocation has ended, or when its shard ends and the function
	// still runs (Err is then a mapping.ErrStillRunning). Step is batch.Ignored if the outcome does not count, because the
	// lease was lost or a stop cut the invocation short.
	Invoked func(Invoked)
	// Discarded is called when records were discarded: delivered to the on-failure destination, or dropped.
	Discarded func(Discarded)
	// TooLarge is called when a record exceeds the function's limit; it is then discarded or blocks its lane, depending
	// on the retries and the record age.
	TooLarge func(TooLarge)
	// Trimmed is called when the stream has trimmed the position where reading was to go on, and records with it that
	// were not read, if there were any; also when a shard has left the stream before it was read to its end. It is called before
	// the progress that passes over the loss is stored: once, and again by the next Run if that was never stored.
	Trimmed func(Trimmed)
	// Committed is called after each write of a shard's progress.
	Committed func(Committed)
}

// ShardOpened reports a shard whose processing begins.
type ShardOpened struct {
	Shard string
	From  string // "TRIM_HORIZON", "AT_TIMESTAMP …" or "AFTER_SEQUENCE_NUMBER …"
	Epoch uint64 // of the lease

	MappingUUID, FunctionARN string // of the shard's mapping
}

// ShardClosed reports a shard that is no longer processed here.
type ShardClosed struct {
	Shard string
	End   bool  // it was read to its end, and all of it is resolved and stored
	Err   error // the reason, if it was neither that nor a stop: driver.ErrLeaseLost
}

// Polled reports one read.
type Polled struct {
	Shard      string
	Records    int
	Filtered   int           // the part that no filter matches
	PassedOver int           // the part that are members of aggregates outside this shard
	Repeated   int           // records that occurred twice in the page, with the same data: each is in Records once
	Bytes      int           // of the records' data
	Behind     time.Duration // MillisBehindLatest
	Err        error         // the read failed, and will be retried

	FirstSequenceNumber, LastSequenceNumber string // of the records, filtered or not; empty without any
}

// Invoking reports an invocation that begins.
type Invoking struct {
	Shard       string
	Lane        int
	RequestID   string
	Attempt     int // 1 for the first of this RequestID
	Records     int
	IteratorAge time.Duration // of the last record, by the stream's clock; 0 if its arrival time is not known
}

// Invoked reports an invocation that ended.
type Invoked struct {
	Invoking
	Duration time.Duration
	Outcome  batch.OutcomeKind
	Failed   int        // records that the invocation did not resolve
	Step     batch.Step // the effect on the batch
	Delay    time.Duration
	Err      error // of a function that failed or did not run
}

// Discarded reports records that were discarded.
type Discarded struct {
	Shard       string
	Lane        int
	RequestID   string // of the last invocation, if there was one
	Condition   batch.Condition
	Invocations int // approximateInvokeCount
	Records     int

	FirstSequenceNumber, LastSequenceNumber string

	Delivered bool          // the on-failure destination has the document; else the records were dropped
	Duration  time.Duration // of the delivery
	Err       error         // why the destination refused it
}

// TooLarge reports an event that exceeds the payload limit with a single record, or with none: it is never invoked.
type TooLarge struct {
	Shard          string
	Lane           int
	SequenceNumber string // of the record; empty for the final invocation of a tumbling window
	StateBytes     int    // of the tumbling window's state, which is part of the event
}

// Trimmed reports a gap in the reading of a shard. Records that arrived before From were read or resolved, those that
// arrived after To are read; those in between, if any, are lost. From is zero if it is not known.
type Trimmed struct {
	Shard    string
	Position batch.Position // where reading would have resumed
	From, To time.Time      // by the stream's clock
}

// Committed reports a write of progress.
type Committed struct {
	Shard    string
	Position batch.Position
	End      bool
	Duration time.Duration
	Err      error // the write failed, and will be retried unless the lease is lost
}
