package boltstore

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/shardmill/shardmill/mapping/driver"
)

// maxGroup bounds one transaction, and so its memory; it is the bound of bbolt's own batches.
const maxGroup = 1000

// errClosed is the error of all calls after Close.
var errClosed = fmt.Errorf("%w: %w", driver.ErrStoreClosed, os.ErrClosed)

// group lets many callers share one transaction after the other, without a goroutine of its own. The first caller
// leads, and does its work immediately. Callers that arrive meanwhile wait in the queue. When the leader has finished,
// it makes the head of the queue the next leader, for all that wait by then, and returns.
type group struct {
	// run does the work of all calls and sets their err. Only one run is active at a time.
	run func([]*call)

	mu     sync.Mutex
	queue  []*call
	led    bool // there is a leader, or one was appointed
	closed bool
	calls  sync.WaitGroup // grows only while not closed
}

// call is one caller's part of a transaction.
type call struct {
	do  func(*txn) error // with an error it wrote nothing
	err error            // set by run, read by the caller after it was woken

	// wake sends the calls that the caller must lead, or nil when its own is done. Its sender never blocks.
	wake chan []*call
}

// do runs fn in a transaction and returns when it is durable. It returns early if ctx ends while fn waits for its turn,
// but not after that.
func (g *group) do(ctx context.Context, fn func(*txn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &call{do: fn, wake: make(chan []*call, 1)}
	leads, err := g.enter(c)
	if err != nil {
		return err
	}
	defer g.calls.Done()
	if leads {
		g.lead([]*call{c})
		return c.err
	}
	var calls []*call
	select {
	case calls = <-c.wake:
	case <-ctx.Done():
		if g.leave(c) {
			return ctx.Err()
		}
		calls = <-c.wake
	}
	if calls != nil {
		g.lead(calls)
	}
	return c.err
}

// enter queues c, or reports that its caller leads. Unless there was an error, the caller must call calls.Done.
func (g *group) enter(c *call) (leads bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false, errClosed
	}
	g.calls.Add(1)
	if !g.led {
		g.led = true
		return true, nil
	}
	g.queue = append(g.queue, c)
	return false, nil
}

// leave removes c from the queue. It returns false if c is no longer there, because its transaction has begun.
func (g *group) leave(c *call) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, q := range g.queue {
		if q == c {
			g.queue = append(g.queue[:i:i], g.queue[i+1:]...)
			return true
		}
	}
	return false
}

// lead does the calls, including the caller's own, which is the first, passes on the lead and wakes the other callers.
func (g *group) lead(calls []*call) {
	g.run(calls)
	g.mu.Lock()
	n := min(len(g.queue), maxGroup)
	next := g.queue[:n:n]
	g.queue = g.queue[n:]
	g.led = n > 0
	g.mu.Unlock()
	if n > 0 {
		next[0].wake <- next
	}
	for _, c := range calls[1:] {
		c.wake <- nil
	}
}

// isClosed reports whether close was called.
func (g *group) isClosed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// close refuses new callers and waits for the current ones.
func (g *group) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.calls.Wait()
}
