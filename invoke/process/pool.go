package process

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/shardmill/shardmill/invoke"
)

// ErrClosed is returned by Invoke after Close, and by invocations that Close cut short. The function counts as not run.
var ErrClosed = fmt.Errorf("%w: process: closed", invoke.ErrUnavailable)

const (
	// settleTime is how long a process that has answered may take to request its next invocation before another one is
	// started for waiting invocations. It takes less than a tenth of a millisecond unless it has more work.
	settleTime = 20 * time.Millisecond

	// The back-off between starts while no process has answered.
	leastBackoff = 100 * time.Millisecond
	mostBackoff  = 10 * time.Second
)

// state is the state of a process.
type state int

const (
	starting state = iota // it has not requested an invocation yet
	idle                  // it waits for an invocation
	granted               // an Invoke has acquired it, but not sent the invocation yet
	running               // it has an invocation
	settling              // it has answered, but not requested the next invocation yet
	ending                // it was asked to end, or has ended
)

// pool knows the processes of a function and the invocations that wait for one. Its lock also guards the processes'
// state; nothing blocks under it.
type pool struct {
	max   int
	spawn func() *worker // starts a process, which eventually calls gone

	mu        sync.Mutex
	all       map[*worker]struct{} // from spawn to gone
	idle      []*worker            // the last one is taken first, so that surplus ones stay idle
	waiting   []chan grant         // in order of arrival; each has room for its grant
	crashes   int                  // processes that ended by themselves since one of them last answered
	notBefore time.Time            // when the next process may be started
	timer     *time.Timer          // calls grow
	closed    bool
}

// grant is the result for a waiting Invoke: a process, or the reason why there is none.
type grant struct {
	worker *worker
	err    error
}

// acquire returns a process that waits for an invocation; it starts one if necessary and allowed.
func (p *pool) acquire(ctx context.Context) (*worker, error) {
	if ctx.Err() != nil {
		return nil, notRun(ctx)
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if last := len(p.idle) - 1; last >= 0 {
		w := p.idle[last]
		p.idle = p.idle[:last]
		w.state = granted
		p.mu.Unlock()
		return w, nil
	}
	queued := make(chan grant, 1)
	p.waiting = append(p.waiting, queued)
	p.grow()
	p.mu.Unlock()
	select {
	case g := <-queued:
		return g.worker, g.err
	case <-ctx.Done():
		p.leave(queued)
		return nil, notRun(ctx)
	}
}

// notRun is the error of an invocation whose ctx ended before a process had it.
func notRun(ctx context.Context) error {
	return fmt.Errorf("process: no process was free: %w: %w", invoke.ErrThrottled, context.Cause(ctx))
}

// leave removes an invocation that no longer waits from the queue.
func (p *pool) leave(queued chan grant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.waiting, queued); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
		return
	}
	if g := <-queued; g.worker != nil && g.worker.state == granted {
		p.put(g.worker)
	}
}

// put gives a process to the first waiting invocation, or marks it as idle.
func (p *pool) put(w *worker) {
	if p.closed {
		return // it is being stopped
	}
	if len(p.waiting) > 0 {
		w.state = granted
		p.answer(grant{worker: w})
		return
	}
	w.state = idle
	p.idle = append(p.idle, w)
	w.timer.Reset(w.fn.cfg.IdleTimeout)
}

// answer gives g to the first waiting invocation.
func (p *pool) answer(g grant) {
	p.waiting[0] <- g
	p.waiting = slices.Delete(p.waiting, 0, 1)
}

// grow starts processes for waiting invocations, unless a process is about to be free, within the bound and the
// back-off.
func (p *pool) grow() {
	if p.closed || len(p.waiting) == 0 || len(p.all) >= p.max {
		return
	}
	now := time.Now()
	soon, settled := 0, false
	for w := range p.all {
		fresh := w.state == settling && now.Sub(w.answered) < settleTime
		if fresh || w.state == starting {
			soon++
		}
		settled = settled || fresh
	}
	if settled {
		p.timer.Reset(settleTime)
	}
	want := min(len(p.waiting)-soon, p.max-len(p.all))
	if p.crashes > 0 {
		want = min(want, 1-soon) // one tries for all
	}
	if want <= 0 {
		return
	}
	if wait := p.notBefore.Sub(now); wait > 0 {
		p.timer.Reset(wait)
		return
	}
	for range want {
		p.all[p.spawn()] = struct{}{}
	}
}

// wake checks again whether a process must be started.
func (p *pool) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grow()
}

// ready notes that a process requests an invocation, and on which connection. It returns false for a process that has
// an invocation to answer, or has reported that it cannot start.
func (p *pool) ready(w *worker, c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.state == running || w.failure != nil {
		return false
	}
	if w.asking != nil {
		w.asking.asked = false // it has given that one up
	}
	w.asking, c.asked = c, true
	if w.state == starting || w.state == settling {
		p.put(w)
	}
	return true
}

// gone notes that a process has ended. failure is why it never requested an invocation.
func (p *pool) gone(w *worker, failure *InitError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, w)
	p.drop(w)
	if !w.stopped && w.answered.IsZero() {
		p.crashes++
		p.notBefore = time.Now().Add(backoff(p.crashes))
	}
	w.state = ending
	if failure != nil && len(p.waiting) > 0 {
		p.answer(grant{err: failure})
	}
	p.grow()
}

// drop removes a process from the idle ones.
func (p *pool) drop(w *worker) {
	if i := slices.Index(p.idle, w); i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
}

// backoff returns how long no process is started after so many failed ones: 0 after the first, which may be a record's
// fault.
func backoff(crashes int) time.Duration {
	if crashes < 2 {
		return 0
	}
	return min(leastBackoff<<min(crashes-2, 16), mostBackoff)
}

// close ends all waiting, and returns the processes that must be stopped.
func (p *pool) close() (workers []*worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.timer.Stop()
	for len(p.waiting) > 0 {
		p.answer(grant{err: ErrClosed})
	}
	for w := range p.all {
		w.stopped = true
		workers = append(workers, w)
	}
	return workers
}
