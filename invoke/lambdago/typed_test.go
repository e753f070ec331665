package lambdago_test

import (
	"context"
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/lambdago"
)

// given returns the event that a typed handler is given for e.
func given(t *testing.T, e *invoke.Event) (got events.KinesisTimeWindowEvent) {
	t.Helper()
	result, outcome := run(t.Context(), lambdago.WindowFunc(
		func(_ context.Context, e events.KinesisTimeWindowEvent) (events.KinesisTimeWindowEventResponse, error) {
			got = e
			return events.KinesisTimeWindowEventResponse{TimeWindowEventResponseProperties: events.TimeWindowEventResponseProperties{State: map[string]string{}}}, nil
		}), e)
	if outcome.Kind != batch.Success {
		t.Fatal(outcome, result.Err)
	}
	return got
}

// untimed takes the arrival times out of e, because those that went through JSON went through a float. They are checked here.
func untimed(t *testing.T, e *events.KinesisTimeWindowEvent, want []time.Time) {
	t.Helper()
	for i := range e.Records {
		at := &e.Records[i].Kinesis.ApproximateArrivalTimestamp
		if d := want[i].Sub(at.Time).Abs(); d > time.Microsecond {
			t.Errorf("record %d: got the time %v, want %v", i, at, want[i])
		}
		at.Time = time.Time{}
	}
}

