package lambdaapi

import (
	"strconv"
	"time"
)

// Configuration is a mapping in an answer: the model's EventSourceMappingConfiguration.
type Configuration struct {
	UUID                           string
	StartingPosition               string
	StartingPositionTimestamp      time.Time // zero: the answer has none
	BatchSize                      int
	MaximumBatchingWindowInSeconds int
	ParallelizationFactor          int
	EventSourceARN                 string
	FilterCriteria                 *FilterCriteria // nil: the answer has none
	FunctionARN                    string
	LastModified                   time.Time
	LastProcessingResult           string
	State                          string
	StateTransitionReason          string
	DestinationConfig              DestinationConfig
	MaximumRecordAgeInSeconds      int
	BisectBatchOnFunctionError     bool
	MaximumRetryAttempts           int
	TumblingWindowInSeconds        int
	FunctionResponseTypes          []string
	EventSourceMappingARN          string
	MetricsConfig                  *MetricsConfig // nil: the answer has none
}

// MarshalJSON writes c in its form on the wire, in AWS's order. MetricsConfig, whose place is not known, is last.
func (c Configuration) MarshalJSON() ([]byte, error) {
	type destination struct {
		OnFailure OnFailure
	}
	types := c.FunctionResponseTypes
	if types == nil {
		types = []string{}
	}
	return Encode(struct {
		UUID                           string
		StartingPosition               string
		StartingPositionTimestamp      epoch `json:",omitzero"`
		BatchSize                      int
		MaximumBatchingWindowInSeconds int
		ParallelizationFactor          int
		EventSourceArn                 string
		FilterCriteria                 *FilterCriteria `json:",omitempty"`
		FunctionArn                    string
		LastModified                   epoch
		LastProcessingResult           string
		State                          string
		StateTransitionReason          string
		DestinationConfig              destination
		MaximumRecordAgeInSeconds      int
		BisectBatchOnFunctionError     bool
		MaximumRetryAttempts           int
		TumblingWindowInSeconds        int
		FunctionResponseTypes          []string
		EventSourceMappingArn          string
		MetricsConfig                  *MetricsConfig `json:",omitempty"`
	}{
		c.UUID, c.StartingPosition,
		epoch{c.StartingPositionTimestamp},
		c.BatchSize, c.MaximumBatchingWindowInSeconds,
		c.ParallelizationFactor, c.EventSourceARN, c.FilterCriteria, c.FunctionARN,
		epoch{c.LastModified},
		c.LastProcessingResult, c.State, c.StateTransitionReason,
		destination{c.DestinationConfig.OnFailure},
		c.MaximumRecordAgeInSeconds, c.BisectBatchOnFunctionError, c.MaximumRetryAttempts, c.TumblingWindowInSeconds,
		types, c.EventSourceMappingARN, c.MetricsConfig,
	})
}

// epoch is a time that is written as seconds since 1970, with milliseconds as decimals.
type epoch struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (e epoch) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(e.UnixMilli())/1000, 'f', -1, 64), nil
}
