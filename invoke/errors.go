package invoke

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrNotRun says that the function never ran, so that no retry is spent. The errors below wrap it.
var ErrNotRun = errors.New("invoke: function did not run")

// Reasons why a function did not run. Each wraps ErrNotRun.
var (
	// ErrThrottled says that the function's service refused the invocation for its rate (HTTP 429).
	ErrThrottled = fmt.Errorf("%w: throttled", ErrNotRun)
	// ErrUnavailable says that the function's service is out of order or unreachable (HTTP 5xx, no connection).
	ErrUnavailable = fmt.Errorf("%w: unavailable", ErrNotRun)
	// ErrFunctionNotFound says that the function does not exist (HTTP 404).
	ErrFunctionNotFound = fmt.Errorf("%w: function not found", ErrNotRun)
	// ErrAccessDenied says that this process may not run the function (HTTP 403).
	ErrAccessDenied = fmt.Errorf("%w: access denied", ErrNotRun)
)

// ErrTooLarge says that the event exceeds the function's limit. The function does not run, but a retry is spent, as on
// AWS.
var ErrTooLarge = errors.New("invoke: event too large")

// errGoexit is the error of a function that called runtime.Goexit.
var errGoexit = errors.New("invoke: function called runtime.Goexit")

// FailedItemsError is returned by a function that processed all records except the named ones. If the mapping has
// FunctionResponseTypes ReportBatchItemFailures, the invocation is then a success, and the batch is retried from the
// lowest of them on. Otherwise this is a function error like any other, so that no record is passed by mistake.
//
// It may be wrapped, and joined with others: the items of all of them count, and the other errors only explain it. One
// that names no item but has an Err is a function error.
type FailedItemsError struct {
	// SequenceNumbers are those of the failed records, in any order.
	SequenceNumbers []string

	// Err is the reason, for logs; it may be nil.
	Err error
}

// Error returns the number of items and the reason.
func (e *FailedItemsError) Error() string {
	switch {
	case e == nil:
		return "invoke: 0 items failed"
	case e.Err == nil:
		return fmt.Sprintf("invoke: %d items failed", len(e.SequenceNumbers))
	}
	return fmt.Sprintf("invoke: %d items failed: %v", len(e.SequenceNumbers), e.Err)
}

// Unwrap returns Err.
func (e *FailedItemsError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// failedItems collects the items of every FailedItemsError in err's tree. errors.As would find the first only, and the
// records that the others name would be lost.
func failedItems(err error) (items []string, found bool) {
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself
	case *FailedItemsError:
		if e == nil {
			return nil, true
		}
		return e.SequenceNumbers, len(e.SequenceNumbers) > 0 || e.Err == nil
	case interface{ Unwrap() error }:
		return failedItems(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			more, ok := failedItems(err)
			items, found = append(items, more...), found || ok
		}
	}
	return items, found
}

// TimeoutError says that a function did not return by its deadline. It is the cause of the function's ctx after that.
type TimeoutError struct {
	// Timeout is the configured timeout of the invocation.
	Timeout time.Duration
}

// Error returns the timeout in AWS's words.
func (e *TimeoutError) Error() string { return "invoke: task " + e.words() }

// Is makes a TimeoutError match context.DeadlineExceeded.
func (e *TimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// words is the part of the message that AWS's text and ours share.
func (e *TimeoutError) words() string {
	return fmt.Sprintf("timed out after %.2f seconds", e.Timeout.Seconds())
}

// PanicError says that a function panicked. It does not unwrap: a panic is a function error, whatever its value is.
type PanicError struct {
	Value any    // the argument of panic
	Stack []byte // of the goroutine, as debug.Stack prints it
}

// Error returns the panic's value, without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("invoke: function panicked: %v", e.Value) }
