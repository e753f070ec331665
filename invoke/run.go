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

// Options say how Run runs a function. The zero value has no timeout and reads no answer.
type Options struct {
	// Timeout is how long an invocation may take; 0 and below mean as long as it likes. The function sees the
	// deadline in its ctx.
	Timeout time.Duration

	// ReportBatchItemFailures makes the failed items of an answer, and a *FailedItemsError, count.
	ReportBatchItemFailures bool

	// PayloadLimit is the largest event in bytes of JSON. A window's state that would leave no room for the event of the
	// window's final invocation is refused: the invocation that returned it counts as failed. 0 and below mean no limit.
	PayloadLimit int

	// Logger is told of panics; nil is slog.Default().
	Logger *slog.Logger
}

// Run runs a function once and tells what it came to. It returns when the function does: a function in this process
// that ignores its ctx can be stopped by nobody. It never panics for the function's sake, and returns as well when the
// function calls runtime.Goexit (as t.FailNow does), for which the function has a goroutine of its own.
//
// The outcome is Success, FunctionError, NotRun or TooLarge; the package comment has the table. It is NotRun too when ctx
// is done and the function returned an error that wraps ctx.Err() or ctx's cause: whoever cancelled ctx did not want the
// function to end by itself, so it does not count against the batch.
//
// The Result is filled in for an on-failure document: StatusCode, ExecutedVersion and FunctionError, which is empty for a
// function that ran and named failed items. Err tells why the outcome is no Success, or the *FailedItemsError of one that is.
func Run(ctx context.Context, inv Invoker, in *Invocation, opts Options) (result Result, outcome batch.Outcome) {
	var ended sync.WaitGroup
	ended.Go(func() { RunHere(ctx, inv, in, opts, &result, &outcome) })
	ended.Wait()
	return result, outcome
}

// RunHere is Run in the caller's own goroutine, for one that runs many invocations. What the function came to is in
// result and outcome; they are set as well, by deferred calls, when the function ends the goroutine by runtime.Goexit.
func RunHere(ctx context.Context, inv Invoker, in *Invocation, opts Options, result *Result, outcome *batch.Outcome) {
	c := call{inv: inv, in: in, opts: opts}
	defer func() { *result, *outcome = c.result, c.outcome }()
	c.run(ctx)
}

// call is one run of a function. One goroutine uses it.
type call struct {
	inv     Invoker
	in      *Invocation
	opts    Options
	timeout *TimeoutError // nil without one
	result  Result
	outcome batch.Outcome
}

// run calls the function and settles what it came to. The methods of the function's errors are called here as well, so
// that one that panics is a function error too.
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
