package process

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/shardmill/shardmill/invoke"
)

const (
	runtimePath    = "/2018-06-01/runtime/"
	invocationPath = runtimePath + "invocation/"
)

// route answers one request of the process: the Lambda Runtime API. Only that process has a reason to call. Requests of
// a browser, as other hosts' names or an Origin show, are refused.
func (w *worker) route(ctx context.Context, c *conn, r *http.Request) reply {
	if r.Host != w.addr || r.Header.Get("Origin") != "" {
		return refuse(http.StatusForbidden, document{"Forbidden", "Only the function's process may call"})
	}
	path, ok := strings.CutPrefix(r.URL.Path, invocationPath)
	switch {
	case ok && path == "next" && r.Method == http.MethodGet:
		if !w.fn.pool.ready(w, c) {
			return refuse(http.StatusForbidden, invalidState)
		}
		return reply{later: true}
	case ok && r.Method == http.MethodPost:
		return w.answer(r, path)
	case r.URL.Path == runtimePath+"init/error" && r.Method == http.MethodPost:
		return w.initError(r)
	case r.URL.Path == credentialsPath && r.Method == http.MethodGet:
		return w.credentials(ctx, r)
	}
	return w.extension(ctx, r)
}

var (
	invalidState = document{"InvalidStateTransition", "Transition from the current state is not allowed"}
	invalidID    = document{"InvalidRequestID", "Invalid request ID"}
	notFound     = document{"NotFound", "Unknown path"}
)

// answer takes the result of an invocation: "{request id}/response" or "{request id}/error".
func (w *worker) answer(r *http.Request, path string) reply {
	if !w.answers.enter() {
		return reply{} // the process is gone
	}
	defer w.answers.leave()
	id, kind, _ := strings.Cut(path, "/")
	if kind != "response" && kind != "error" {
		return refuse(http.StatusNotFound, notFound)
	}
	if !w.fn.pool.expects(w, id) {
		return refuse(http.StatusBadRequest, invalidID)
	}
	result, err := outcome(r, kind)
	if err != nil {
		return reply{} // it broke off: the process is about to end, or retries
	}
	c := w.fn.pool.settle(w, id)
	if c == nil {
		return refuse(http.StatusBadRequest, invalidID)
	}
	c.done <- result
	if errors.Is(result.Err, errTooLarge) {
		return refuse(http.StatusRequestEntityTooLarge, document{"RequestEntityTooLarge", fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", maxResponse)})
	}
	return accept()
}

// outcome reads the result of an invocation: the answer of a function that returned, or the error document of one that
// failed. A function that breaks off in the middle of a streamed answer says so in a trailer.
func outcome(r *http.Request, kind string) (*invoke.Result, error) {
	body, err := read(r, maxResponse)
	if errors.Is(err, errTooLarge) {
		rest, err := io.Copy(io.Discard, io.LimitReader(r.Body, maxDiscarded))
		return tooLarge(int64(len(body)) + rest), err
	}
	if err != nil {
		return nil, err
	}
	if kind == "error" {
		return failed(reported(body, r.Header.Get("Lambda-Runtime-Function-Error-Type")), nil), nil
	}
	if errorType := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); errorType != "" {
		document, _ := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		return failed(reported(document, errorType), nil), nil
	}
	return &invoke.Result{StatusCode: http.StatusOK, Payload: body}, nil
}

// errTooLarge says that a body exceeds its limit.
var errTooLarge = errors.New("process: too large")

// read reads a body of at most most bytes. With errTooLarge it returns the beginning, one byte longer than the limit.
func read(r *http.Request, most int) ([]byte, error) {
	size := 512
	if n := r.ContentLength; n >= 0 {
		size = int(min(n, int64(most))) + 1 // io.EOF is found without growing
	}
	body := make([]byte, 0, size)
	for {
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > most:
			return body, errTooLarge
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, err
		}
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
	}
}

// initError takes the report of a process that cannot start. The process gets a moment to end.
func (w *worker) initError(r *http.Request) reply {
	if !w.answers.enter() {
		return reply{} // the process is gone
	}
	defer w.answers.leave()
	body, err := read(r, maxResponse)
	switch {
	case errors.Is(err, errTooLarge):
		body = nil
	case err != nil:
		return reply{}
	}
	if !w.fn.pool.failed(w, reported(body, r.Header.Get("Lambda-Runtime-Function-Error-Type"))) {
		return refuse(http.StatusForbidden, invalidState)
	}
	return accept()
}

// accept is the success reply of the Runtime API.
func accept() reply { return reply{status: http.StatusAccepted, body: accepted} }

var accepted = []byte(`{"status":"OK"}` + "\n")

// refuse is a reply with an error document.
func refuse(status int, d document) reply { return reply{status: status, body: d.json()} }
