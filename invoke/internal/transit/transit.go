// Package transit reports how far an HTTP request got before its connection was lost. A request that never left this
// process did not run; one that did may have run.
package transit

import (
	"context"
	"errors"
	"net/http/httptrace"
	"sync/atomic"
)

// Request is the state of one request. net/http sets it from goroutines of its own; it is safe for concurrent use.
type Request struct {
	reused   atomic.Bool // the connection had served a request before
	written  atomic.Bool
	answered atomic.Bool
}

// Follow returns a ctx for one request over net/http, and the Request that observes it.
func Follow(ctx context.Context) (context.Context, *Request) {
	r := &Request{}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { r.reused.Store(info.Reused) },
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				r.written.Store(true)
			}
		},
		GotFirstResponseByte: func() { r.answered.Store(true) },
	}), r
}

// Sent reports whether the whole request was written to a connection, so that the other end may have acted on it.
func (r *Request) Sent() bool { return r.written.Load() }

// Stale reports whether a request that failed with err lost a reused connection without a byte of an answer: most
// likely the other end had closed the connection before the request. A timeout loses no connection.
func (r *Request) Stale(err error) bool {
	var late interface{ Timeout() bool }
	if errors.As(err, &late) && late.Timeout() {
		return false
	}
	return r.reused.Load() && !r.answered.Load()
}
