package poller

import (
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// tracer follows the requests of one call through net/http. A trace is seven allocations, so it is reused for another
// call: net/http keeps a reference only if it dials, or waits for an answer, when the call is over.
type tracer struct {
	of    atomic.Pointer[live] // nil between two calls
	trace *httptrace.ClientTrace
}

var tracers = sync.Pool{New: func() any { return newTracer(nil) }}

func newTracer(l *live) *tracer {
	t := new(tracer)
	t.of.Store(l)
	t.trace = &httptrace.ClientTrace{
		GetConn:           func(string) { t.enters(inConnect, "") },
		DNSStart:          func(httptrace.DNSStartInfo) { t.enters(inLookup, "") },
		ConnectStart:      func(_, address string) { t.enters(inConnect, address) },
		TLSHandshakeStart: func() { t.enters(inTLS, "") },
		GotConn:           t.connected,

		GotFirstResponseByte: t.heard,
	}
	return t
}

// takeTracer returns one that follows a call.
func takeTracer(l *live) *tracer {
	t := tracers.Get().(*tracer) //nolint:errcheck // nothing else is in the pool
	t.of.Store(l)
	return t
}

// release ends the tracing of a call that ended at a place. t may be nil.
func (t *tracer) release(p *place) {
	if t == nil {
		return
	}
	t.of.Store(nil)
	if !p.dialled && p.phase == inBody {
		tracers.Put(t)
	}
}

// enters records a phase before there is a connection. address is the dialled one. If there are two, because a host has
// several addresses, or because net/http still dials although another connection became free, the latest counts.
func (t *tracer) enters(ph phase, address string) {
	l := t.of.Load()
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.place
	if p.phase == inHeaders || p.phase == inBody {
		return
	}
	p.phase, p.since = ph, time.Now()
	if address != "" {
		p.address = address
	}
	if ph == inLookup || address != "" {
		p.dialled = true
	}
}

// connected records that a request has its connection.
func (t *tracer) connected(info httptrace.GotConnInfo) {
	l := t.of.Load()
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.place.phase, l.place.since = inHeaders, time.Now()
	l.place.dialled = l.place.dialled || !info.Reused
}

// heard records the first byte of an answer, whose headers may arrive slowly too.
func (t *tracer) heard() {
	l := t.of.Load()
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = time.Now()
}
