package registry

import "time"

// State is the state of a mapping, in AWS's words.
type State string

// The states. Create, Enable, Disable, Update and Delete reach their settled state within about a second, or when
// running invocations have drained.
const (
	Creating  State = "Creating"
	Enabling  State = "Enabling"
	Enabled   State = "Enabled"
	Disabling State = "Disabling"
	Disabled  State = "Disabled"
	Updating  State = "Updating"
	Deleting  State = "Deleting"
)

// settled reports whether a mapping in the state may be changed.
func (s State) settled() bool { return s == Enabled || s == Disabled }

// userAction is the StateTransitionReason of all mappings of streams: a mapping is never disabled by itself.
const userAction = "User action"

// Configuration is a mapping in the answers of all operations: AWS's EventSourceMappingConfiguration.
type Configuration struct {
	UUID                           string
	StartingPosition               string
	StartingPositionTimestamp      time.Time // zero without AT_TIMESTAMP
	BatchSize                      int
	MaximumBatchingWindowInSeconds int
	ParallelizationFactor          int
	EventSourceARN                 string
	FilterCriteria                 *FilterCriteria // nil without filters
	FunctionARN                    string          // with its configured qualifier
	LastModified                   time.Time       // to the millisecond in the answer to a change, else to the minute
	LastProcessingResult           string
	State                          State
	StateTransitionReason          string
	DestinationConfig              DestinationConfig
	MaximumRecordAgeInSeconds      int
	BisectBatchOnFunctionError     bool
	MaximumRetryAttempts           int
	TumblingWindowInSeconds        int
	FunctionResponseTypes          []string
	EventSourceMappingARN          string
	MetricsConfig                  *MetricsConfig // nil without
}

// MarshalJSON writes c in its form on the wire, in AWS's order. MetricsConfig, whose place is not known, is last.
func (c Configuration) MarshalJSON() ([]byte, error) { return wireConfiguration(&c).MarshalJSON() }
