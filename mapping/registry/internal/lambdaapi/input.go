package lambdaapi

import "time"

// CreateInput is the body of a CreateEventSourceMapping.
type CreateInput struct {
	EventSourceARN            string
	FunctionName              string
	StartingPosition          string
	StartingPositionTimestamp time.Time // zero: absent
	Tags                      map[string]string
	Settings

	// EmptySource and EmptyPosition say that the request has the member, and that it is empty and not absent.
	EmptySource, EmptyPosition bool
}

// UpdateInput is the body of an UpdateEventSourceMapping.
type UpdateInput struct {
	FunctionName *string // nil: absent
	Settings
}

// Settings are the members that both bodies have. A nil field is absent, or null.
type Settings struct {
	Enabled                        *bool
	BatchSize                      *int
	MaximumBatchingWindowInSeconds *int
	ParallelizationFactor          *int
	MaximumRecordAgeInSeconds      *int
	MaximumRetryAttempts           *int
	BisectBatchOnFunctionError     *bool
	TumblingWindowInSeconds        *int
	FunctionResponseTypes          []string // empty, but not nil: an empty list
	DestinationConfig              *DestinationConfig
	FilterCriteria                 *FilterCriteria
	KMSKeyARN                      *string
	MetricsConfig                  *MetricsConfig

	// Unsupported are the names of members in the request that a mapping of a stream cannot have.
	Unsupported []string
}

// DestinationConfig says where discarded records are reported.
type DestinationConfig struct {
	OnFailure OnFailure
	OnSuccess bool // a request has a destination for successes; no answer has one
}

// OnFailure is the destination of discarded records, or empty.
type OnFailure struct {
	Destination string `json:"Destination,omitempty"`
}

// FilterCriteria are the filters of a mapping.
type FilterCriteria struct {
	Filters []Filter
}

// Filter is one filter.
type Filter struct {
	Pattern string
}

// MetricsConfig names metrics.
type MetricsConfig struct {
	Metrics []string
}

// ListInput is the query of a ListEventSourceMappings. An empty text is absent.
type ListInput struct {
	EventSourceARN string
	FunctionName   string
	Marker         string
	MaxItems       *int // nil: absent
}

// ListOutput is one page of mappings.
type ListOutput struct {
	NextMarker          string // empty on the last page
	EventSourceMappings []Configuration
}
