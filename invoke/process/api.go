package process

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/shardmill/shardmill/invoke"
)

const (
	runtimePath    = "/2018-06-01/runtime/"
	invocationPath = runtimePath + "invocation/"

	// headerTimeout bounds the time for a request's header, which comes at once from the same machine.
	headerTimeout = 10 * time.Second

	// maxDiscarded is how much of an answer that is too large is still read, so that its sender gets to read our answer.
	maxDiscarded = 64 << 20

	// maxBuffer is the most that a process keeps as a buffer for events: what Lambda's limit needs.
	maxBuffer = 6 << 20
)

// silent is where net/http's complaints about broken connections go: they break whenever a process ends.
var silent = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)

// ServeHTTP is the Lambda Runtime API for the one process. Nothing but that process has a reason to call: what comes from
// a browser, as other hosts' names or an Origin show, is refused.
func (w *worker) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if !w.requests.enter() {
		return // the process is gone
	}
	defer w.requests.leave()
	if r.Host != w.addr || r.Header.Get("Origin") != "" {
		refuse(rw, http.StatusForbidden, document{"Forbidden", "This is not for you"})
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, invocationPath)
	switch {
	case ok && path == "next" && r.Method == http.MethodGet:
		w.next(rw, r)
	case ok && r.Method == http.MethodPost:
		w.answer(rw, r, path)
	case r.URL.Path == runtimePath+"init/error" && r.Method == http.MethodPost:
		w.initError(rw, r)
	case r.URL.Path == credentialsPath && r.Method == http.MethodGet:
		w.credentials(rw, r)
	default:
		extension(w, rw, r)
	}
}

// next gives the process its next invocation, for as long as it takes.
func (w *worker) next(rw http.ResponseWriter, r *http.Request) {
	if !w.fn.pool.ready(w) {
		refuse(rw, http.StatusForbidden, invalidState)
		return
	}
	for {
		select {
		case c := <-w.calls:
			if w.fn.pool.hand(w, c, r.Context().Err() != nil) {
				w.give(rw, c)
				return
			}
		case <-w.ended:
			return
		case <-r.Context().Done():
			return
		}
	}
}

var invalidState = document{"InvalidStateTransition", "Transition from the current state is not allowed"}

// give writes the event. The process has it from here on: should it break off, it has to end before the batch is tried
// again.
func (w *worker) give(rw http.ResponseWriter, c *call) {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.buffer = c.in.Event.AppendJSON(w.buffer[:0])
	c.header(rw.Header())
	rw.Header().Set("Content-Length", strconv.Itoa(len(w.buffer)))
	_, _ = rw.Write(w.buffer)
	if cap(w.buffer) > maxBuffer {
		w.buffer = nil
	}
}

// answer takes what an invocation came to: "{request id}/response" or "{request id}/error".
func (w *worker) answer(rw http.ResponseWriter, r *http.Request, path string) {
	if !w.answers.enter() {
		return // the process is gone
	}
	defer w.answers.leave()
	id, kind, _ := strings.Cut(path, "/")
	if kind != "response" && kind != "error" {
		http.NotFound(rw, r)
		return
	}
	if !w.fn.pool.expects(w, id) {
		refuse(rw, http.StatusBadRequest, document{"InvalidRequestID", "Invalid request ID"})
		return
	}
	result, err := outcome(r, kind)
	if err != nil {
		return // it broke off: the process is about to end, or tries again
	}
	c := w.fn.pool.settle(w, id)
	if c == nil {
		refuse(rw, http.StatusBadRequest, document{"InvalidRequestID", "Invalid request ID"})
		return
	}
	c.done <- result
	if errors.Is(result.Err, errTooLarge) {
		refuse(rw, http.StatusRequestEntityTooLarge, document{"RequestEntityTooLarge", fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", maxResponse)})
		return
	}
	accept(rw)
}

// outcome reads what an invocation came to: the answer of a function that returned, or the error document of one that
// failed. One that breaks off in the middle of a streamed answer says so in a trailer.
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

// errTooLarge tells that a body is larger than may be.
var errTooLarge = errors.New("process: too large")

// read reads a body of at most so many bytes. With errTooLarge it returns the beginning, one byte longer than may be.
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

// initError takes the report of a process that cannot start. It is given a moment to end.
func (w *worker) initError(rw http.ResponseWriter, r *http.Request) {
	if !w.answers.enter() {
		return // the process is gone
	}
	defer w.answers.leave()
	body, err := read(r, maxResponse)
	if err != nil && !errors.Is(err, errTooLarge) {
		return
	}
	if errors.Is(err, errTooLarge) {
		body = nil
	}
	if !w.fn.pool.failed(w, reported(body, r.Header.Get("Lambda-Runtime-Function-Error-Type"))) {
		refuse(rw, http.StatusForbidden, invalidState)
		return
	}
	accept(rw)
}

// accept answers as the Runtime API does when all is well.
func accept(rw http.ResponseWriter) { write(rw, http.StatusAccepted, []byte(`{"status":"OK"}`+"\n")) }

// refuse answers with an error document.
func refuse(rw http.ResponseWriter, status int, d document) { write(rw, status, d.json()) }

func write(rw http.ResponseWriter, status int, body []byte) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_, _ = rw.Write(body)
}
