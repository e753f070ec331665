package invoke

import (
	"time"

	"github.com/shardmill/shardmill/batch"
)

// Failure is a discarded batch: the content of an on-failure document. It is read-only, and so is everything reachable
// from it. It stays valid for as long as it is referenced.
type Failure struct {
	// MappingUUID identifies the mapping. It is in the key of an S3 object, and in no document.
	MappingUUID string

	// RequestID is that of the last invocation, or a new one if the records were never invoked.
	RequestID string

	// FunctionARN is the ARN of the function as configured, with its qualifier if it has one.
	FunctionARN string

	// Condition is why the batch was discarded.
	Condition batch.Condition

	// Invocations is the document's approximateInvokeCount; it is at least 1.
	Invocations int

	// Response is the result of the last invocation; nil if no response of the function was the reason:
	// the records grew too old, or the event was too large.
	Response *FailureResponse

	// Time is when the batch was discarded.
	Time time.Time

	// Event is the input of the function, even if it was never invoked. It is never nil. It has no records if the final
	// invocation of a tumbling window is discarded.
	Event *Event
}

// FailureResponse is the responseContext of an on-failure document.
type FailureResponse struct {
	// StatusCode is that of the invocation; 0 counts as 200.
	StatusCode int

	// ExecutedVersion is the version that ran; empty counts as "$LATEST".
	ExecutedVersion string

	// FunctionError is "Unhandled" or "Handled" if the function failed; empty, printed as null, if it returned and
	// named failed items.
	FunctionError string
}
