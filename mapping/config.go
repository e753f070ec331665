package mapping

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/batch/filter"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/poller"
)

// StartingPosition is where a mapping begins to read a shard of which nothing is stored, in AWS's words.
type StartingPosition string

// The starting positions. There is no default.
const (
	// TrimHorizon begins at the oldest record that the stream still has.
	TrimHorizon StartingPosition = "TRIM_HORIZON"

	// Latest begins at the first start of the mapping: that moment is stored before any shard is opened, and every
	// restart and every later worker goes by it. Records written up to 2 s before it may be delivered.
	Latest StartingPosition = "LATEST"

	// AtTimestamp begins at Config.StartingPositionTimestamp.
	AtTimestamp StartingPosition = "AT_TIMESTAMP"
)

// FilterCriteria are the filters of a mapping. A record passes if one of them matches; without any, all pass.
type FilterCriteria struct {
	// Filters are at most 5, or Limit.
	Filters []Filter

	// Limit takes the place of the 5, up to 10, as an AWS account's raised quota does. An extension.
	Limit int
}

// Filter is one filter.
type Filter struct {
	// Pattern is an event pattern as EventBridge has them, on an object with the keys data (the record's data, parsed as
	// JSON), partitionKey, sequenceNumber, approximateArrivalTimestamp and kinesisSchemaVersion:
	// {"data": {"price": [{"numeric": [">", 100]}]}}. The package batch/filter has the grammar.
	Pattern string
}

// FunctionResponseType is something that a function's answer may tell, in AWS's words.
type FunctionResponseType string

// ReportBatchItemFailures lets the answer name the records that could not be processed.
const ReportBatchItemFailures FunctionResponseType = "ReportBatchItemFailures"

// DestinationConfig says where discarded records are reported.
type DestinationConfig struct{ OnFailure OnFailure }

// OnFailure is the destination of discarded records. It is told of each discarded batch in a document with the shard,
// the sequence numbers and the reason; only an S3 object holds the records too.
type OnFailure struct {
	// Destination is the ARN of an SQS queue, an SNS topic or an S3 bucket, for one of Config.DestinationResolvers.
	Destination string

	// To takes the place of Destination: an invoke.DestinationFunc, or a destination that is made already.
	To invoke.Destination

	// Block tries a delivery that failed again until it works, with the lane waiting for it. By default the records
	// are dropped, as on AWS: logged, counted, and passed. An extension.
	Block bool
}

