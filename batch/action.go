package batch

import (
	"fmt"
	"strings"
	"time"
)

// Action is a request of a Scheduler to its caller: *Invoke, *Discard or *Commit, and nothing else. An action prints as
// one line. It never changes after Next returned it.
//
//sumtype:decl
type Action interface {
	fmt.Stringer
	action()
}

// ID identifies a batch within one Scheduler, from 1. An unchanged retry keeps its ID, so that the caller can keep the
// request ID that it made for it. The rest after a partial failure, and each half of a bisected batch, have new IDs.
type ID int64

// Invoke requests one invocation of the function. The caller reports its end with Report(now, ID, outcome). At most one
// invocation of an ID runs at a time, and at most one per lane.
type Invoke struct {
	ID ID

	// Lane is 0 to Policy.ParallelizationFactor-1. Invocations of different lanes may run concurrently.
	Lane int

	// Attempt is 1 for the first invocation of this ID and grows by one with each further invocation.
	Attempt int

	// Records are empty only for the final invocation of a tumbling window.
	Records Records

	// Window is the tumbling window that the records belong to, nil without tumbling windows.
	Window *Window
}

// Window is a tumbling window as one invocation, one discard or one commit sees it.
type Window struct {
	Start, End time.Time // Start is inclusive, End exclusive; both aligned to the Unix epoch

	// State is the JSON object that the previous invocation returned; "{}" at first.
	State []byte

	Final           bool // isFinalInvokeForWindow
	TerminatedEarly bool // isWindowTerminatedEarly
}

// Condition is why records were discarded, in AWS's words.
type Condition string

// The conditions of an on-failure document.
const (
	RetryAttemptsExhausted Condition = "RetryAttemptsExhausted"
	RecordAgeExceeded      Condition = "RecordAgeExceeded"
)

// Discard requests that records be discarded: sent to the on-failure destination, if there is one, and passed. The
// caller reports its end with Report(now, ID, outcome), where the outcome is Delivered or Dropped. The lane waits for
// it.
type Discard struct {
	// ID is that of the invocations that failed before, or a new one if the records were never invoked.
	ID        ID
	Lane      int
	Condition Condition

	// Invocations is the approximateInvokeCount of the on-failure document; it is at least 1.
	Invocations int

	// Cause is the outcome that used up the retries: FunctionError, Success (with failed items), or TooLarge.
	// It is None under RecordAgeExceeded.
	Cause OutcomeKind

	// Records are as in Invoke.
	Records Records
	Window  *Window
}

// Commit requests that a position be stored. Commits are not reported. They run concurrently with invocations, a newer
// one replaces an older one that was not yet written, and the caller retries a failed write.
type Commit struct {
	// Version grows by one with each Commit of a Scheduler.
	Version uint64

	// Position is the frontier: everything at or below it is resolved. It never falls.
	Position Position

	// End is set when the shard was read to its end and all of it is resolved. It is the last Commit.
	End bool

	// ResolvedUpTo is a time by the stream's clock before which everything that arrived is resolved: the arrival time
	// of the record at Position, or the time up to which the shard was read to its tip with nothing left unresolved. It
	// never falls, and is zero while neither is known. It distinguishes records that were trimmed unread from those
	// that were only trimmed. A resumed Scheduler keeps it but does not use it.
	ResolvedUpTo time.Time

	// Window is the open tumbling window and its state, nil without one.
	Window *Window

	// ClosedUpTo is the time before which tumbling windows are closed: a late record for a window that begins before it
	// joins a later window. It is zero while none was closed, never falls, and is never after the last record that was
	// offered or the time up to which the source was read to its tip.
	ClosedUpTo time.Time
}

func (*Invoke) action()  {}
func (*Discard) action() {}
func (*Commit) action()  {}

// String prints the action as one line, such as "invoke id=1 lane=0 attempt=1 [1 2 3]".
func (a *Invoke) String() string {
	return fmt.Sprintf("invoke id=%d lane=%d attempt=%d [%s]%s", a.ID, a.Lane, a.Attempt, names(a.Records), a.Window.suffix())
}

// String prints the action as one line, such as
// "discard id=1 lane=0 condition=RetryAttemptsExhausted count=3 cause=function-error [2]".
func (a *Discard) String() string {
	return fmt.Sprintf("discard id=%d lane=%d condition=%s count=%d cause=%s [%s]%s",
		a.ID, a.Lane, a.Condition, a.Invocations, a.Cause, names(a.Records), a.Window.suffix())
}

// String prints the action as one line, such as "commit version=2 position=17". It omits the two times.
func (a *Commit) String() string {
	s := fmt.Sprintf("commit version=%d position=%s", a.Version, a.Position)
	if a.End {
		s += " end"
	}
	return s + a.Window.suffix()
}

// suffix prints the window after an action's line, or nothing without one.
func (w *Window) suffix() string {
	if w == nil {
		return ""
	}
	s := fmt.Sprintf(" window=%s/%s state=%s", w.Start.UTC().Format(time.RFC3339), w.End.UTC().Format(time.RFC3339), w.State)
	if w.Final {
		s += " final"
	}
	if w.TerminatedEarly {
		s += " terminated-early"
	}
	return s
}

// names prints the records' positions, separated by spaces.
func names(records Records) string {
	var b strings.Builder
	for i, r := range records.All() {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(r.SequenceNumber)
		if r.SubSequence > 0 || r.More {
			fmt.Fprintf(&b, ".%d", r.SubSequence)
		}
	}
	return b.String()
}
