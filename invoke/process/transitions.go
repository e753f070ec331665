package process

import "time"

// hand notes that a process gets an invocation. It returns the connection that waits for it, and whether to end that
// connection. It returns nil if the process has ended or hung up.
func (p *pool) hand(w *worker, c *call) (to *conn, last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	to = w.asking
	switch {
	case w.state != granted:
		return nil, false
	case to == nil: // it will request again
		w.state = settling
		w.timer.Reset(w.fn.cfg.InitTimeout)
		return nil, false
	}
	w.asking, to.asked = nil, false
	w.state, w.call, w.requestID = running, c, c.in.RequestID
	return to, to.last
}

// isAsking reports whether a connection waits for an invocation.
func (p *pool) isAsking(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return c.asked
}

// hungUp notes that a connection is gone. A process that waited for an invocation there must request it again.
func (p *pool) hungUp(w *worker, c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.asking != c {
		return
	}
	w.asking = nil
	if w.state == idle {
		p.drop(w)
		w.state = settling
		w.timer.Reset(w.fn.cfg.InitTimeout)
	}
}

// retract ends an invocation that must not continue, and returns false if it has been answered. With kill, its process
// must be killed.
func (p *pool) retract(w *worker, c *call, kill bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.call != c {
		return false
	}
	w.call = nil
	if kill {
		w.state, w.stopped = ending, true
	}
	return true
}

// lost notes that a process has ended, so that it gets no further invocation.
func (p *pool) lost(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(w)
	if w.state == idle || w.state == granted || w.state == settling {
		w.state = ending
	}
}

// expects reports whether a process has the invocation of that request ID.
func (p *pool) expects(w *worker, requestID string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return w.call != nil && w.call.in.RequestID == requestID
}

// settle takes the call from a process that has answered it; nil if it has none of that request ID. The process has
// until the end of the invocation to request the next one: as on Lambda, its work after the answer is part of the
// invocation.
func (p *pool) settle(w *worker, requestID string) *call {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := w.call
	if c == nil || c.in.RequestID != requestID {
		return nil
	}
	w.state, w.call, w.answered = settling, nil, time.Now()
	w.timer.Reset(max(settleTime, c.deadline.Sub(w.answered)))
	if p.crashes > 0 {
		p.crashes = 0
		p.grow() // for those that waited for a process that answers
	}
	return c
}

// failed takes the report of a process that cannot start, and has it killed if it does not end. It returns false for a
// process that has started.
func (p *pool) failed(w *worker, document []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.state != starting || w.failure != nil {
		return false
	}
	w.failure = &InitError{Document: document}
	w.timer.Reset(stopGrace)
	return true
}
