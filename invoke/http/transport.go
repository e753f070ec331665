package httpfunc

import (
	"net"
	"net/http"
	"time"
)

const (
	// maxIdle is the number of connections that may wait for the next invocation: 1,000 shards with a
	// ParallelizationFactor of 10.
	maxIdle = 10_000

	// idleTimeout is shorter than the 5 s after which the servers of Node.js and uvicorn close a connection, so that
	// requests seldom meet one that is being closed.
	idleTimeout = 4 * time.Second

	// connectTimeout is for an absent host; a present one answers in milliseconds.
	connectTimeout = 10 * time.Second

	// writeBuffer holds a small event with its header in one piece.
	writeBuffer = 16 << 10
)

// newTransport returns the Transport of a Function without a configured Client.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout: connectTimeout,
		ForceAttemptHTTP2:   true,
		DisableCompression:  true, // the answer is small, and its length is then known
		MaxIdleConnsPerHost: maxIdle,
		IdleConnTimeout:     idleTimeout,
		WriteBufferSize:     writeBuffer,
	}
}
