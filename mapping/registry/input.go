package registry

import "time"

// CreateInput is the input of Create.
type CreateInput struct {
	// EventSourceARN is the ARN of a stream, or of a consumer of one. Required.
	EventSourceARN string

	// FunctionName is a name, an ARN or a partial ARN, with an optional ":version" or ":alias". Required.
	FunctionName string

	// StartingPosition is TRIM_HORIZON, LATEST or AT_TIMESTAMP. Required.
	StartingPosition string

	// StartingPositionTimestamp goes with AT_TIMESTAMP.
	StartingPositionTimestamp time.Time

	// Tags are at most 50.
	Tags map[string]string

	Settings

	// emptySource and emptyPosition say that a request has the member, and that it is empty and not absent.
	emptySource, emptyPosition bool
}

// UpdateInput is the input of Update. A nil field leaves the value unchanged.
type UpdateInput struct {
	// FunctionName is another function; nil keeps the current one.
	FunctionName *string

	Settings
}

// Settings can be set when a mapping is created, and changed later. They have the names of the Lambda API. A nil field
// means AWS's default in a create, and leaves the value unchanged in an update.
type Settings struct {
	Enabled                        *bool // default true
	BatchSize                      *int  // 1 to 10,000, default 100
	MaximumBatchingWindowInSeconds *int  // 0 to 300, default 0
	ParallelizationFactor          *int  // 1 to 10, default 1
	MaximumRecordAgeInSeconds      *int  // 60 to 604,800, or -1 for no limit, the default
	MaximumRetryAttempts           *int  // 0 to 10,000, or -1 for no limit, the default
	BisectBatchOnFunctionError     *bool // default false
	TumblingWindowInSeconds        *int  // 0 to 900, default 0: none

	// FunctionResponseTypes may hold "ReportBatchItemFailures". One that is empty but not nil removes it.
	FunctionResponseTypes []string

	// DestinationConfig replaces the previous one. One without a destination removes it.
	DestinationConfig *DestinationConfig

	// FilterCriteria replace the previous ones. Empty ones remove them.
	FilterCriteria *FilterCriteria

	// KMSKeyARN is refused unless it is empty: definitions are not encrypted.
	KMSKeyARN *string

	// MetricsConfig is stored and returned, for hosts that use it to decide which metrics to publish. One without
	// Metrics removes it.
	MetricsConfig *MetricsConfig

	// unsupported are the names of members in the request that a mapping of a stream cannot have.
	unsupported []string
}

// DestinationConfig says where discarded records are reported.
type DestinationConfig struct {
	OnFailure OnFailure

	onSuccess bool // a request has one, which is refused
}

// OnFailure is the destination of discarded records.
type OnFailure struct {
	// Destination is the ARN of a queue, a topic or a bucket, at most 350 characters; empty means none.
	Destination string `json:",omitempty"`
}

// FilterCriteria say which records the function is invoked with.
type FilterCriteria struct {
	// Filters are at most 5: a record passes if one of them matches.
	Filters []Filter
}

// Filter is one filter.
type Filter struct {
	// Pattern is an event pattern of at most 4,096 characters; package batch/filter has the grammar.
	Pattern string
}

// MetricsConfig names metrics.
type MetricsConfig struct {
	// Metrics are of EventCount, ErrorCount and KafkaMetrics.
	Metrics []string
}

// ListInput is the input of List. The zero ListInput selects all mappings.
type ListInput struct {
	// EventSourceARN, unless it is empty, selects the mappings of this source.
	EventSourceARN string

	// FunctionName, unless it is empty, selects the mappings to this function, with exactly this qualifier.
	FunctionName string

	// Marker is the NextMarker of the previous page; empty begins with the first.
	Marker string

	// MaxItems is the maximum size of a page: 1 to 10,000, but at most 100 are returned; nil means 100.
	MaxItems *int
}

// ListOutput is one page of mappings.
type ListOutput struct {
	// NextMarker goes with the next List; it is empty on the last page.
	NextMarker string

	EventSourceMappings []Configuration
}