// Config is what a mapping is made of. New copies it. EventSourceARN, FunctionName, StartingPosition, Function, and
// Client or Source must be set; the zero value of every other field is AWS's default, or says what it means.
type Config struct {
	// EventSourceARN is the ARN of the stream: "arn:aws:kinesis:us-east-1:123456789012:stream/orders".
	EventSourceARN string

	// FunctionName is a name, an ARN or a partial ARN, with ":version" or ":alias" if need be. With EventSourceARN it is
	// what the Store knows the mapping by, and the function sees it as its ARN; it need not exist on AWS.
	FunctionName string

	// StartingPosition is where shards without stored progress begin.
	StartingPosition StartingPosition

	// StartingPositionTimestamp goes with AtTimestamp, and must not lie in the future. Its fraction of a second is cut off.
	StartingPositionTimestamp time.Time

	// BatchSize is the largest number of records in an invocation: 1 to 10,000, default 100.
	BatchSize int

	// MaximumBatchingWindow is how long records are gathered for an invocation that is not full: 0 to 300 s, in whole
	// seconds. At 0, the default, the function is invoked as soon as there is a record.
	MaximumBatchingWindow time.Duration

	// ParallelizationFactor is the most invocations that run at once for a shard: 1 to 10, default 1. All records of a
	// partition key are processed in order, by one of them at a time; batches that fail hold back their keys and no
	// others. It may be changed over a restart.
	ParallelizationFactor int

	// TumblingWindow is the length of tumbling windows: 0, for none, to 900 s, in whole seconds. The function is then
	// invoked with the state that it returned before for the same window (invoke.ResponseFunc, invoke.StateFunc), and once
	// more without records when the window is over. It excludes ParallelizationFactor and FilterCriteria.
	TumblingWindow time.Duration

	// TumblingWindowGrace is how long after the end of a window the stream must have been read to its tip before a
	// window is closed that no later record closes: 0 to 2 min, default 5 s. An extension.
	TumblingWindowGrace time.Duration

	// FilterCriteria says which records the function is invoked with. Others are passed over and counted.
	FilterCriteria FilterCriteria

	// MaximumRetryAttempts is how often a failed batch is tried again before it is discarded: 0 to 10,000.
	// nil, the default, and -1 mean until it succeeds or its records are too old. Invocations that never ran
	// (invoke.ErrNotRun) do not count.
	MaximumRetryAttempts *int

	// MaximumRecordAge is the age at which a record is discarded: 60 s to 604,800 s, in whole seconds. 0, the default,
	// and -1 mean never (time.Duration(-1), or -1 s).
	MaximumRecordAge time.Duration

	// BisectBatchOnFunctionError splits a batch that failed in two, each with retries of its own, so that a bad record is
	// found and the good ones pass. The splitting costs no retry.
	BisectBatchOnFunctionError bool

	// FunctionResponseTypes may hold ReportBatchItemFailures: then the function may name the records that it could not
	// process (invoke.FailedItemsError, invoke.Response, batchItemFailures in JSON), and the batch is tried again from the
	// lowest of them on.
	FunctionResponseTypes []FunctionResponseType

	// DestinationConfig says where discarded records are reported. Without a destination they are dropped.
	DestinationConfig DestinationConfig

	// DestinationResolvers make a destination of an ARN: those of invoke/destination/sqs, sns and s3, each made with its
	// client.
	DestinationResolvers []invoke.DestinationResolver

	// Client reads the stream: a *kinesis.Client, or a fake with the same methods. It stays the caller's.
	Client poller.Client

	// Source takes the place of Client: another way to read, such as a fake of a few lines in a test.
	Source poller.Source

	// Function is invoked with the records, up to ParallelizationFactor invocations per shard at a time. A Func is the shortest.
	Function invoke.Invoker

	// Store keeps the progress. It stays the caller's, and may serve many mappings. With nil, progress is kept in
	// memory and lost with the process.
	Store Store

	// FunctionTimeout ends an invocation that takes longer; the function sees it as its ctx's deadline. An in-process
	// function that ignores its ctx keeps its lane until it returns. 0 means none; at most 24 h.
	FunctionTimeout time.Duration

	// PayloadLimit is the largest event in bytes of JSON: 1,024 to 2^40, default 6,291,456 as on Lambda.
	// An extension.
	PayloadLimit int

	// PollInterval is the time from one read of a shard to the next: 200 ms to 4 min, default 1 s as on Lambda. An
	// extension.
	// It goes with Client; a Source has its own cadence.
	PollInterval time.Duration

	// ShardRefreshInterval is how often the stream is asked for new shards: 1 s to 24 h, default 30 s. An extension.
	ShardRefreshInterval time.Duration

	// BufferBytes bounds the memory of the records that a shard holds between reading and resolving them: 1,024 to 2^40,
	// default 32 MiB;
	// a page of up to 10 MiB may go beyond it. The bound is for each shard: a process with many shards, a slow function and
	// a long backlog may hold that much for every one of them. An extension.
	BufferBytes int

	// DrainTimeout is what running invocations are given after Run's ctx is cancelled, before their own ctx is: default
	// 30 s; negative means none. An extension.
	DrainTimeout time.Duration

	// Logger is told of changes of state, never of single records. nil means slog.Default().
	Logger *slog.Logger

	// Observer is told what happens, for metrics and tests. nil fields are not called.
	Observer Observer
}

// Defaults that are not AWS's own.
const (
	defaultShardRefreshInterval = 30 * time.Second
	defaultDrainTimeout         = 30 * time.Second
)

// ConfigError tells what is wrong with one field of a Config. New returns all of them, joined.
type ConfigError struct {
	Field   string
	Message string // AWS's own text where it is known
}

