package invoke_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

// raw is an Invoker that gives the answer it is made of.
type raw struct {
	result *invoke.Result
	err    error
}

func (r raw) Invoke(context.Context, *invoke.Invocation) (*invoke.Result, error) {
	return r.result, r.err
}

// failing is a function that returns err.
func failing(err error) invoke.Invoker {
	return invoke.Func(func(context.Context, *invoke.Event) error { return err })
}

// run runs inv on three records with a logger that says nothing.
func run(ctx context.Context, inv invoke.Invoker, opts invoke.Options) (invoke.Result, batch.Outcome) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return invoke.Run(ctx, inv, invocation(invoke.NewEvent(&origin, batch.RecordsOf(records(3)), nil)), opts)
}

type customError struct{ io.Reader }

func (*customError) Error() string { return `broken "pipe" <é>` }

type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

type generic[T any] struct{}

func (generic[T]) Error() string { return "generic" }

func TestErrorIsAFunctionError(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("boom"), `{"errorMessage":"boom","errorType":"errorString"}`},
		{fmt.Errorf("ship: %w", io.EOF), `{"errorMessage":"ship: EOF","errorType":"wrapError"}`},
		{&customError{}, `{"errorMessage":"broken \"pipe\" <é>","errorType":"customError"}`},
		{(*nilError)(nil), `{"errorMessage":"<nil>","errorType":"nilError"}`},
		{generic[io.Reader]{}, `{"errorMessage":"generic","errorType":"generic"}`},
		{context.Canceled, `{"errorMessage":"context canceled","errorType":"errorString"}`},
		{&invoke.FailedItemsError{SequenceNumbers: []string{"1"}}, `{"errorMessage":"invoke: 1 items failed","errorType":"FailedItemsError"}`},
	} {
		got, outcome := run(t.Context(), failing(c.err), invoke.Options{})
		if outcome.Kind != batch.FunctionError || got.FunctionError != "Unhandled" || string(got.Payload) != c.want {
			t.Errorf("got %v, %q, %s\nwant %s", outcome.Kind, got.FunctionError, got.Payload, c.want)
		}
		if got.StatusCode != 200 || got.ExecutedVersion != "$LATEST" || !errors.Is(got.Err, c.err) {
			t.Errorf("got status %d, version %q, error %v", got.StatusCode, got.ExecutedVersion, got.Err)
		}
	}
}

func TestPanicIsAFunctionErrorWithTheStackInTheLog(t *testing.T) {
	for _, c := range []struct {
		function func()
		want     string
	}{
		{func() { panic("boom") }, `{"errorMessage":"boom","errorType":"string"}`},
		{func() { panic(io.EOF) }, `{"errorMessage":"EOF","errorType":"errorString"}`},
		{func() { panic(invoke.ErrNotRun) }, `{"errorMessage":"invoke: function did not run","errorType":"errorString"}`},
		{func() { _ = []int{}[len(t.Name())] }, "index out of range"},
	} {
		var log bytes.Buffer
		inv := invoke.Func(func(context.Context, *invoke.Event) error { c.function(); return nil })
		got, outcome := run(t.Context(), inv, invoke.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if outcome.Kind != batch.FunctionError || got.FunctionError != "Unhandled" || !strings.Contains(string(got.Payload), c.want) {
			t.Errorf("got %v, %q, %s\nwant %s", outcome.Kind, got.FunctionError, got.Payload, c.want)
		}
		var p *invoke.PanicError
		if !errors.As(got.Err, &p) || !strings.Contains(string(p.Stack), "run_test.go") {
			t.Errorf("got %v, want a PanicError with the function's stack", got.Err)
		}
		for _, part := range []string{`level=ERROR msg="function panicked"`, requestID, functionARN, "run_test.go"} {
			if !strings.Contains(log.String(), part) {
				t.Errorf("got the log %s\nwant %s in it", log.String(), part)
			}
		}
	}
}

// An error whose methods panic, here by way of a nil pointer, must not take the process down either.
type trap struct{ inner *trap }

func (e *trap) Error() string { return "trap" }
func (e *trap) Unwrap() error { return e.inner.inner }

func TestErrorWhoseMethodsPanicIsAFunctionError(t *testing.T) {
	_, outcome := run(t.Context(), failing(&trap{}), invoke.Options{ReportBatchItemFailures: true})
	if outcome.Kind != batch.FunctionError {
		t.Errorf("got %v, want a function error", outcome.Kind)
	}
}

func TestGoexitIsAFunctionError(t *testing.T) {
	inv := invoke.Func(func(context.Context, *invoke.Event) error { runtime.Goexit(); return nil })
	got, outcome := run(t.Context(), inv, invoke.Options{})
	want := `{"errorMessage":"RequestId: ` + requestID + ` Error: Runtime exited without providing a reason","errorType":"Runtime.ExitError"}`
	if outcome.Kind != batch.FunctionError || string(got.Payload) != want || got.Err == nil {
		t.Errorf("got %v, %s, %v\nwant %s", outcome.Kind, got.Payload, got.Err, want)
	}
}

func TestTimeout(t *testing.T) {
	boom := errors.New("boom")
	for name, function := range map[string]func(ctx context.Context) error{
		"returns its ctx's error": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"returns another error":   func(ctx context.Context) error { <-ctx.Done(); return boom },
		"returns nothing, late":   func(ctx context.Context) error { <-ctx.Done(); return nil },
		"ignores its ctx":         func(context.Context) error { time.Sleep(time.Hour); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				inv := invoke.Func(func(ctx context.Context, _ *invoke.Event) error {
					if d, ok := ctx.Deadline(); !ok || !d.Equal(began.Add(3*time.Second)) {
						t.Errorf("got the deadline %v, %v, want 3 s from now", d, ok)
					}
					err := function(ctx)
					var cause *invoke.TimeoutError
					if !errors.As(context.Cause(ctx), &cause) {
						t.Errorf("got the cause %v, want a TimeoutError", context.Cause(ctx))
					}
					return err
				})
				got, outcome := run(t.Context(), inv, invoke.Options{Timeout: 3 * time.Second})
				want := `{"errorMessage":"` + time.Now().UTC().Format("2006-01-02T15:04:05.000Z") + ` ` + requestID +
					` Task timed out after 3.00 seconds"}`
				if outcome.Kind != batch.FunctionError || got.FunctionError != "Unhandled" || string(got.Payload) != want {
					t.Errorf("got %v, %q, %s\nwant %s", outcome.Kind, got.FunctionError, got.Payload, want)
				}
				if !errors.Is(got.Err, context.DeadlineExceeded) || strings.Contains(name, "another") != errors.Is(got.Err, boom) {
					t.Errorf("got the error %v", got.Err)
				}
			})
		})
	}
}

func TestInTimeIsNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inv := invoke.Func(func(context.Context, *invoke.Event) error { time.Sleep(3*time.Second - 1); return nil })
		if got, outcome := run(t.Context(), inv, invoke.Options{Timeout: 3 * time.Second}); outcome.Kind != batch.Success {
			t.Errorf("got %v, %v, want success", outcome.Kind, got.Err)
		}
	})
}

func TestWithoutTimeoutThereIsNoDeadline(t *testing.T) {
	inv := invoke.Func(func(ctx context.Context, _ *invoke.Event) error {
		if d, ok := ctx.Deadline(); ok {
			t.Errorf("got the deadline %v, want none", d)
		}
		return nil
	})
	run(t.Context(), inv, invoke.Options{})
}

func TestNotRunAndTooLarge(t *testing.T) {
	for _, c := range []struct {
		err  error
		want batch.OutcomeKind
	}{
		{invoke.ErrNotRun, batch.NotRun},
		{fmt.Errorf("http: %w", invoke.ErrThrottled), batch.NotRun},
		{invoke.ErrUnavailable, batch.NotRun},
		{invoke.ErrFunctionNotFound, batch.NotRun},
		{invoke.ErrAccessDenied, batch.NotRun},
		{errors.Join(io.EOF, invoke.ErrTooLarge), batch.TooLarge},
	} {
		got, outcome := run(t.Context(), raw{err: c.err}, invoke.Options{ReportBatchItemFailures: true})
		if outcome.Kind != c.want || !errors.Is(got.Err, c.err) || got.FunctionError != "" || got.StatusCode != 0 {
			t.Errorf("%v: got %v, %+v, want %v", c.err, outcome.Kind, got, c.want)
		}
	}
}

func TestCancelledByTheRuntimeDoesNotCount(t *testing.T) {
	shutdown := errors.New("drain timeout")
	for _, c := range []struct {
		name string
		err  func(ctx context.Context) error
		want batch.OutcomeKind
	}{
		{"its ctx's error", func(ctx context.Context) error { return fmt.Errorf("query: %w", ctx.Err()) }, batch.NotRun},
		{"its ctx's cause", context.Cause, batch.NotRun},
		{"items and its ctx's error", func(ctx context.Context) error {
			return &invoke.FailedItemsError{SequenceNumbers: []string{"1"}, Err: ctx.Err()}
		}, batch.NotRun},
		{"another error", func(context.Context) error { return io.EOF }, batch.FunctionError},
		{"nothing", func(context.Context) error { return nil }, batch.Success},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			inv := invoke.Func(func(ctx context.Context, _ *invoke.Event) error {
				cancel(shutdown)
				<-ctx.Done()
				return c.err(ctx)
			})
			got, outcome := run(ctx, inv, invoke.Options{Timeout: time.Hour, ReportBatchItemFailures: true})
			if outcome.Kind != c.want || (got.Err == nil) != (c.want == batch.Success) {
				t.Errorf("got %v, %v, want %v", outcome.Kind, got.Err, c.want)
			}
		})
	}
}

