package invoketest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

// Function is the function that the Invoker under test runs, or the reason why it cannot.
type Function string

// The functions that Run needs.
const (
	// Scripted does what its event says. Handler implements it in Go, and the package comment has the verbs.
	Scripted Function = "scripted"
	// Throttled is refused for its rate: invoke.ErrThrottled.
	Throttled Function = "throttled"
	// Unavailable is unreachable or out of order: invoke.ErrUnavailable.
	Unavailable Function = "unavailable"
	// Missing does not exist: invoke.ErrFunctionNotFound.
	Missing Function = "missing"
	// Denied may not be run by this process: invoke.ErrAccessDenied.
	Denied Function = "denied"
	// TooLarge refuses every event for its size, even a small one: invoke.ErrTooLarge.
	TooLarge Function = "too-large"
)

// Run runs the suite, each rule as a subtest with an Invoker from open. open may return a new one each time or the same
// for the same Function. It calls t.Skip for a Function that it cannot provide, and t.Cleanup for cleanup. The tests of
// one Invoker run up to 8 concurrent invocations, and send events up to 6,291,456 bytes.
func Run(t *testing.T, open func(t *testing.T, f Function) invoke.Invoker) {
	t.Helper()
	for name, rule := range map[string]func(*fixture){
		"EventArrivesByteForByte":               testEventBytes,
		"EventUpToThePayloadLimitArrives":       testLargestEvent,
		"AnswerMayBeEmpty":                      testEmptyAnswer,
		"AnswerNamesFailedItems":                testFailedItems,
		"AnswerOfMegabytesIsWhole":              testLargeAnswer,
		"AnswersOfInvocationsAtOnceDoNotMix":    testAnswersApart,
		"WindowStateComesBack":                  testWindowState,
		"FailureOfTheFunctionIsAFunctionError":  testFail,
		"EndOfTheFunctionIsAFunctionError":      testExit,
		"TimeoutIsAFunctionError":               testTimeout,
		"CancelledInvocationDoesNotCountAsRun":  testCancel,
		"InvocationsOfOneFunctionRunSideBySide": testSideBySide,
	} {
		t.Run(name, func(t *testing.T) { rule(&fixture{T: t, invoker: open(t, Scripted)}) })
	}
	for f, want := range map[Function]error{
		Throttled:   invoke.ErrThrottled,
		Unavailable: invoke.ErrUnavailable,
		Missing:     invoke.ErrFunctionNotFound,
		Denied:      invoke.ErrAccessDenied,
		TooLarge:    invoke.ErrTooLarge,
	} {
		t.Run("Refusal/"+string(f), func(t *testing.T) { testRefusal(&fixture{T: t, invoker: open(t, f)}, want) })
	}
}

// soon is how long an Invoker may take beyond the function's own time: long, for a busy machine and processes that have
// to start.
const soon = 20 * time.Second

// fixture is one test with its Invoker.
type fixture struct {
	*testing.T
	invoker invoke.Invoker
}

// origin is the origin of the tests' records.
var origin = invoke.Origin{
	ShardID:           "shardId-000000000000",
	EventSourceARN:    "arn:aws:kinesis:us-east-1:111111111111:stream/orders",
	Region:            "us-east-1",
	InvokeIdentityARN: "arn:aws:iam::111111111111:role/ship-orders",
}

// event returns one of n records whose first has verb for its partition key.
func event(verb string, n int) *invoke.Event {
	return invoke.NewEvent(&origin, batch.RecordsOf(records(verb, n)), nil)
}

func records(verb string, n int) []batch.Record {
	rs := make([]batch.Record, n)
	for i := range rs {
		rs[i] = batch.Record{
			SequenceNumber: fmt.Sprintf("49590338271490256608559692538361571095921575989136588%03d", i),
			PartitionKey:   fmt.Sprintf("order-%d", i),
			Data:           fmt.Appendf(nil, "%d cups of tea", i),
			ArrivalTime:    time.UnixMilli(1545084650987 + int64(i)),
		}
	}
	rs[0].PartitionKey = verb
	return rs
}

// run invokes the function as a mapping would.
func (f *fixture) run(e *invoke.Event) (invoke.Result, batch.Outcome) {
	return f.runFor(e, soon)
}

func (f *fixture) runFor(e *invoke.Event, timeout time.Duration) (invoke.Result, batch.Outcome) {
	return invoke.Run(f.Context(), f.invoker, invocation(e), invoke.Options{Timeout: timeout, ReportBatchItemFailures: true})
}

func invocation(e *invoke.Event) *invoke.Invocation {
	return &invoke.Invocation{
		RequestID:   uuid.NewString(),
		FunctionARN: "arn:aws:lambda:us-east-1:111111111111:function:ship-orders",
		Attempt:     1,
		Event:       e,
	}
}

// arrives asserts that the function gets the event's bytes, and that the event is not modified.
func (f *fixture) arrives(e *invoke.Event) {
	f.Helper()
	want := sum(e.AppendJSON(nil))
	result, outcome := f.run(e)
	require.Equal(f, batch.Success, outcome.Kind, "%v", result.Err)
	assert.Equal(f, []string{want}, outcome.FailedItems, "the function got other bytes")
	assert.Equal(f, want, sum(e.AppendJSON(nil)), "the event has changed")
	assert.Equal(f, 200, result.StatusCode)
	assert.NotEmpty(f, result.ExecutedVersion)
}

// goesOn asserts that the next invocation runs normally.
func (f *fixture) goesOn() {
	f.Helper()
	f.arrives(event(digest, 1))
}

func testRefusal(f *fixture, want error) {
	kind := batch.NotRun
	if errors.Is(want, invoke.ErrTooLarge) {
		kind = batch.TooLarge
	}
	for range 2 {
		result, outcome := f.run(event(digest, 1))
		assert.Equal(f, kind, outcome.Kind, "%v", result.Err)
		assert.ErrorIs(f, result.Err, want)
	}
}
