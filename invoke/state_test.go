package invoke_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

// windowEvent returns an event of n records in a window with a state.
func windowEvent(n int, state string, final bool) *invoke.Event {
	records := make([]batch.Record, n)
	for i := range records {
		records[i] = batch.Record{SequenceNumber: fmt.Sprint(i + 1)}
	}
	w := &batch.Window{Start: time.Unix(0, 0), End: time.Unix(10, 0), State: []byte(state), Final: final}
	return invoke.NewEvent(&invoke.Origin{ShardID: "shardId-000000000000"}, batch.RecordsOf(records), w)
}

type total struct {
	N int `json:"n"`
}

func TestStateFuncCarriesAGoValue(t *testing.T) {
	count := invoke.StateFunc(func(_ context.Context, e *invoke.Event, s total) (total, error) {
		s.N += e.Len()
		return s, nil
	})
	for state, want := range map[string]string{`{}`: `{"n":3}`, `{"n":4}`: `{"n":7}`} {
		_, o := invoke.Run(t.Context(), count, &invoke.Invocation{Event: windowEvent(3, state, false)}, invoke.Options{})
		assert.Equal(t, batch.Outcome{Kind: batch.Success, State: []byte(want)}, o)
	}
}

func TestStateFuncThatFailsReturnsNoState(t *testing.T) {
	for name, f := range map[string]invoke.Invoker{
		"error":      invoke.StateFunc(func(context.Context, *invoke.Event, total) (total, error) { return total{}, errors.New("no") }),
		"no object":  invoke.StateFunc(func(context.Context, *invoke.Event, int) (int, error) { return 1, nil }),
		"unwritable": invoke.StateFunc(func(context.Context, *invoke.Event, any) (any, error) { return func() {}, nil }),
	} {
		_, o := invoke.Run(t.Context(), f, &invoke.Invocation{Event: windowEvent(1, `{"n":1}`, false)}, invoke.Options{})
		assert.Equal(t, batch.Outcome{Kind: batch.FunctionError}, o, name)
	}
	r, o := invoke.Run(t.Context(), invoke.StateFunc(func(_ context.Context, _ *invoke.Event, s total) (total, error) { return s, nil }),
		&invoke.Invocation{Event: windowEvent(1, `{"n":"text"}`, false)}, invoke.Options{})
	assert.Equal(t, batch.FunctionError, o.Kind)
	require.ErrorContains(t, r.Err, "read the window's state")
}

func TestFailedItemsGoWithTheState(t *testing.T) {
	f := invoke.StateFunc(func(_ context.Context, _ *invoke.Event, s total) (total, error) {
		return total{N: 1}, &invoke.FailedItemsError{SequenceNumbers: []string{"2"}}
	})
	_, o := invoke.Run(t.Context(), f, &invoke.Invocation{Event: windowEvent(3, `{}`, false)}, invoke.Options{ReportBatchItemFailures: true})
	assert.Equal(t, batch.Outcome{Kind: batch.Success, FailedItems: []string{"2"}, State: []byte(`{"n":1}`)}, o)
}

// TestErrorOfAStateFuncGoesThroughWhateverStandsBesideIt has states that encode as null, as those of a failing function do.
func TestErrorOfAStateFuncGoesThroughWhateverStandsBesideIt(t *testing.T) {
	for _, failure := range []error{errors.New("boom"), invoke.ErrThrottled, &invoke.FailedItemsError{SequenceNumbers: []string{"2"}}} {
		for name, f := range map[string]invoke.Invoker{
			"map":     invoke.StateFunc(func(context.Context, *invoke.Event, map[string]int) (map[string]int, error) { return nil, failure }),
			"pointer": invoke.StateFunc(func(context.Context, *invoke.Event, *total) (*total, error) { return nil, failure }),
		} {
			for _, final := range []bool{false, true} {
				r, o := invoke.Run(t.Context(), f, &invoke.Invocation{Event: windowEvent(3, `{}`, final)}, invoke.Options{})
				require.ErrorIs(t, r.Err, failure, name)
				assert.Equal(t, errors.Is(failure, invoke.ErrNotRun), o.Kind == batch.NotRun, name)
			}
		}
	}
}

func TestFinalOfAStateFuncNeedsNoState(t *testing.T) {
	f := invoke.StateFunc(func(context.Context, *invoke.Event, map[string]int) (map[string]int, error) { return nil, nil })
	_, o := invoke.Run(t.Context(), f, &invoke.Invocation{Event: windowEvent(0, `{"n":1}`, true)}, invoke.Options{})
	assert.Equal(t, batch.Outcome{Kind: batch.Success}, o)
	r, o := invoke.Run(t.Context(), f, &invoke.Invocation{Event: windowEvent(1, `{"n":1}`, false)}, invoke.Options{})
	assert.Equal(t, batch.FunctionError, o.Kind)
	require.ErrorContains(t, r.Err, "the window's state is null")
}

func TestStateFuncNeedsAWindow(t *testing.T) {
	f := invoke.StateFunc(func(_ context.Context, _ *invoke.Event, s total) (total, error) { return s, nil })
	r, o := invoke.Run(t.Context(), f, &invoke.Invocation{Event: invoke.NewEvent(&invoke.Origin{}, batch.Records{}, nil)}, invoke.Options{})
	assert.Equal(t, batch.FunctionError, o.Kind)
	require.ErrorContains(t, r.Err, "TumblingWindow")
}

func ExampleStateFunc() {
	type sum struct {
		Records int `json:"records"`
	}
	f := invoke.StateFunc(func(_ context.Context, e *invoke.Event, s sum) (sum, error) {
		s.Records += e.Len()
		if e.Window.Final {
			fmt.Println("records in the window:", s.Records)
		}
		return s, nil
	})
	_, o := invoke.Run(context.Background(), f, &invoke.Invocation{Event: windowEvent(3, `{"records":4}`, false)}, invoke.Options{})
	invoke.Run(context.Background(), f, &invoke.Invocation{Event: windowEvent(0, string(o.State), true)}, invoke.Options{})
	// Output:
	// records in the window: 7
}
