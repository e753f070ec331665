package boltstore

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/shardmill/shardmill/mapping"
)

// maxGroup bounds one transaction, and so what is held in memory for it; it is the bound of bbolt's own batches.
const maxGroup = 1000

// errClosed is what everybody gets after Close.
var errClosed = fmt.Errorf("%w: %w", mapping.ErrStoreClosed, os.ErrClosed)

// group lets many callers share one transaction after the other, without a goroutine of its own: the first caller
// leads, and does the work for itself at once. Those who come meanwhile wait in the queue. When the leader is
// through, it makes the head of the queue the next leader, for all that wait by then, and returns.
type group struct {
	// run does the work of all calls and sets their err. Only one run goes on at a time.
	run func([]*call)

	mu     sync.Mutex
	queue  []*call
	led    bool // somebody leads, or was told to
	closed bool
	calls  sync.WaitGroup // grows only while not closed
}

// call is one caller's part of a transaction.
type call struct {
	do  func(*txn) error // an error tells that it wrote nothing
	err error            // set by run, read by the caller when it was woken

	// wake brings the calls that the caller has to lead, or nil when its own is done. Its sender never blocks.
	wake chan []*call
}

// do has fn run in a transaction and returns when it is durable. It gives up when ctx ends while fn waits for its turn;
// after that it stays.
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

// enter queues c, or reports that its caller leads. The caller owes a calls.Done unless there was an error.
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

// leave takes c out of the queue. It reports false when c is there no more, because its transaction has begun.
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

// lead does the calls, the first of which is the caller's own, hands the lead on and wakes the other callers.
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

// close lets nobody in any more and waits for those who are.
func (g *group) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.calls.Wait()
}
