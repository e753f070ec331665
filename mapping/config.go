package mapping

import (
	"log/slog"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/role"
)

// StartingPosition is where a mapping begins to read a shard without a checkpoint, in AWS's words.
type StartingPosition string

// The starting positions. There is no default.
const (
	// TrimHorizon begins at the oldest record that the stream still has.
	TrimHorizon StartingPosition = "TRIM_HORIZON"

	// Latest begins at the first start of the mapping: the first call of Run, even one that ends in an error. That time
	// is stored before any other call, and every restart and every later worker uses it. It is a time by this host's
	// clock, less 2 s, until the stream's clock is known. If the host's clock was ahead, the time then moves back; it
	// never moves forward. If the host's clock was behind, records that arrived in between are delivered too.
	Latest StartingPosition = "LATEST"

	// AtTimestamp begins at Config.StartingPositionTimestamp.
	AtTimestamp StartingPosition = "AT_TIMESTAMP"
)

// FilterCriteria are the filters of a mapping. A record passes if one of them matches; without filters, all records
// pass.
type FilterCriteria struct {
	// Filters are at most 5, or Limit.
	Filters []Filter

	// Limit replaces the limit of 5, up to 10, like an AWS account's raised quota. An extension.
	Limit int
}

// Filter is one filter.
type Filter struct {
	// Pattern is an EventBridge pattern for an object with the keys data (the record's data, parsed as JSON),
	// partitionKey, sequenceNumber, approximateArrivalTimestamp and kinesisSchemaVersion: {"data": {"price":
	// [{"numeric": [">", 100]}]}}. The package batch/filter has the grammar.
	Pattern string
}

// FunctionResponseType is a kind of response of a function, in AWS's words.
type FunctionResponseType string

// ReportBatchItemFailures lets the answer name the records that could not be processed.
const ReportBatchItemFailures FunctionResponseType = "ReportBatchItemFailures"

// DestinationConfig says where discarded records are reported.
type DestinationConfig struct{ OnFailure OnFailure }

// OnFailure is the destination of discarded records. It gets a document for each discarded batch, with the shard, the
// sequence numbers and the reason; only an S3 object contains the records too.
type OnFailure struct {
	// Destination is the ARN of an SQS queue, an SNS topic or an S3 bucket, for one of Config.DestinationResolvers.
	Destination string

	// Target replaces Destination: an invoke.DestinationFunc, or a ready destination.
	Target invoke.Destination

	// Block retries a failed delivery until it succeeds, while the lane waits. By default the records are dropped, as
	// on AWS: logged, counted, and passed. An extension.
	Block bool
}