// Error returns "mapping: FIELD: MESSAGE".
func (e *ConfigError) Error() string { return "mapping: " + e.Field + ": " + e.Message }

// withDefaults returns c with its zero fields filled in, for a Config that is valid.
func (c Config) withDefaults() Config {
	if c.BatchSize == 0 {
		c.BatchSize = batch.DefaultBatchSize
	}
	if c.ShardRefreshInterval == 0 {
		c.ShardRefreshInterval = defaultShardRefreshInterval
	}
	if c.DrainTimeout == 0 {
		c.DrainTimeout = defaultDrainTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.MaximumRetryAttempts != nil {
		c.MaximumRetryAttempts = new(*c.MaximumRetryAttempts)
	}
	c.StartingPositionTimestamp = c.StartingPositionTimestamp.Truncate(time.Second)
	return c
}

// validate returns all violations of c at once, or nil.
func (c *Config) validate(now time.Time) error {
	var v violations
	c.validateRequired(&v)
	c.validateStart(&v, now)

	v.atMost("BatchSize", "batchSize", c.BatchSize, 10_000)
	v.atLeast("BatchSize", "batchSize", c.BatchSize, 0)
	v.seconds("MaximumBatchingWindow", "maximumBatchingWindowInSeconds", c.MaximumBatchingWindow, 0, 300)

	c.validateFailures(&v)
	c.validateShape(&v)

	v.within("FunctionTimeout", c.FunctionTimeout, 0, 24*time.Hour)
	v.within("PollInterval", c.PollInterval, 200*time.Millisecond, 4*time.Minute) // an iterator lives 5 minutes
	v.within("ShardRefreshInterval", c.ShardRefreshInterval, time.Second, 24*time.Hour)
	v.bytes("PayloadLimit", c.PayloadLimit)
	v.bytes("BufferBytes", c.BufferBytes)
	return v.join()
}

func (c *Config) validateRequired(v *violations) {
	if _, err := parseStreamARN(c.EventSourceARN); err != nil {
		v.add("EventSourceARN", err.Error())
	} else if _, err := functionARN(c.FunctionName, c.EventSourceARN); err != nil {
		v.add("FunctionName", err.Error())
	}
	if c.FunctionName == "" && c.EventSourceARN == "" {
		v.add("FunctionName", "must be set")
	}
	switch {
	case isNil(c.Client) && c.Source == nil:
		v.add("Client", "must be set, or Source")
	case c.Client != nil && c.Source != nil:
		v.add("Source", "must not be set together with Client")
	case c.Source != nil && c.PollInterval != 0:
		v.add("PollInterval", fmt.Sprintf("is %s, but goes with Client only: a Source has its own cadence", c.PollInterval))
	}
	if isNil(c.Function) {
		v.add("Function", "must be set")
	}
}

// validateShape checks what decides how batches are cut: lanes, windows, filters.
func (c *Config) validateShape(v *violations) {
	v.atMost("ParallelizationFactor", "parallelizationFactor", c.ParallelizationFactor, 10)
	v.atLeast("ParallelizationFactor", "parallelizationFactor", c.ParallelizationFactor, 0)
	v.seconds("TumblingWindow", "tumblingWindowInSeconds", c.TumblingWindow, 0, 900)
	v.within("TumblingWindowGrace", c.TumblingWindowGrace, 0, 2*time.Minute)
	if c.TumblingWindow > 0 && c.ParallelizationFactor > 1 {
		v.add("ParallelizationFactor", "Parallelization factor must be equal to 1 when tumbling window period is configured")
	}
	if c.TumblingWindow > 0 && len(c.FilterCriteria.Filters) > 0 {
		v.add("FilterCriteria", "must be empty when a tumbling window is configured") // AWS's text is not known
	}
	if _, ok := c.Function.(invoke.Func); ok && c.TumblingWindow > 0 {
		v.add("Function", "is an invoke.Func, which returns no state, and a tumbling window needs one: use invoke.StateFunc or invoke.ResponseFunc")
	}
	if _, err := c.filters(); err != nil {
		v.add("FilterCriteria", err.Error())
	}
}

// filters returns the compiled filters, nil without any.
func (c *Config) filters() (*filter.Criteria, error) {
	if len(c.FilterCriteria.Filters) == 0 {
		return nil, nil
	}
	patterns := make([]string, len(c.FilterCriteria.Filters))
	for i, f := range c.FilterCriteria.Filters {
		patterns[i] = f.Pattern
	}
	return filter.Compile(patterns, c.FilterCriteria.Limit)
}

// validateFailures checks what concerns failed batches.
func (c *Config) validateFailures(v *violations) {
	if n := c.MaximumRetryAttempts; n != nil {
		v.atMost("MaximumRetryAttempts", "maximumRetryAttempts", *n, 10_000)
		if *n < -1 {
			v.constraint("MaximumRetryAttempts", "maximumRetryAttempts", *n, "greater", -1)
		}
	}
	if age := c.MaximumRecordAge; age != 0 && age != -1 && age != -time.Second &&
		(age < 60*time.Second || age > 604_800*time.Second || age%time.Second != 0) {
		v.add("MaximumRecordAge", fmt.Sprintf("is %s: MaximumRecordAgeInSeconds must be either -1 (forever) or between 60 and 604800 (inclusive)", age))
	}
	for _, t := range c.FunctionResponseTypes {
		if t != ReportBatchItemFailures || len(c.FunctionResponseTypes) > 1 {
			v.add("FunctionResponseTypes", fmt.Sprintf("1 validation error detected: Value '%v' at 'functionResponseTypes' failed to satisfy constraint: "+
				"Member must satisfy constraint: [Member must satisfy enum value set: [ReportBatchItemFailures], Member must not be null]", c.FunctionResponseTypes))
			break
		}
	}
	if _, err := c.destination(); err != nil {
		v.add("DestinationConfig.OnFailure", err.Error())
	}
}

// destination returns where discarded records are reported, nil without a destination.
func (c *Config) destination() (invoke.Destination, error) {
	to, name := c.DestinationConfig.OnFailure.To, c.DestinationConfig.OnFailure.Destination
	switch {
	case to != nil && isNil(to):
		return nil, errors.New("its field To is a nil function")
	case to != nil && name != "":
		return nil, errors.New("its fields Destination and To must not be set together")
	case to != nil:
		return to, nil
	case name == "" && c.DestinationConfig.OnFailure.Block:
		return nil, errors.New("its field Block is set without a destination")
	case name == "":
		return nil, nil
	}
	return invoke.ResolveDestination(name, c.DestinationResolvers...)
}

// isNil reports whether there is nothing in v, or a nil of one of the types that are usually put there.
func isNil(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case invoke.Func:
		return v == nil
	case invoke.ResponseFunc:
		return v == nil
	case invoke.DestinationFunc:
		return v == nil
	case *kinesis.Client:
		return v == nil
	default:
		return false
	}
}

// validateStart checks the starting position as CreateEventSourceMapping does, with its texts.
func (c *Config) validateStart(v *violations, now time.Time) {
	at := c.StartingPositionTimestamp
	switch c.StartingPosition {
	case "":
		v.add("StartingPosition", "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "+
			"Member must not be null.")
	case TrimHorizon, Latest:
		if !at.IsZero() {
			v.add("StartingPositionTimestamp", "Timestamp only valid with StartingPosition AT_TIMESTAMP")
		}
	case AtTimestamp:
		switch {
		case at.IsZero():
			v.add("StartingPositionTimestamp", "Need to specify a timestamp")
		case at.Truncate(time.Second).After(now):
			v.add("StartingPositionTimestamp", fmt.Sprintf("Received Exception while reading from provided stream. "+
				"The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "+
				"timestampInMillis: %d, currentTimestampInMillis: %d", at.Truncate(time.Second).UnixMilli(), now.UnixMilli()))
		}
	default:
		v.add("StartingPosition", fmt.Sprintf("1 validation error detected: Value '%s' at 'startingPosition' failed to satisfy "+
			"constraint: Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]", c.StartingPosition))
	}
}