func TestTypedEventIsWhatJSONWouldGive(t *testing.T) {
	start := time.Date(2026, 9, 19, 14, 11, 10, 0, time.UTC)
	window := batch.Window{Start: start, End: start.Add(10 * time.Second), State: []byte(`{"a":"<1>"}`), Final: true, TerminatedEarly: true}
	first := batch.Window{Start: start, End: start.Add(10 * time.Second)}
	for name, e := range map[string]*invoke.Event{
		"records":      event(3, nil),
		"one, no data": event(1, nil),
		"none":         event(0, nil),
		"window":       event(2, &window),
		"final window": event(0, &window),
		"first window": event(2, &first),
	} {
		t.Run(name, func(t *testing.T) {
			got := given(t, e)
			var want events.KinesisTimeWindowEvent
			if err := json.Unmarshal(e.AppendJSON(nil), &want); err != nil {
				t.Fatal(err)
			}
			var times []time.Time
			for r := range e.Records() {
				times = append(times, r.ArrivalTime)
			}
			untimed(t, &got, times)
			untimed(t, &want, times)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestHandlerOwnsItsData(t *testing.T) {
	e := event(4, nil)
	before := string(e.AppendJSON(nil))
	got := given(t, e)
	for i := range got.Records {
		data := got.Records[i].Kinesis.Data
		clear(data)
		_ = append(data, "over the end"...)
	}
	if after := string(e.AppendJSON(nil)); after != before {
		t.Errorf("the event changed to %s", after)
	}
	if last := got.Records[3].Kinesis.Data; string(last) != string(make([]byte, len(last))) {
		t.Errorf("a record's data ran into the next one's: %q", last)
	}
}

func TestFewAllocationsABatch(t *testing.T) {
	inv := lambdago.Func(func(context.Context, events.KinesisEvent) error { return nil })
	in := &invoke.Invocation{Event: event(100, nil)}
	ctx := t.Context()
	n := testing.AllocsPerRun(20, func() { _, _ = inv.Invoke(ctx, in) })
	if n > 8 {
		t.Errorf("got %v allocations for 100 records, want at most 8", n)
	}
}

func TestHandlerSeesLambdaContextAndDeadline(t *testing.T) {
	check := func(ctx context.Context) {
		lc, ok := lambdacontext.FromContext(ctx)
		if !ok || lc.AwsRequestID != requestID || lc.InvokedFunctionArn != functionARN {
			t.Errorf("got the LambdaContext %+v", lc)
		}
		if d, ok := ctx.Deadline(); !ok || time.Until(d) > time.Minute || time.Until(d) < 50*time.Second {
			t.Errorf("got the deadline %v, %v, want one in a minute", d, ok)
		}
	}
	calls := 0
	for _, inv := range []invoke.Invoker{
		lambdago.Func(func(ctx context.Context, _ events.KinesisEvent) error { calls++; check(ctx); return nil }),
		lambdago.ResponseFunc(func(ctx context.Context, _ events.KinesisEvent) (r events.KinesisEventResponse, err error) {
			calls++
			check(ctx)
			return
		}),
		lambdago.WindowFunc(func(ctx context.Context, _ events.KinesisTimeWindowEvent) (r events.KinesisTimeWindowEventResponse, err error) {
			calls++
			check(ctx)
			return
		}),
		lambdago.Bytes(lambda.NewHandler(func(ctx context.Context) error { calls++; check(ctx); return nil })),
	} {
		if result, outcome := run(t.Context(), inv, event(1, nil)); outcome.Kind != batch.Success {
			t.Errorf("got %v, %v", outcome, result.Err)
		}
	}
	if calls != 4 {
		t.Errorf("got %d calls, want 4", calls)
	}
}

func TestErrorsOfHandlers(t *testing.T) {
	custom := messages.InvokeResponse_Error{Message: "no such order", Type: "NotFound"}
	for _, c := range []struct {
		err  error
		want string
	}{
		{io.EOF, `{"errorMessage":"EOF","errorType":"errorString"}`},
		{custom, `{"errorMessage":"no such order","errorType":"NotFound"}`},
	} {
		for name, inv := range map[string]invoke.Invoker{
			"func": lambdago.Func(func(context.Context, events.KinesisEvent) error { return c.err }),
			"response": lambdago.ResponseFunc(func(context.Context, events.KinesisEvent) (r events.KinesisEventResponse, err error) {
				return r, c.err
			}),
			"window": lambdago.WindowFunc(func(context.Context, events.KinesisTimeWindowEvent) (r events.KinesisTimeWindowEventResponse, err error) {
				return r, c.err
			}),
			"bytes": lambdago.Bytes(lambda.NewHandler(func(events.KinesisEvent) error { return c.err })),
		} {
			got, outcome := run(t.Context(), inv, event(1, nil))
			if outcome.Kind != batch.FunctionError || got.FunctionError != "Unhandled" || string(got.Payload) != c.want || got.Err.Error() != c.err.Error() {
				t.Errorf("%s: got %v, %+v, %s, want %s", name, outcome.Kind, got, got.Payload, c.want)
			}
		}
	}
}

func TestResponsesOfHandlers(t *testing.T) {
	failures := []events.KinesisBatchItemFailure{{ItemIdentifier: "3"}, {ItemIdentifier: ""}}
	_, outcome := run(t.Context(), lambdago.ResponseFunc(
		func(context.Context, events.KinesisEvent) (events.KinesisEventResponse, error) {
			return events.KinesisEventResponse{BatchItemFailures: failures}, nil
		}), event(1, nil))
	if outcome.Kind != batch.Success || !slices.Equal(outcome.FailedItems, []string{"3", ""}) {
		t.Errorf("got %+v, want success but for 3 and an empty item", outcome)
	}

	answer := events.KinesisTimeWindowEventResponse{BatchItemFailures: failures[:1]}
	answer.State = map[string]string{"b": "<2>", "a": "1"}
	inv := lambdago.WindowFunc(func(context.Context, events.KinesisTimeWindowEvent) (events.KinesisTimeWindowEventResponse, error) {
		return answer, nil
	})
	_, outcome = run(t.Context(), inv, event(1, &batch.Window{}))
	if !slices.Equal(outcome.FailedItems, []string{"3"}) || string(outcome.State) != `{"a":"1","b":"<2>"}` {
		t.Errorf("got %+v, state %s", outcome, outcome.State)
	}

	answer.State = nil
	if _, outcome = run(t.Context(), inv, event(0, &batch.Window{Final: true})); outcome.Kind != batch.Success || outcome.State != nil {
		t.Errorf("got %+v, want success without a state", outcome)
	}
}

func TestStateThatIsNoMapOfStringsIsAFunctionError(t *testing.T) {
	inv := lambdago.WindowFunc(func(context.Context, events.KinesisTimeWindowEvent) (r events.KinesisTimeWindowEventResponse, err error) {
		t.Error("the handler ran")
		return
	})
	got, outcome := run(t.Context(), inv, event(1, &batch.Window{State: []byte(`{"sum":3}`)}))
	if outcome.Kind != batch.FunctionError {
		t.Errorf("got %v, %v, want a function error", outcome.Kind, got.Err)
	}
}
