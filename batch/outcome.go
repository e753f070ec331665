package batch

import "fmt"

// OutcomeKind is the result of an invocation or a discard.
type OutcomeKind uint8

// The kinds of outcome. The first group ends an invocation, the second a discard.
const (
	// None is the zero kind: no outcome yet.
	None OutcomeKind = iota

	// Success: the function ran and returned. FailedItems may name records that it could not process.
	Success
	// FunctionError: the function ran and failed: an error, a panic, a timeout, a dead process. It spends a retry.
	FunctionError
	// NotRun: the function never ran (throttled, 5xx, missing, access denied). It spends no retry.
	NotRun
	// TooLarge: the event was too large to be sent to the function. It spends a retry.
	TooLarge

	// Delivered: the on-failure destination has the document.
	Delivered
	// Dropped: there is no destination, or it did not accept the document. The records are passed anyway.
	Dropped
)

var outcomeNames = [...]string{"none", "success", "function-error", "not-run", "too-large", "delivered", "dropped"}

// String returns the name that scenarios use, such as "function-error".
func (k OutcomeKind) String() string {
	if int(k) < len(outcomeNames) {
		return outcomeNames[k]
	}
	return fmt.Sprintf("OutcomeKind(%d)", uint8(k))
}

// MarshalText returns the name, so that JSON contains it instead of a number.
func (k OutcomeKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Outcome is the result that Report gets for an invocation or a discard.
type Outcome struct {
	Kind OutcomeKind

	// FailedItems are the sequence numbers that a successful invocation returned as batchItemFailures, in any order. An
	// entry that is not a string is "" here. They count only with Policy.ReportBatchItemFailures. A sequence number
	// that several members of an aggregate share means the first of them in the batch.
	FailedItems []string

	// State is the window state that a successful invocation returned, nil when it returned none.
	// It counts only with tumbling windows.
	State []byte
}
