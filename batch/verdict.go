package batch

import (
	"fmt"
	"time"
)

// Step is what became of a batch, or of a discard, by a Report.
type Step uint8

// The steps.
const (
	// Ignored: nothing with this ID is running. The report came too late, or twice, and changed nothing.
	Ignored Step = iota
	// Resolved: all its records are done with.
	Resolved
	// Continued: the records before the first failed one are done with; the others are a new batch, invoked at once.
	Continued
	// Retried: the same batch is invoked again after Verdict.Delay.
	Retried
	// Bisected: its two halves are new batches, the first of which is invoked at once.
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

// MarshalText returns the name, so that JSON has it in place of a number.
func (s Step) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Verdict tells what a Report led to, for logs, metrics and LastProcessingResult. Everything that has to be done
// comes from Next.
type Verdict struct {
	Step Step

	// Resolved is the number of records that are done with by this report.
	Resolved int

	// Delay is the time until the retry, for Retried.
	Delay time.Duration

	// BadItem is set when FailedItems named a record that is not in the batch, so that all of it counts as failed.
	BadItem bool
}
