package invoke

import "context"

// Invoker runs a function. Func, ResponseFunc and the adapters in the packages below this one are Invokers.
//
// Invoke is synchronous, may be called concurrently, and must return soon after ctx is done.
type Invoker interface {
	// Invoke runs the function once. ctx carries the invocation's deadline, if it has one.
	//
	// An error for which errors.Is(err, ErrNotRun) holds means that the function never ran: the batch is retried and no
	// retry is spent. One for which errors.Is(err, ErrTooLarge) holds means that the event exceeds the function's
	// limit. Any other error is a function error, except a *FailedItemsError if it counts; so is a Result with
	// FunctionError set. A nil Result without an error is an empty answer.
	Invoke(ctx context.Context, in *Invocation) (*Result, error)
}

// FunctionChecker is an optional interface of an Invoker: before anything runs, mapping.New checks whether it can
// invoke the mapping's function.
type FunctionChecker interface {
	// CheckFunction returns why a function, given by its ARN with or without a qualifier, cannot be invoked, as far as
	// that is known without a call; nil otherwise.
	CheckFunction(functionARN string) error
}

// Invocation is one run of a function.
type Invocation struct {
	// RequestID is a UUID. An unchanged retry of a batch keeps it.
	RequestID string

	// FunctionARN is the ARN of the function as configured, with its qualifier if it has one.
	FunctionARN string

	// Attempt is 1 for the first run of this RequestID.
	Attempt int

	// Event is the input of the function. It is read-only and stays valid for as long as it is referenced.
	Event *Event
}

// Result is the result of a function that ran.
type Result struct {
	// StatusCode is that of the invocation, 200 if the function ran; 0 counts as 200.
	StatusCode int

	// ExecutedVersion is the version that ran; empty counts as "$LATEST".
	ExecutedVersion string

	// FunctionError is empty for a function that returned, and "Unhandled" or "Handled" for one that failed.
	FunctionError string

	// Payload is the function's answer as JSON, or the error document under FunctionError. It may be empty.
	Payload []byte

	// Response is the function's answer if it is available without JSON. It replaces Payload.
	Response *Response

	// Err is why the invocation was not a success, or not for all items, for logs and observers; nil otherwise. Run
	// sets it. An Invoker that sets FunctionError may set it to add detail.
	Err error
}

// Response is an answer of a function to an event of records.
type Response struct {
	// FailedItems are the sequence numbers of the failed records. They count only if the mapping has
	// FunctionResponseTypes ReportBatchItemFailures. One that is not in the batch fails the whole batch.
	FailedItems []string

	// State is the state of the tumbling window, a JSON object; nil without tumbling windows. With them, an answer
	// without a state is a function error.
	State []byte
}
