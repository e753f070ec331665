package invoke

import (
	"context"
	"encoding/json"
	"fmt"
)

// StateFunc returns a function that aggregates over tumbling windows with a state of the Go type S, which must encode as
// a JSON object of up to 1 MB.
//
// f is given the state that it returned before for the same window, the zero S at first, and returns the new one. It owns
// both. The last invocation of a window has no records and Event.Window.Final set; the state that it returns is dropped.
// When f returns an error the state stays what it was, and what f returned beside it does not matter, but for a
// *FailedItemsError under ReportBatchItemFailures: it goes with the state of the records before the first that it names.
func StateFunc[S any](f func(ctx context.Context, e *Event, state S) (S, error)) ResponseFunc {
	return func(ctx context.Context, e *Event) (*Response, error) {
		var state S
		if e.Window == nil {
			return nil, fmt.Errorf("invoke: a StateFunc needs a mapping with a TumblingWindow")
		}
		if len(e.Window.State) > 0 {
			if err := json.Unmarshal(e.Window.State, &state); err != nil {
				return nil, fmt.Errorf("invoke: read the window's state: %w", err)
			}
		}
		state, err := f(ctx, e, state)
		if err == nil && e.Window.Final {
			return &Response{}, nil
		}
		encoded, wrong := encodeState(state)
		switch {
		case err != nil && wrong != nil:
			return nil, err
		case wrong != nil:
			return nil, wrong
		}
		return &Response{State: encoded}, err
	}
}

func encodeState(state any) ([]byte, error) {
	encoded, err := json.Marshal(state)
	if err != nil {
		return nil, fmt.Errorf("invoke: write the window's state: %w", err)
	}
	if !isObject(encoded) {
		return nil, fmt.Errorf("invoke: the window's state is %.20s, want a JSON object", encoded)
	}
	return encoded, nil
}