func TestCancelledBeforeItBeganDoesNotRun(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.EOF)
	inv := invoke.Func(func(context.Context, *invoke.Event) error { t.Error("the function ran"); return nil })
	if got, outcome := run(ctx, inv, invoke.Options{}); outcome.Kind != batch.NotRun || !errors.Is(got.Err, io.EOF) {
		t.Errorf("got %v, %v, want not-run, EOF", outcome.Kind, got.Err)
	}
}

func TestFunctionErrorOfAResult(t *testing.T) {
	r := invoke.Result{StatusCode: 200, ExecutedVersion: "7", FunctionError: "Handled", Payload: []byte(`{"errorMessage":"x"}`)}
	got, outcome := run(t.Context(), raw{result: &r}, invoke.Options{ReportBatchItemFailures: true})
	if outcome.Kind != batch.FunctionError || got.FunctionError != "Handled" || got.ExecutedVersion != "7" {
		t.Errorf("got %v, %+v", outcome.Kind, got)
	}
	if want := `invoke: function error Handled: {"errorMessage":"x"}`; got.Err == nil || got.Err.Error() != want {
		t.Errorf("got the error %v, want %s", got.Err, want)
	}
}

func TestAnswerCountsOnlyWhereItIsAskedFor(t *testing.T) {
	items := []byte(`{"batchItemFailures":[{"itemIdentifier":"2"}],"state":{"n":1}}`)
	window, final := &batch.Window{}, &batch.Window{Final: true}
	for _, c := range []struct {
		result *invoke.Result
		report bool
		window *batch.Window
		items  []string
		state  string
	}{
		{result: nil, report: true, window: final},
		{result: &invoke.Result{}, report: true, window: final},
		{result: &invoke.Result{Payload: items}},
		{result: &invoke.Result{Payload: []byte("not JSON")}},
		{result: &invoke.Result{Payload: items}, report: true, items: []string{"2"}},
		{result: &invoke.Result{Payload: items}, window: window, state: `{"n":1}`},
		{result: &invoke.Result{Payload: items}, report: true, window: window, items: []string{"2"}, state: `{"n":1}`},
		{result: &invoke.Result{Payload: []byte("not JSON")}, report: true, items: []string{""}},
		{result: &invoke.Result{Payload: items, Response: &invoke.Response{FailedItems: []string{"3"}}}, report: true, items: []string{"3"}},
		{result: &invoke.Result{Response: &invoke.Response{State: []byte(` {"n":2}`)}}, window: window, state: ` {"n":2}`},
		{result: &invoke.Result{Response: &invoke.Response{State: []byte(`{"n":`)}}, window: final},
		{result: &invoke.Result{Response: &invoke.Response{State: []byte(`null`)}}, window: final},
	} {
		in := invocation(invoke.NewEvent(&origin, batch.RecordsOf(records(3)), c.window))
		got, outcome := invoke.Run(t.Context(), raw{result: c.result}, in, invoke.Options{ReportBatchItemFailures: c.report})
		if outcome.Kind != batch.Success || !slices.Equal(outcome.FailedItems, c.items) || string(outcome.State) != c.state {
			t.Errorf("%+v: got %+v", c, outcome)
		}
		if got.StatusCode != 200 || got.ExecutedVersion != "$LATEST" || got.FunctionError != "" || got.Err != nil {
			t.Errorf("%+v: got %+v", c, got)
		}
	}
}

// TestWindowNeedsAState has answers that leave a window without one, or with one that its final event has no room for.
func TestWindowNeedsAState(t *testing.T) {
	large := fmt.Appendf(nil, `{"x":"%01000d"}`, 1)
	fits := origin.EnvelopeSize() + origin.WindowSize(&batch.Window{State: large, Final: true})
	for want, answer := range map[string]*invoke.Response{
		"the answer has no state":         {},
		"invoke: the answer has no state": {State: []byte(`{"n":`)},
		"as a JSON object":                {State: []byte(`null`)},
		"a state of 1008 bytes":           {State: large},
		fmt.Sprintf("would have %d, and the payload limit is %d", fits, fits-1): {State: large, FailedItems: []string{"x"}},
	} {
		in := invocation(invoke.NewEvent(&origin, batch.RecordsOf(records(3)), &batch.Window{Start: time.Unix(0, 0), End: time.Unix(10, 0)}))
		r, o := invoke.Run(t.Context(), raw{result: &invoke.Result{Response: answer}}, in, invoke.Options{ReportBatchItemFailures: true, PayloadLimit: fits - 1})
		assert.Equal(t, batch.Outcome{Kind: batch.FunctionError}, o)
		assert.Equal(t, "Unhandled", r.FunctionError)
		require.ErrorContains(t, r.Err, want)
		if len(answer.State) == len(large) {
			_, o = invoke.Run(t.Context(), raw{result: &invoke.Result{Response: answer}}, in, invoke.Options{PayloadLimit: fits})
			assert.Equal(t, batch.Outcome{Kind: batch.Success, State: large}, o)
		}
	}
}
