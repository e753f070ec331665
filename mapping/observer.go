package mapping

import (
	"time"

	"github.com/shardmill/shardmill/batch"
)

// Observer is told what a mapping does, like httptrace.ClientTrace: each field that is not nil is called.
//
// The functions are called synchronously by the goroutines that do the work, those of different shards at the same time,
// and Committed at the same time as the others of its shard, so they must be quick and must not block. What they are given
// is a value of their own. Each call has a goroutine of its own, which costs about a microsecond; one that panics, or ends that
// goroutine, is logged and counts as having returned.
type Observer struct {
	// ShardOpened is called when the lease of a shard was gained and it begins to be read.
	ShardOpened func(ShardOpened)
	// ShardClosed is called when a shard is no longer processed here.
	ShardClosed func(ShardClosed)
	// Polled is called after each read of a shard.
	Polled func(Polled)
	// Invoking is called right before the function is.
	Invoking func(Invoking)
	// Invoked is called once for each Invoking: when the invocation ended, or when its shard does and the function still runs
	// (Err is then an ErrStillRunning). Step is batch.Ignored where the outcome does not count, because the lease was lost or a
	// stop cut the invocation short.
	Invoked func(Invoked)
	// Discarded is called when records were given up: delivered to the on-failure destination, or dropped.
	Discarded func(Discarded)
	// TooLarge is called when a record turns out to be larger than the function can be given; it is then discarded or
	// blocks its lane, as the retries and the record age say.
	TooLarge func(TooLarge)
	// Trimmed is called when the stream has trimmed the position where reading was to go on, and records with it that
	// were not read, if there were any; also when a shard has left the stream before it was read to its end. It is called before
	// the progress that passes over the loss is stored: once, and again by the next Run if that was never stored.
	Trimmed func(Trimmed)
	// Committed is called after each write of a shard's progress.
	Committed func(Committed)
}

// ShardOpened tells of a shard that begins to be processed.
type ShardOpened struct {
	Shard string
	From  string // "TRIM_HORIZON", "AT_TIMESTAMP …" or "AFTER_SEQUENCE_NUMBER …"
	Epoch uint64 // of the lease

	MappingUUID, FunctionARN string // whose shard it is
}

// ShardClosed tells of a shard that is no longer processed here.
type ShardClosed struct {
	Shard string
	End   bool  // it was read to its end, and all of it is resolved and stored
	Err   error // why, if it was neither that nor a stop: ErrLeaseLost
}

// Polled tells of one read.
type Polled struct {
	Shard      string
	Records    int
	Filtered   int           // of them, records that no filter lets through
	PassedOver int           // of them, members of aggregates that are not this shard's
	Repeated   int           // records that came twice in the page, with the same data: each is in Records once
	Bytes      int           // of the records' data
	Behind     time.Duration // MillisBehindLatest
	Err        error         // the read failed, and will be tried again

	FirstSequenceNumber, LastSequenceNumber string // of the records, filtered or not; empty without any
}

// Invoking tells of an invocation that begins.
type Invoking struct {
	Shard       string
	Lane        int
	RequestID   string
	Attempt     int // 1 for the first of this RequestID
	Records     int
	IteratorAge time.Duration // of the last record, by the stream's clock; 0 where its arrival time is not known
}

// Invoked tells of an invocation that ended.
type Invoked struct {
	Invoking
	Duration time.Duration
	Outcome  batch.OutcomeKind
	Failed   int        // records that the invocation did not resolve
	Step     batch.Step // what becomes of the batch
	Delay    time.Duration
	Err      error // of a function that failed or did not run
}

// Discarded tells of records that were given up.
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
	Err       error         // why the destination did not take it
}

// TooLarge tells of an event that is over the payload limit with a single record, or with none: it is never invoked.
type TooLarge struct {
	Shard          string
	Lane           int
	SequenceNumber string // of the record; empty for the final invocation of a tumbling window
	StateBytes     int    // of the tumbling window's state, which is part of the event
}

// Trimmed tells of a gap in what is read of a shard. What arrived before From was read or resolved, what arrived after To is
// read; what arrived between, if anything, is lost. From is zero where it is not known.
type Trimmed struct {
	Shard    string
	Position batch.Position // where reading was to go on
	From, To time.Time      // by the stream's clock
}

// Committed tells of a write of progress.
type Committed struct {
	Shard    string
	Position batch.Position
	End      bool
	Duration time.Duration
	Err      error // the write failed, and will be tried again unless the lease is lost
}

// call calls f with e, if there is an f.
func call[E any](f func(E), e E) {
	if f != nil {
		f(e)
	}
}
