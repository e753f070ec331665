package batch

import (
	"fmt"
	"time"
)

// Step is the effect of a Report on a batch or a discard.
type Step uint8

// The steps.
const (
	// Ignored: nothing with this ID is running. The report was too late, or repeated, and changed nothing.
	Ignored Step = iota
	// Resolved: all its records are resolved.
	Resolved
	// Continued: the records before the first failed one are resolved; the others are a new batch, invoked immediately.
	Continued
	// Retried: the same batch is invoked again after Disposition.Delay.
	Retried
	// Bisected: its two halves are new batches. The first is invoked immediately.
	Bisected
	// Exhausted: no retry is left, and the records are discarded.
	Exhausted
)

var stepNames = [...]string{"ignored", "resolved", "continued", "retried", "bisected", "exhausted"}

// String returns the name that scenarios use, such as "retried".
func (s Step) String() string {
	if int(s) < len(stepNames) {
		return stepNames[s]
	}
	return fmt.Sprintf("Step(%d)", uint8(s))
}

// MarshalText returns the name, so that JSON contains it instead of a number.
func (s Step) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Disposition is the effect of a Report, for logs, metrics and LastProcessingResult. It requires no action: all actions
// come from Next.
type Disposition struct {
	Step Step

	// Resolved is the number of records that this report resolved.
	Resolved int

	// Delay is the time until the retry, for Retried.
	Delay time.Duration

	// BadItem is set when FailedItems named a record that is not in the batch, so that the whole batch counts as
	// failed.
	BadItem bool
}
