package process

import "time"

// hand takes note that a process is given an invocation. It reports false if that is not to be: the process has ended or
// hung up, which leaves the invocation to another one, or nobody waits for the invocation any more.
func (p *pool) hand(w *worker, c *call, hungUp bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case c.stage == over:
		if w.state == granted {
			p.put(w)
		}
		return false
	case w.state != granted:
	case hungUp: // it will ask again
		w.state = settling
		w.timer.Reset(w.fn.cfg.InitTimeout)
	default:
		w.state, w.call, w.requestID = running, c, c.in.RequestID
		c.stage = handed
		return true
	}
	c.stage = over
	c.done <- nil
	return false
}

// retract ends an invocation and returns how far it had come. With kill, a process that has it is to be killed.
func (p *pool) retract(w *worker, c *call, kill bool) stage {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := c.stage
	c.stage = over
	if at == handed {
		w.call = nil
		if kill {
			w.state, w.stopped = ending, true
		}
	}
	return at
}

// lost takes note that a process has ended, so that no further invocation goes its way.
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
// until the end of the invocation to ask for the next one: as on Lambda, what it does after its answer is part of it.
func (p *pool) settle(w *worker, requestID string) *call {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := w.call
	if c == nil || c.in.RequestID != requestID {
		return nil
	}
	c.stage = over
	w.state, w.call, w.answered = settling, nil, time.Now()
	w.timer.Reset(max(settleTime, c.deadline.Sub(w.answered)))
	if p.crashes > 0 {
		p.crashes = 0
		p.grow() // those who waited for one that answers
	}
	return c
}

// failed takes the report of a process that cannot start, and has it killed if it does not end. It reports false for a
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
