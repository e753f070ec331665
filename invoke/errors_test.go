package invoke_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

func TestFailedItemsErrorIsASuccessUnderReporting(t *testing.T) {
	one := &invoke.FailedItemsError{SequenceNumbers: []string{"3"}, Err: io.EOF}
	two := &invoke.FailedItemsError{SequenceNumbers: []string{"5", "1"}}
	for name, c := range map[string]struct {
		err   error
		items []string
	}{
		"alone":                {two, []string{"5", "1"}},
		"wrapped":              {fmt.Errorf("ship: %w", one), []string{"3"}},
		"joined":               {errors.Join(one, two), []string{"3", "5", "1"}},
		"joined deeply":        {fmt.Errorf("%w and %w", errors.Join(io.EOF, one), fmt.Errorf("x: %w", two)), []string{"3", "5", "1"}},
		"joined with an error": {errors.Join(io.EOF, one), []string{"3"}},
		"naming nothing":       {&invoke.FailedItemsError{}, nil},
		"a nil one":            {(*invoke.FailedItemsError)(nil), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, outcome := run(t.Context(), failing(c.err), invoke.Options{ReportBatchItemFailures: true})
			if outcome.Kind != batch.Success || !slices.Equal(outcome.FailedItems, c.items) {
				t.Errorf("got %+v, want success but for %q", outcome, c.items)
			}
			if got.FunctionError != "" || got.StatusCode != 200 || !errors.Is(got.Err, c.err) {
				t.Errorf("got %+v", got)
			}
			if _, outcome := run(t.Context(), failing(c.err), invoke.Options{}); outcome.Kind != batch.FunctionError {
				t.Errorf("without reporting: got %v, want a function error", outcome.Kind)
			}
		})
	}
}

func TestFailedItemsErrorWithAReasonButNoItemIsAFunctionError(t *testing.T) {
	err := &invoke.FailedItemsError{Err: io.EOF}
	if _, outcome := run(t.Context(), failing(err), invoke.Options{ReportBatchItemFailures: true}); outcome.Kind != batch.FunctionError {
		t.Errorf("got %v, want a function error", outcome.Kind)
	}
}

func TestResponseFunc(t *testing.T) {
	answer := func(r *invoke.Response, err error) invoke.Invoker {
		return invoke.ResponseFunc(func(context.Context, *invoke.Event) (*invoke.Response, error) { return r, err })
	}
	opts := invoke.Options{ReportBatchItemFailures: true}
	if _, o := run(t.Context(), answer(nil, nil), opts); o.Kind != batch.Success || o.FailedItems != nil {
		t.Errorf("nil: got %+v, want success", o)
	}
	items := &invoke.Response{FailedItems: []string{"2", ""}}
	if _, o := run(t.Context(), answer(items, nil), opts); o.Kind != batch.Success || !slices.Equal(o.FailedItems, items.FailedItems) {
		t.Errorf("items: got %+v, want success but for %q", o, items.FailedItems)
	}
	if _, o := run(t.Context(), answer(items, io.EOF), opts); o.Kind != batch.FunctionError {
		t.Errorf("error: got %+v, want a function error", o)
	}
}

func TestErrorsSayWhatHappened(t *testing.T) {
	if !errors.Is(invoke.ErrThrottled, invoke.ErrNotRun) || errors.Is(invoke.ErrTooLarge, invoke.ErrNotRun) {
		t.Error("ErrThrottled is to wrap ErrNotRun, ErrTooLarge is not")
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{invoke.ErrThrottled, "invoke: function did not run: throttled"},
		{(*invoke.FailedItemsError)(nil), "invoke: 0 items failed"},
		{&invoke.FailedItemsError{SequenceNumbers: []string{"1", "2"}, Err: io.EOF}, "invoke: 2 items failed: EOF"},
		{&invoke.PanicError{Value: "boom"}, "invoke: function panicked: boom"},
		{&invoke.TimeoutError{Timeout: 1_500_000_000}, "invoke: task timed out after 1.50 seconds"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