// Config configures a mapping. New copies it. EventSourceARN, FunctionName, StartingPosition, Function, and Client or
// Source must be set; the zero value of every other field is AWS's default, or documented.
//
// If the function fails, the batch goes through these steps, with the fields that control them:
//
//	the function never ran (invoke.ErrNotRun)     retried with back-off, until MaximumRecordAge
//	it named failed items                         FunctionResponseTypes: a new batch begins with the first of them
//	it failed, several records                    BisectBatchOnFunctionError: the halves are new batches
//	it failed                                     retried with back-off, MaximumRetryAttempts times
//	no retry is left, or the records are too old  discarded: reported to DestinationConfig.OnFailure, or dropped
//
// A failing batch blocks the records after it in its lane. By default, as on AWS, it is retried until it succeeds: set
// MaximumRetryAttempts, MaximumRecordAge, BisectBatchOnFunctionError and a destination together.
//
// A callback, such as a Store, a Source, an Observer or the Logger's handler, that panics or ends its goroutine (as
// t.FailNow does) has failed: that is an error if the callback can return one, and a log line in any case. The function
// has the same guard, and its panic is a function error.
type Config struct {
	// EventSourceARN is the ARN of the stream, "arn:aws:kinesis:us-east-1:123456789012:stream/orders", which is then
	// polled, or of a registered consumer of it, "…:stream/orders/consumer/shipping:1700000000", which is then read by
	// enhanced fan-out. Events and documents show it unchanged. The mapping neither registers nor deletes a consumer.
	EventSourceARN string

	// FunctionName is a name, an ARN or a partial ARN, with an optional ":version" or ":alias". Together with
	// EventSourceARN it identifies the mapping in the Store, and the function sees it as its ARN; it need not exist on
	// AWS.
	FunctionName string

	// UUID identifies the mapping in the Store, and in the keys of the objects for an S3 destination. The mapping may
	// then get another function, and one with another UUID begins afresh. It has 36 characters. If it is empty,
	// EventSourceARN and FunctionName identify the mapping. StoreName replaces UUID for the Store only.
	UUID string

	// StoreName identifies the mapping in the Store instead of EventSourceARN and FunctionName, or UUID: 1 to 1,024
	// bytes of UTF-8. After a change of FunctionName, or of a stream's ARN to a consumer's, the mapping resumes from
	// its progress if StoreName is its former name: StoreKey returns it, and the log shows it. An extension.
	StoreName string

	// StartingPosition is where shards without a checkpoint begin.
	StartingPosition StartingPosition

	// StartingPositionTimestamp goes with AtTimestamp, and must not lie in the future. Its fraction of a second is cut off.
	StartingPositionTimestamp time.Time

	// BatchSize is the largest number of records in an invocation: 1 to 10,000, default 100.
	BatchSize int

	// MaximumBatchingWindow is how long records are gathered for an invocation that is not full: 0 to 300 s, in whole
	// seconds. At 0, the default, the function is invoked as soon as there is a record.
	MaximumBatchingWindow time.Duration

	// ParallelizationFactor is the maximum number of concurrent invocations per shard: 1 to 10, default 1. All records
	// of a partition key are processed in order, by one of them at a time; a failing batch blocks all keys of its lane. It may
	// be changed with a restart.
	ParallelizationFactor int

	// TumblingWindow is the length of tumbling windows: 0, for none, to 900 s, in whole seconds. The function then gets
	// the state that it returned before for the same window (invoke.ResponseFunc, invoke.StateFunc), and one more
	// invocation without records when the window is over. It excludes ParallelizationFactor and FilterCriteria.
	TumblingWindow time.Duration

	// TumblingWindowGrace is how long after the end of a window the stream must have been read to its tip before the
	// window is closed, if no later record closes it: 0 to 2 min, default 5 s. An extension.
	TumblingWindowGrace time.Duration

	// FilterCriteria select the records for the function. Others are skipped and counted.
	FilterCriteria FilterCriteria

	// MaximumRetryAttempts is how often a failed batch is retried before it is discarded: 0 to 10,000. nil, the
	// default, and -1 mean until it succeeds or its records are too old. Invocations that never ran (invoke.ErrNotRun)
	// do not count.
	MaximumRetryAttempts *int

	// MaximumRecordAge is the age at which a record is discarded: 60 s to 604,800 s, in whole seconds. 0, the default,
	// and -1 mean never (time.Duration(-1), or -1 s). The stream's clock determines the age, if Source is a
	// poller.Clock that knows it; otherwise this host's.
	MaximumRecordAge time.Duration

	// BisectBatchOnFunctionError splits a failed batch in two, each with its own retries, so that a bad record is
	// isolated and the good ones pass. The split costs no retry.
	BisectBatchOnFunctionError bool

	// FunctionResponseTypes may contain ReportBatchItemFailures: then the function may name the failed records
	// (invoke.FailedItemsError, invoke.Response, batchItemFailures in JSON), and the batch is retried from the lowest
	// of them on.
	FunctionResponseTypes []FunctionResponseType

	// DestinationConfig says where discarded records are reported. Without a destination they are dropped.
	DestinationConfig DestinationConfig

	// DestinationResolvers make a destination from an ARN: those of invoke/destination/sqs, sns and s3, each made with
	// its client.
	DestinationResolvers []invoke.DestinationResolver

	// Client reads the stream: a *kinesis.Client, or a fake with the same methods. It stays the caller's. For the ARN of a
	// consumer it must have SubscribeToShard too, or be a poller.Subscriber.
	Client poller.Client

	// Read controls how Client reads.
	Read ReadOptions

	// Source replaces Client: another way to read, such as a fake of a few lines in a test.
	Source poller.Source

	// Function is invoked with the records, with up to ParallelizationFactor concurrent invocations per shard. A Func
	// is the simplest.
	Function invoke.Invoker

	// Role is the execution role that Client acts as, made by role.Role: see there how Client gets its credentials. Run
	// begins by assuming it, and by checking whether it may read the stream; a missing permission is a
	// *role.AccessError with AWS's text. Its ARN is the events' invokeIdentityArn. If nil, the Client's own credentials
	// are used unchecked.
	Role *role.Provider

	// Store keeps the progress, under a lease of each shard and concurrently with the invocations: one of boltstore and
	// dynamostore, or of your own. It stays the caller's, and may serve many mappings. If nil, progress is kept in a
	// MemoryStore and lost with the process.
	Store driver.Store

	// FunctionTimeout ends an invocation that takes longer; the function sees it as its ctx's deadline. An in-process
	// function that ignores its ctx keeps its lane until it returns. 0 means none; at most 24 h.
	FunctionTimeout time.Duration

	// PayloadLimit is the largest event in bytes of JSON: 1,024 to 2^40, default 6,291,456 as on Lambda.
	// An extension.
	PayloadLimit int

	// ShardRefreshInterval is the interval of listings of the stream's shards: 1 s to 24 h, default 30 s. An extension.
	ShardRefreshInterval time.Duration

	// BufferBytes bounds the memory of the records of a shard between reading and resolving them: 1,024 to 2^40,
	// default 32 MiB; a page of up to 10 MiB may exceed it. The bound is for each shard: a process with many shards, a
	// slow function and a long backlog may hold that much for every one of them, unless it has a Budget. An extension.
	BufferBytes int

	// Budget bounds the memory of the records of all shards, in all mappings with the same Budget: see poller.Budget.
	// When it is short, the shards that hold most of it do not wait for MaximumBatchingWindow. nil means no bound. It
	// goes with Client. An extension.
	Budget *poller.Budget

	// DrainTimeout is the time for running invocations after Run's ctx is cancelled, before their own ctx is: default
	// 30 s; negative means none. An extension.
	DrainTimeout time.Duration

	// CheckpointInterval is the minimum time between two writes of a shard's progress. 0 means that each write follows
	// the previous one immediately, or after a second with a FleetStore; negative means immediately there too. An
	// extension.
	CheckpointInterval time.Duration

	// FailoverTime is how long a worker of a fleet may be silent before its shards are taken: 1 s to 1 h, default 10 s.
	// If the workers of a mapping have different ones, the longest of all living workers counts, and one line at level
	// WARN says so: it can be changed worker by worker. It goes with a FleetStore. An extension.
	FailoverTime time.Duration

	// WarnAfter is how long a call of the function, or of the on-failure destination, runs before it is logged, at
	// level WARN, and again whenever the call has run for twice as long: default 1 min; negative means never. It does
	// not apply to throttled reads, which are logged after 30 s, and to a start that waits, which is logged after 3 s.
	// An extension.
	WarnAfter time.Duration

	// Logger gets changes of state, never single records. nil means slog.Default().
	Logger *slog.Logger

	// Observer is called for events, for metrics and tests. nil fields are not called.
	Observer observe.Observer
}

// Defaults that are not AWS's own.
const (
	defaultShardRefreshInterval = 30 * time.Second
	defaultDrainTimeout         = 30 * time.Second
)

// ConfigError says what is wrong with one field of a Config. New returns all of them, joined.
type ConfigError struct {
	Field   string
	Message string // AWS's own text if it is known
}

// Error returns "mapping: FIELD: MESSAGE".
func (e *ConfigError) Error() string { return "mapping: " + e.Field + ": " + e.Message }

// withDefaults returns c with its zero fields set to their defaults, for a valid Config.
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
