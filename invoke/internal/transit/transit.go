// Package transit tells how far an HTTP request came before its connection was lost: what never left this process did
// not run, what did may have.
package transit

import (
	"context"
	"errors"
	"net/http/httptrace"
	"sync/atomic"
)

// Request is what is known about one request. net/http sets it from goroutines of its own, so any may ask.
type Request struct {
	reused   atomic.Bool // the connection had served a request before
	written  atomic.Bool
	answered atomic.Bool
}

// Follow returns a ctx for one request over net/http, and what will be known about it.
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

// Stale reports whether a request that failed with err lost a connection that had been used before, and without a byte
// of an answer: most likely the other end had closed it before the request came. A timeout loses no connection.
func (r *Request) Stale(err error) bool {
	var late interface{ Timeout() bool }
	if errors.As(err, &late) && late.Timeout() {
		return false
	}
	return r.reused.Load() && !r.answered.Load()
}
