package invoke

import (
	"context"
	"encoding/json"
	"fmt"
)

// StateFunc returns a function that aggregates over tumbling windows with a state of the Go type S, which must encode
// as a JSON object of up to 1 MB.
//
// f gets the state that it returned before for the same window, at first the zero S, and returns the new one. It owns
// both. The last invocation of a window has no records and Event.Window.Final set; the state that it returns is
// dropped. If f returns an error, the state stays unchanged and the returned one is ignored, with one exception: with a
// *FailedItemsError under ReportBatchItemFailures, the returned state is that of the records before the first failed
// one.
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
