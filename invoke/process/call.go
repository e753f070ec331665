package process

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/shardmill/shardmill/invoke"
)

// noDeadline is the remaining time that a function sees when its invocation has no deadline: the longest timeout of a
// mapping.
const noDeadline = 24 * time.Hour

const (
	// maxUnread is the most that is written to a process that may not be reading: every system buffers that much.
	maxUnread = 4 << 10

	// maxBuffer is the largest buffer for events that a process keeps: what Lambda's limit needs, with the headers.
	maxBuffer = 6<<20 + 4<<10
)

// call is one invocation that a process handles.
type call struct {
	in       *invoke.Invocation
	began    time.Time
	deadline time.Time
	trace    string

	// done gets the result from the goroutine that takes the call from its worker. It has room for one.
	done chan *invoke.Result
}

func newCall(ctx context.Context, in *invoke.Invocation) *call {
	now := time.Now()
	c := &call{in: in, began: now, trace: traceID(now), done: make(chan *invoke.Result, 1)}
	var ok bool
	if c.deadline, ok = ctx.Deadline(); !ok {
		c.deadline = now.Add(noDeadline)
	}
	return c
}

// appendTo appends the invocation with its event as the answer of the Runtime API. last ends the connection.
func (c *call) appendTo(dst []byte, last bool) []byte {
	dst = appendStatus(dst, http.StatusOK)
	dst = appendField(dst, "Lambda-Runtime-Aws-Request-Id", c.in.RequestID)
	// Rounded up: the answer of a function that gives up at its deadline then comes after our deadline, so that it has
	// timed out.
	dst = appendField(dst, "Lambda-Runtime-Deadline-Ms", strconv.FormatInt(c.deadline.UnixMilli()+1, 10))
	dst = appendField(dst, "Lambda-Runtime-Invoked-Function-Arn", c.in.FunctionARN)
	dst = appendField(dst, "Lambda-Runtime-Trace-Id", c.trace)
	return c.in.Event.AppendJSON(appendLength(dst, c.in.Event.Size(), last))
}

// errGone says that a process ended before it got the invocation. Another process can run it.
var errGone = errors.New("process: the process has ended")

// run gives an invocation to a process that was acquired for it, and returns when the process has answered or is gone.
func (w *worker) run(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
	c := newCall(ctx, in)
	to, last := w.fn.pool.hand(w, c)
	if to == nil {
		return nil, errGone
	}
	w.give(ctx, c, to, last)
	select {
	case r := <-c.done:
		if isLate(ctx) {
			<-ctx.Done() // any moment: an answer after the deadline does not count, however the two race
			return w.cutShort(ctx, c)
		}
		return r, nil
	case <-w.ended:
	case <-ctx.Done():
	}
	if !w.fn.pool.retract(w, c, ctx.Err() != nil) {
		return <-c.done, nil // just now
	}
	w.kill()
	<-w.ended
	return w.cutShort(ctx, c)
}

// give writes the event. From here on the process has it: if the connection breaks, the process must end before the
// batch is retried.
func (w *worker) give(ctx context.Context, c *call, to *conn, last bool) {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.buffer = c.appendTo(w.buffer[:0], last)
	if len(w.buffer) > maxUnread {
		stop := context.AfterFunc(ctx, func() { _ = to.SetWriteDeadline(time.Now()) })
		defer stop()
	}
	if _, err := to.Conn.Write(w.buffer); err != nil || last {
		_ = to.Close()
	}
	if cap(w.buffer) > maxBuffer {
		w.buffer = nil
	}
}

// isLate reports whether ctx's deadline has passed, even if ctx is not done yet.
func isLate(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}

// cutShort returns the result of an invocation that was not answered in time, or whose process is gone.
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
