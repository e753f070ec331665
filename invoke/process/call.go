package process

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/shardmill/shardmill/invoke"
)

// noDeadline is what a function is told to have left when its invocation has no deadline: the longest timeout of a mapping.
const noDeadline = 24 * time.Hour

// call is one invocation on its way through a process.
type call struct {
	in       *invoke.Invocation
	began    time.Time
	deadline time.Time
	trace    string

	stage stage // guarded by the pool's lock

	// done is given the result by whoever takes the call from its worker; nil when the process never had it. There is
	// room for it.
	done chan *invoke.Result
}

// stage is how far an invocation has come.
type stage int

const (
	offered stage = iota // no process has it yet
	handed               // a process has it
	over                 // it was answered, or nobody waits for the answer
)

func newCall(ctx context.Context, in *invoke.Invocation) *call {
	now := time.Now()
	c := &call{in: in, began: now, trace: traceID(now), done: make(chan *invoke.Result, 1)}
	var ok bool
	if c.deadline, ok = ctx.Deadline(); !ok {
		c.deadline = now.Add(noDeadline)
	}
	return c
}

// header sets what the Runtime API tells of an invocation beside its event.
func (c *call) header(h http.Header) {
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", c.in.RequestID)
	// Rounded up: what a function says that gives up at its deadline then lies behind ours, so that it has timed out.
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(c.deadline.UnixMilli()+1, 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", c.in.FunctionARN)
	h.Set("Lambda-Runtime-Trace-Id", c.trace)
}

// errGone tells that a process ended before it was given the invocation, which another one can have.
var errGone = errors.New("process: the process has ended")

// run gives an invocation to a process that was acquired for it, and returns when it has answered or is gone.
func (w *worker) run(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
	c := newCall(ctx, in)
	select {
	case w.calls <- c:
	case <-w.ended:
		return nil, errGone
	case <-ctx.Done():
		w.fn.pool.back(w)
		return nil, notRun(ctx)
	}
	select {
	case r := <-c.done:
		if r != nil && isLate(ctx) {
			<-ctx.Done() // any moment: an answer from behind the deadline does not count, however the two race
			return w.cutShort(ctx, c)
		}
		return given(r)
	case <-w.ended:
	case <-ctx.Done():
	}
	switch w.fn.pool.retract(w, c, ctx.Err() != nil) {
	case over:
		return given(<-c.done) // just now
	case handed:
		w.kill()
		<-w.ended
		return w.cutShort(ctx, c)
	case offered:
	}
	if ctx.Err() != nil {
		return nil, notRun(ctx)
	}
	return nil, errGone
}

// isLate reports whether ctx's deadline has passed, whatever ctx knows of it.
func isLate(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}

// given returns a result, or errGone for none.
func given(r *invoke.Result) (*invoke.Result, error) {
	if r == nil {
		return nil, errGone
	}
	return r, nil
}

// cutShort returns what an invocation came to that was not answered in time, or whose process is gone.
func (w *worker) cutShort(ctx context.Context, c *call) (*invoke.Result, error) {
	var timeout *invoke.TimeoutError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		if !errors.As(context.Cause(ctx), &timeout) {
			timeout = &invoke.TimeoutError{Timeout: c.deadline.Sub(c.began)}
		}
		return timedOut(c.in.RequestID, time.Now(), timeout), nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case w.wasStopped():
		return nil, ErrClosed
	}
	return exited(c.in.RequestID, &ExitError{State: w.exit}), nil
}
