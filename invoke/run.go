package invoke

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// Options say how Run runs a function. The zero value has no timeout and ignores the answer.
type Options struct {
	// Timeout is how long an invocation may take; 0 and below mean without limit. The function sees the deadline in its
	// ctx.
	Timeout time.Duration

	// ReportBatchItemFailures makes the failed items of an answer, and a *FailedItemsError, count.
	ReportBatchItemFailures bool

	// PayloadLimit is the largest event in bytes of JSON. A window's state that would leave no room for the event of
	// the window's final invocation is refused: the invocation that returned it counts as failed. 0 and below mean no
	// limit.
	PayloadLimit int

	// Logger gets a line for each panic; nil is slog.Default().
	Logger *slog.Logger
}

// Run runs a function once and reports its outcome. It returns when the function does: a function in this process that
// ignores its ctx cannot be stopped. It recovers panics in the function, and also returns if the function calls
// runtime.Goexit (as t.FailNow does); for that the function has a goroutine of its own.
//
// The outcome is Success, FunctionError, NotRun or TooLarge; the package comment has the table. It is also NotRun if
// ctx is done and the function returned an error that wraps ctx.Err() or ctx's cause: the caller cancelled the
// function, so that does not count against the batch.
//
// The Result is filled in for an on-failure document: StatusCode, ExecutedVersion and FunctionError, which is empty for
// a function that ran and named failed items. Err says why the outcome is not Success, or is the *FailedItemsError of
// one that is.
func Run(ctx context.Context, inv Invoker, in *Invocation, opts Options) (result Result, outcome batch.Outcome) {
	var ended sync.WaitGroup
	ended.Go(func() { RunHere(ctx, inv, in, opts, &result, &outcome) })
	ended.Wait()
	return result, outcome
}

// RunHere is Run in the caller's own goroutine, for a caller that runs many invocations. It sets result and outcome.
// Deferred calls set them even if the function ends the goroutine by runtime.Goexit.
func RunHere(ctx context.Context, inv Invoker, in *Invocation, opts Options, result *Result, outcome *batch.Outcome) {
	c := call{inv: inv, in: in, opts: opts}
	defer func() { *result, *outcome = c.result, c.outcome }()
	c.run(ctx)
}

// call is one run of a function. It is used by one goroutine.
type call struct {
	inv     Invoker
	in      *Invocation
	opts    Options
	timeout *TimeoutError // nil without one
	result  Result
	outcome batch.Outcome
}

// run calls the function and settles its outcome. The methods of the function's errors are called here as well, so that
// a panic in one of them is a function error too.
func (c *call) run(parent context.Context) {
	if parent.Err() != nil {
		c.result.Err = context.Cause(parent)
		c.outcome.Kind = batch.NotRun
		return
	}
	within := parent
	if c.opts.Timeout > 0 {
		c.timeout = &TimeoutError{Timeout: c.opts.Timeout}
		var cancel context.CancelFunc
		within, cancel = context.WithTimeoutCause(parent, c.opts.Timeout, c.timeout)
		defer cancel()
	}
	done := false
	defer func() {
		if !done {
			c.broke(recover())
		}
	}()
	result, err := c.inv.Invoke(within, c.in)
	if result != nil {
		c.result = *result
	}
	c.settle(parent, within, err)
	done = true
}

// broke settles a function that panicked with a value, or that ended its goroutine.
func (c *call) broke(value any) {
	log := c.opts.Logger
	if log == nil {
		log = slog.Default()
	}
	log = log.With("requestId", c.in.RequestID, "functionArn", c.in.FunctionARN)
	stack := debug.Stack()
	if value == nil {
		log.Error("function called runtime.Goexit", "stack", string(stack))
		c.failed(errGoexit)
		return
	}
	log.Error("function panicked", "panic", fmt.Sprint(value), "stack", string(stack))
	c.failed(&PanicError{Value: value, Stack: stack})
}
