package invoke

import (
	"time"

	"github.com/shardmill/shardmill/batch"
)

// Failure is a batch that was given up: what an on-failure document tells. It is read-only, and so is all that it leads
// to; it stays valid for as long as it is referenced.
type Failure struct {
	// MappingUUID names the mapping. It is in the key of an S3 object, and in no document.
	MappingUUID string

	// RequestID is that of the last invocation, or a new one when the records were never invoked.
	RequestID string

	// FunctionARN is the ARN of the function as it was configured, with its qualifier if it has one.
	FunctionARN string

	// Condition is why the batch was given up.
	Condition batch.Condition

	// Invocations is the document's approximateInvokeCount; it is at least 1.
	Invocations int

	// Response is what the last invocation came to; nil where no response was the reason. See NewFailureResponse.
	Response *FailureResponse

	// Time is when the batch was given up.
	Time time.Time

	// Event is what the function was given, or would have been. It is never nil. It has no records when the final
	// invocation of a tumbling window is given up.
	Event *Event
}

// FailureResponse is the responseContext of an on-failure document.
type FailureResponse struct {
	// StatusCode is that of the invocation; 0 counts as 200.
	StatusCode int

	// ExecutedVersion is the version that ran; empty counts as "$LATEST".
	ExecutedVersion string

	// FunctionError is "Unhandled" or "Handled" for a function that failed; empty, printed as null, for one that
	// returned and named failed items.
	FunctionError string
}

// NewFailureResponse returns the Response of a Failure: what last came to, if cause, that of the batch.Discard, is a
// response of the function. It is nil for records that grew too old and for an event that was too large.
func NewFailureResponse(cause batch.OutcomeKind, last *Result) *FailureResponse {
	if cause != batch.FunctionError && cause != batch.Success {
		return nil
	}
	return &FailureResponse{
		StatusCode:      last.StatusCode,
		ExecutedVersion: last.ExecutedVersion,
		FunctionError:   last.FunctionError,
	}
}
