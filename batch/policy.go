package batch

import (
	"errors"
	"fmt"
	"time"
)

// Defaults and bounds of a Policy. Those with an AWS name are AWS's.
const (
	DefaultBatchSize    = 100
	DefaultPayloadLimit = 6_291_456 // bytes of a synchronous Lambda request
	defaultBufferBytes  = 32 << 20

	// RecordOverhead is what a buffered record is charged in addition to its data: the Record itself, its strings, its
	// place in a lane. It bounds the number of small records in a budget of bytes.
	RecordOverhead = 256

	defaultWindowGrace = 5 * time.Second

	// idleCommit is the age of the last commit's ResolvedUpTo at which an idle shard is committed again. It is a small
	// part of the 24 hours for which a stream keeps records at least, and causes hardly any writes.
	idleCommit = time.Hour

	minRetryDelay = 200 * time.Millisecond // the first retry, as measured on AWS
	maxRetryDelay = time.Minute
)

// Policy is how a Scheduler cuts, retries and discards. The zero value of each field is AWS's default.
type Policy struct {
	// BatchSize is the largest number of records in an invocation: 1 to 10,000, default 100.
	BatchSize int

	// MaximumBatchingWindow is how long records are gathered before an invocation that is not full: 0 to 300 s. At 0 a
	// free lane invokes as soon as it has a record. The window ends early if BufferBytes is used up, and by
	// [Scheduler.Hurry].
	MaximumBatchingWindow time.Duration

	// ParallelizationFactor is the number of lanes: 1 to 10, default 1. All records of a partition key go to one lane.
	ParallelizationFactor int

	// PayloadLimit is the largest encoded event in bytes, default 6,291,456. A batch is cut before the record that
	// would exceed it. EnvelopeSize is the size of an event without its records.
	PayloadLimit, EnvelopeSize int

	// MaximumRetryAttempts is how often a failed batch is retried: 0 to 10,000. nil and -1 mean until it succeeds or
	// its records are too old.
	MaximumRetryAttempts *int

	// MaximumRecordAge is the age at which a record is discarded: 60 s to 604,800 s; 0 and below mean never.
	MaximumRecordAge time.Duration

	// BisectBatchOnFunctionError splits a failed batch of several records in two, which costs no retry.
	BisectBatchOnFunctionError bool

	// ReportBatchItemFailures makes Outcome.FailedItems count.
	ReportBatchItemFailures bool

	// TumblingWindow is the length of tumbling windows: 0, for none, to 900 s, in whole seconds. It allows one lane only.
	TumblingWindow time.Duration

	// TumblingWindowGrace is how long after the end of a window the source must have been read to its tip before the
	// window is closed, if no later record closes it: 0 to 2 min, default 5 s.
	TumblingWindowGrace time.Duration

	// WindowSize is what a tumbling window adds to an encoded event in addition to its state.
	WindowSize int

	// BufferBytes bounds the records above the frontier: their data, and RecordOverhead for each. Default 32 MiB. One
	// page may exceed it. When it is used up, lanes no longer wait for their batching window.
	BufferBytes int

	// Seed makes the retry delays differ by up to a tenth, reproducibly. At 0 they are exact.
	Seed uint64
}

// mostBytes bounds a size: 1 TiB, or 1 GiB where an int has 32 bits. So the sum of such a size and a page's fits an
// int.
const mostBytes = 1 << (30 + 10*(^uint(0)>>63))

// bounds lists the fields with bounds, and the reason of each bound.
var bounds = []struct {
	field    string
	value    func(*Policy) int64
	min, max int64
	why      string
}{
	{"BatchSize", func(p *Policy) int64 { return int64(p.BatchSize) }, 1, 10_000, "AWS"},
	{"ParallelizationFactor", func(p *Policy) int64 { return int64(p.ParallelizationFactor) }, 1, 10, "AWS"},
	{"PayloadLimit", func(p *Policy) int64 { return int64(p.PayloadLimit) }, 1, mostBytes, "at least one record must fit"},
	{"EnvelopeSize", func(p *Policy) int64 { return int64(p.EnvelopeSize) }, 0, 1 << 20, "it holds ARNs and IDs"},
	{"WindowSize", func(p *Policy) int64 { return int64(p.WindowSize) }, 0, 1 << 20, "it holds ARNs and IDs"},
	{"MaximumRetryAttempts", func(p *Policy) int64 { return int64(*p.MaximumRetryAttempts) }, -1, 10_000, "AWS"},
	{"BufferBytes", func(p *Policy) int64 { return int64(p.BufferBytes) }, 1, mostBytes, "at zero no record would be read"},
}

// Bounds of the durations, all AWS's.
const (
	maxBatchingWindow = 300 * time.Second
	minRecordAge      = 60 * time.Second
	maxRecordAge      = 604_800 * time.Second
	maxTumblingWindow = 900 * time.Second
	maxWindowGrace    = 2 * time.Minute // AWS closes an idle window within that time
)

// withDefaults returns p with its zero fields filled in.
func (p Policy) withDefaults() Policy {
	if p.BatchSize == 0 {
		p.BatchSize = DefaultBatchSize
	}
	if p.ParallelizationFactor == 0 {
		p.ParallelizationFactor = 1
	}
	if p.PayloadLimit == 0 {
		p.PayloadLimit = DefaultPayloadLimit
	}
	retries := -1
	if p.MaximumRetryAttempts != nil {
		retries = *p.MaximumRetryAttempts
	}
	p.MaximumRetryAttempts = &retries // a copy, because the caller may change the original
	if p.TumblingWindowGrace == 0 {
		p.TumblingWindowGrace = defaultWindowGrace
	}
	if p.BufferBytes == 0 {
		p.BufferBytes = defaultBufferBytes
	}
	return p
}

// Validate returns all violations of p, joined, or nil. Each names the field, its value and the bounds.
func (p Policy) Validate() error {
	p = p.withDefaults()
	var errs []error
	for _, b := range bounds {
		if v := b.value(&p); v < b.min || v > b.max {
			errs = append(errs, fmt.Errorf("batch: %s is %d, must be between %d and %d (%s)", b.field, v, b.min, b.max, b.why))
		}
	}
	if w := p.MaximumBatchingWindow; w < 0 || w > maxBatchingWindow {
		errs = append(errs, fmt.Errorf("batch: MaximumBatchingWindow is %s, must be between 0s and %s (AWS)", w, maxBatchingWindow))
	}
	if a := p.MaximumRecordAge; a > 0 && a < minRecordAge || a > maxRecordAge {
		errs = append(errs, fmt.Errorf("batch: MaximumRecordAge is %s, must be between %s and %s, or 0 for none (AWS)", a, minRecordAge, maxRecordAge))
	}
	return errors.Join(append(errs, p.validateWindow()...)...)
}

func (p *Policy) validateWindow() (errs []error) {
	if w := p.TumblingWindow; w < 0 || w > maxTumblingWindow || w%time.Second != 0 {
		errs = append(errs, fmt.Errorf("batch: TumblingWindow is %s, must be between 0s and %s, in whole seconds (AWS)", w, maxTumblingWindow))
	}
	if g := p.TumblingWindowGrace; g < 0 || g > maxWindowGrace {
		errs = append(errs, fmt.Errorf("batch: TumblingWindowGrace is %s, must be between 0s and %s (AWS)", g, maxWindowGrace))
	}
	if p.TumblingWindow > 0 && p.ParallelizationFactor > 1 {
		errs = append(errs, fmt.Errorf("batch: ParallelizationFactor is %d, must be 1 with a TumblingWindow (AWS)", p.ParallelizationFactor))
	}
	return errs
}
