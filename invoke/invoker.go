package invoke

import "context"

// Invoker runs a function. It is what a mapping needs of one: Func, ResponseFunc and the adapters in the packages below
// this one are Invokers, and anything with this method is.
//
// Invoke is synchronous, may be called by several goroutines at once, and must return soon after ctx is done.
type Invoker interface {
	// Invoke runs the function once. ctx carries the invocation's deadline, if it has one.
	//
	// An error for which errors.Is(err, ErrNotRun) holds means that the function never ran: the batch is tried again
	// and no retry is spent. One for which errors.Is(err, ErrTooLarge) holds means that it could not be given the event.
	// Any other error is a function error, but for a *FailedItemsError where it counts; so is a Result with
	// FunctionError set. A nil Result without an error is an empty answer.
	Invoke(ctx context.Context, in *Invocation) (*Result, error)
}

// FunctionChecker is an optional power of an Invoker: mapping.New asks it, before anything runs, whether it can invoke the
// function that the mapping is for.
type FunctionChecker interface {
	// CheckFunction returns why a function, given by its ARN with or without a qualifier, can't be invoked, as far as that
	// is known without a call; nil otherwise.
	CheckFunction(functionARN string) error
}

// Invocation is one run of a function.
type Invocation struct {
	// RequestID is a UUID. An unchanged retry of a batch keeps it.
	RequestID string

	// FunctionARN is the ARN of the function as it was configured, with its qualifier if it has one.
	FunctionARN string

	// Attempt is 1 for the first run of this RequestID.
	Attempt int

	// Event is what the function is given. It is read-only and stays valid for as long as it is referenced.
	Event *Event
}

// Result is what a function that ran came to.
type Result struct {
	// StatusCode is that of the invocation, 200 for one that ran; 0 counts as 200.
	StatusCode int

	// ExecutedVersion is the version that ran; empty counts as "$LATEST".
	ExecutedVersion string

	// FunctionError is empty for a function that returned, and "Unhandled" or "Handled" for one that failed.
	FunctionError string

	// Payload is the function's answer as JSON, or the error document under FunctionError. It may be empty.
	Payload []byte

	// Response is the function's answer where it is at hand without JSON. It takes the place of Payload.
	Response *Response

	// Err is why the invocation was no success, or not for all items, for logs and observers; nil otherwise. Run sets it.
	// An Invoker that sets FunctionError may say more with it.
	Err error
}

// Response is an answer of a function to an event of records.
type Response struct {
	// FailedItems are the sequence numbers of the records that could not be processed. They count only where the mapping
	// has FunctionResponseTypes ReportBatchItemFailures. One that is not in the batch makes all of it count as failed.
	FailedItems []string

	// State is the state of the tumbling window, a JSON object; nil without tumbling windows. With them, an answer that
	// has none counts as a function error.
	State []byte
}
