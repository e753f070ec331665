package mapping

import (
	"log/slog"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/role"
)

// StartingPosition is where a mapping begins to read a shard of which nothing is stored, in AWS's words.
type StartingPosition string

// The starting positions. There is no default.
const (
	// TrimHorizon begins at the oldest record that the stream still has.
	TrimHorizon StartingPosition = "TRIM_HORIZON"

	// Latest begins at the first start of the mapping: the first call of Run, even one that ends in an error. That moment is
	// stored before anything else is called, and every restart and every later worker goes by it. It is a time by this
	// host's clock, less 2 s, until the stream's clock is known. If the host's clock was ahead, the moment then moves back;
	// it never moves forward. If the host's clock was behind, records that arrived in between are delivered too.
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
	// EventSourceARN is the ARN of the stream, "arn:aws:kinesis:us-east-1:123456789012:stream/orders", which is then polled,
	// or that of a registered consumer of it, "…:stream/orders/consumer/shipping:1700000000", which is then read by enhanced
	// fan-out. Events and documents show it as it is here. Nobody registers or deletes a consumer.
	EventSourceARN string

	// FunctionName is a name, an ARN or a partial ARN, with ":version" or ":alias" if need be. With EventSourceARN it is
	// what the Store knows the mapping by, and the function sees it as its ARN; it need not exist on AWS.
	FunctionName string

	// UUID names the mapping to the Store, and in the keys of the objects that an S3 destination gets: then it may be
	// given another function, and one with another UUID begins afresh. It has 36 characters. Empty, the mapping is known
	// by EventSourceARN and FunctionName. StoreName takes the place of UUID for the Store only.
	UUID string

	// StoreName names the mapping to the Store in place of EventSourceARN and FunctionName, or UUID: 1 to 1,024 bytes of UTF-8.
	// After a change of FunctionName, or of a stream's ARN into a consumer's, the mapping resumes from its progress if StoreName
	// is the name that it had until then: Name returns it, and the log shows it. An extension.
	StoreName string

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
	// and -1 mean never (time.Duration(-1), or -1 s). It goes by the stream's clock, as far as Source is a poller.Clock that
	// knows it; else by this host's.
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

	// Client reads the stream: a *kinesis.Client, or a fake with the same methods. It stays the caller's. For the ARN of a
	// consumer it must have SubscribeToShard too, or be a poller.Subscriber.
	Client poller.Client

	// Source takes the place of Client: another way to read, such as a fake of a few lines in a test.
	Source poller.Source

	// Function is invoked with the records, up to ParallelizationFactor invocations per shard at a time. A Func is the shortest.
	Function invoke.Invoker

	// Role is the execution role that Client acts as, made by role.Role: see there how Client is given its credentials. Run
	// begins by assuming it, and by trying whether it may read the stream; what is missing is a *role.AccessError with AWS's
	// text. Its ARN is the events' invokeIdentityArn. nil means whatever credentials Client has, which nobody asks about.
	Role *role.Provider

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
	// It goes with Client; a Source has its own cadence. A shard grants 5 reads a second to all its consumers together: where they
	// want more, the time grows, so that each has about an equal part. ShardStatus.Shared shows that.
	PollInterval time.Duration

	// FallBackToPolling lets the shards of a consumer be polled while no subscription can be had: see
	// poller.Config.FallBackToPolling. It goes with the ARN of a consumer, and with Client. An extension.
	FallBackToPolling bool

	// Deaggregate makes a record of each member of an aggregate of the Kinesis Producer Library (KPL). It is off by default:
	// Lambda hands an aggregate on as the one record that it is in the stream. With the ARN of a consumer it is always on,
	// as on Lambda. It may be changed over a restart, at which
	// an aggregate that was resolved in part goes on behind its resolved members, or comes again raw. A member whose hash
	// key lies outside the shard is passed over and counted (Counts.PassedOver). An extension.
	// It goes with Client; a Source takes aggregates apart itself.
	Deaggregate bool

	// KeepMembersOutsideShard keeps the members of aggregates whose hash keys lie outside the shard: see
	// poller.Config.KeepMembersOutsideShard, which says for which producers it is right. It goes with Deaggregate, or the ARN
	// of a consumer, and with Client. An extension.
	KeepMembersOutsideShard bool

	// SDKDecoding and CBOR say how the answers of reads are coded and decoded: see the fields of poller.Config. They go with
	// Client. Extensions.
	SDKDecoding, CBOR bool

	// ShardRefreshInterval is how often the stream is asked for new shards: 1 s to 24 h, default 30 s. An extension.
	ShardRefreshInterval time.Duration

	// BufferBytes bounds the memory of the records that a shard holds between reading and resolving them: 1,024 to 2^40,
	// default 32 MiB;
	// a page of up to 10 MiB may go beyond it. The bound is for each shard: a process with many shards, a slow function and
	// a long backlog may hold that much for every one of them, unless it has a Budget. An extension.
	BufferBytes int

	// Budget bounds the memory of the records that all shards hold, in all mappings that are given the same one: see
	// poller.Budget. Where it is short, the shards that hold most of it do not wait for MaximumBatchingWindow. nil means
	// that there is none. It goes with Client. An extension.
	Budget *poller.Budget

	// DrainTimeout is what running invocations are given after Run's ctx is cancelled, before their own ctx is: default
	// 30 s; negative means none. An extension.
	DrainTimeout time.Duration

	// CheckpointInterval is the least time between two writes of a shard's progress. 0 means that each is written as soon as
	// the one before is, and a second with a FleetStore; negative means none there either. An extension.
	CheckpointInterval time.Duration

	// FailoverTime is how long a worker of a fleet may be silent before its shards are taken: 1 s to 1 h, default 10 s. Where the
	// workers of a mapping have different ones, the longest of all living workers counts, and one line at level WARN says so: it can
	// be changed worker by worker. It goes with a FleetStore. An extension.
	FailoverTime time.Duration

	// WarnAfter is how long a call of the function, or of the on-failure destination, runs before the log says so, in a line at
	// level WARN that is repeated whenever the call has run for twice as long: default 1 min; negative means never. It does not
	// concern reads that are throttled, which are logged after 30 s, and a start that waits, which is logged after 3 s. An extension.
	WarnAfter time.Duration

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
	if c.WarnAfter == 0 {
		c.WarnAfter = defaultWarnAfter
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
