package invoke

import "context"

// Func is a function in this process. The event, and everything reachable from it, is read-only.
//
// It may be called concurrently: once for each shard, times ParallelizationFactor. If some records failed and the
// mapping has FunctionResponseTypes ReportBatchItemFailures, it returns a *FailedItemsError. With tumbling windows a
// function must return a state: see ResponseFunc.
type Func func(ctx context.Context, e *Event) error

// Invoke calls the function.
func (f Func) Invoke(ctx context.Context, in *Invocation) (*Result, error) {
	if err := f(ctx, in.Event); err != nil {
		return nil, err
	}
	return &Result{}, nil
}

// ResponseFunc is a function in this process with an answer: failed items, or the state of a tumbling window. A nil
// Response is an empty answer. With a *FailedItemsError only the Response's State counts. Otherwise it is like Func.
type ResponseFunc func(ctx context.Context, e *Event) (*Response, error)

// Invoke calls the function.
func (f ResponseFunc) Invoke(ctx context.Context, in *Invocation) (*Result, error) {
	r, err := f(ctx, in.Event)
	return &Result{Response: r}, err
}
