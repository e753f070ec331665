package modeltest

import (
	"bytes"
	"io"
	"net/http"
	"sync"

	"github.com/shardmill/shardmill/internal/servicemodel"
)

// Transport returns an http.RoundTripper that checks requests on their way to next. It does not look at the answers, which
// come from somebody else; see CheckAnswers.
func (c *Checker) Transport(next http.RoundTripper) http.RoundTripper {
	return transport{c, next, false}
}

// CheckAnswers is Transport that checks answers as well, when their body was read or closed.
func (c *Checker) CheckAnswers(next http.RoundTripper) http.RoundTripper {
	return transport{c, next, true}
}

type transport struct {
	*Checker
	next    http.RoundTripper
	answers bool
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	r, operation, err := t.sent(r)
	if err != nil {
		return nil, err
	}
	resp, err := t.next.RoundTrip(r)
	if err == nil && t.answers && operation != "" {
		resp.Body = &body{ReadCloser: resp.Body, whole: func(b []byte) {
			t.Answered(operation, servicemodel.Answer{Status: resp.StatusCode, Header: resp.Header, Body: b})
		}}
	}
	return resp, err
}

// sent checks a request, and returns one that can still be read.
func (c *Checker) sent(r *http.Request) (*http.Request, string, error) {
	var content []byte
	if r.Body != nil {
		var err error
		if content, err = io.ReadAll(r.Body); err != nil {
			return nil, "", err
		}
		_ = r.Body.Close()
		r = r.Clone(r.Context())
		r.ContentLength = int64(len(content))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
		r.Body, _ = r.GetBody()
	}
	operation, report := c.model.Request(servicemodel.Request{
		Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Header: r.Header, Body: content,
	})
	c.request(operation, report)
	return r, operation, nil
}

// Answered checks an answer to an operation.
func (c *Checker) Answered(operation string, a servicemodel.Answer) {
	what := operation
	if code := servicemodel.ErrorCode(a); code != "" {
		what += " " + code
	}
	c.answer(what, c.model.Answer(operation, a))
}

// body keeps what is read of a body, and hands it to whole at its end or when it is closed.
type body struct {
	io.ReadCloser
	whole func([]byte)

	once sync.Once
	read []byte
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read = append(b.read, p[:n]...)
	if err == io.EOF {
		b.once.Do(func() { b.whole(b.read) })
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.once.Do(func() { b.whole(b.read) })
	return b.ReadCloser.Close()
}

// Handler returns an http.Handler that checks what next is asked for and answers.
func (c *Checker) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, operation, err := c.sent(r)
		if err != nil {
			return // the client has gone
		}
		kept := &writer{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(kept, r)
		if operation != "" {
			c.Answered(operation, servicemodel.Answer{Status: kept.status, Header: w.Header(), Body: kept.written})
		}
	})
}

// writer keeps what is written.
type writer struct {
	http.ResponseWriter
	status  int
	written []byte
}

// WriteHeader implements http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *writer) Write(p []byte) (int, error) {
	w.written = append(w.written, p...)
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
