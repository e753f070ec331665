package poller

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// wholeBody is an HTTP client that sends each request from memory, and reports the progress to its call.
//
// The SDK wraps a request's body so that net/http cannot see that it is in memory, and closes it as soon as Do returns.
// If a fast server answers before net/http has released the body, the close makes net/http drop the connection,
// sometimes with the rest of the answer: "use of closed network connection" (aws-sdk-go-v2 issues 1825 and 2737). A
// copy that net/http knows to be in memory, and that is never closed, avoids both.
type wholeBody struct {
	client kinesis.HTTPClient
	wire   *wire
}

// Do sends a copy of req. The caller still closes the body of req itself.
func (c *wholeBody) Do(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	call := liveOf(ctx)
	if call != nil {
		ctx = call.follow(ctx, req.URL.Host)
	}
	inMemory, err := withBodyInMemory(ctx, req)
	if err != nil {
		return nil, err
	}
	resp, err := c.client.Do(inMemory)
	c.wire.answered = err == nil
	if err == nil && call != nil {
		call.answered()
		c.wire.watch(resp, call)
	}
	return resp, err
}

// watch lets the bytes of an answer show that the call is alive.
func (w *wire) watch(resp *http.Response, call *live) {
	if resp.Body == nil {
		return
	}
	w.body = flow{ReadCloser: resp.Body, live: call}
	resp.Body = &w.body
}

// withBodyInMemory returns a copy of a request, with another context.
func withBodyInMemory(ctx context.Context, req *http.Request) (*http.Request, error) {
	shallow := req.WithContext(ctx)
	if req.Body == nil || req.Body == http.NoBody {
		return shallow, nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }

	shallow.ContentLength = int64(len(body))
	shallow.GetBody = open
	shallow.Body, _ = open()
	return shallow, nil
}
