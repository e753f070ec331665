package registry

import "time"

// CreateInput is what Create is asked for.
type CreateInput struct {
	// EventSourceARN is the ARN of a stream, or of a consumer of one. Required.
	EventSourceARN string

	// FunctionName is a name, an ARN or a partial ARN, with ":version" or ":alias" if need be. Required.
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

// UpdateInput is what Update is asked for. What is nil stays as it is.
type UpdateInput struct {
	// FunctionName is another function; nil keeps the one that there is.
	FunctionName *string

	Settings
}

// Settings are what can be set when a mapping is created, and changed later. They have the names of the Lambda API.
// What is nil has AWS's default in a create, and stays as it is in an update.
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

	// DestinationConfig takes the place of what there was. One without a destination removes it.
	DestinationConfig *DestinationConfig

	// FilterCriteria take the place of what there was. Empty ones remove them.
	FilterCriteria *FilterCriteria

	// KMSKeyARN is refused unless it is empty: nothing is encrypted here.
	KMSKeyARN *string

	// MetricsConfig is kept and told, for hosts that ask it which metrics to publish. One without Metrics removes it.
	MetricsConfig *MetricsConfig

	// unsupported are the names of members that a request has and a mapping of a stream can't.
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
	Destination string `json:"Destination,omitempty"`
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

// ListInput is what List is asked for. The zero ListInput asks for all mappings.
type ListInput struct {
	// EventSourceARN, unless it is empty, keeps the mappings of this source alone.
	EventSourceARN string

	// FunctionName, unless it is empty, keeps the mappings to this function alone, with exactly this qualifier.
	FunctionName string

	// Marker is the NextMarker of the page before; empty begins with the first.
	Marker string

	// MaxItems is the most that a page may have: 1 to 10,000, of which 100 are given; nil means 100.
	MaxItems *int
}

// ListOutput is one page of mappings.
type ListOutput struct {
	// NextMarker goes with the next List; it is empty on the last page.
	NextMarker string

	EventSourceMappings []Configuration
}
