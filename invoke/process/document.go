package process

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/shardmill/shardmill/invoke"
)

// unhandled is the FunctionError of every failed function here, as with Lambda's own runtimes.
const unhandled = "Unhandled"

// maxResponse is the largest answer in bytes: 6 MiB and Lambda's allowance on top.
const maxResponse = 6_291_556

// document is an error document with AWS's keys in AWS's order.
type document struct {
	Type    string `json:"errorType,omitempty"`
	Message string `json:"errorMessage"`
}

func (d document) json() []byte {
	text, _ := json.Marshal(d) //nolint:errchkjson // two strings
	return text
}

// failed returns the result of a function that failed with a document.
func failed(payload []byte, err error) *invoke.Result {
	return &invoke.Result{StatusCode: http.StatusOK, FunctionError: unhandled, Payload: payload, Err: err}
}

// ExitError says that a process ended by itself: while it started, or before it answered.
type ExitError struct {
	// State is how it ended; nil if that is not known.
	State *os.ProcessState
}

// Error describes the exit in AWS's words.
func (e *ExitError) Error() string { return "process: runtime " + e.words() }

// words is the part of the message that AWS's text and ours share.
func (e *ExitError) words() string {
	if e.State == nil || e.State.Success() {
		return "exited without providing a reason"
	}
	return "exited with error: " + e.State.String()
}

// exited is the result of an invocation whose process ended before it answered.
func exited(requestID string, err *ExitError) *invoke.Result {
	return failed(document{"Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: Runtime %s", requestID, err.words())}.json(), err)
}

// timedOut is the result of an invocation that exceeded its deadline. invoke.Run writes its own if the timeout is its
// own; it is the same.
func timedOut(requestID string, now time.Time, err *invoke.TimeoutError) *invoke.Result {
	text := fmt.Sprintf("%s %s Task timed out after %.2f seconds", now.UTC().Format("2006-01-02T15:04:05.000Z"), requestID, err.Timeout.Seconds())
	return failed(document{Message: text}.json(), err)
}

// InitError says that a process ended, or was stopped, before it requested an invocation.
type InitError struct {
	// Document is the error document that the function reported; nil if it reported none.
	Document []byte
	// Err is the reason: an *ExitError, an *invoke.TimeoutError, or an error of starting the program. nil if there is a
	// Document.
	Err error
}

// Error returns the document or the reason.
func (e *InitError) Error() string {
	if e.Err == nil {
		const most = 1024 // so that a log line stays one
		return fmt.Sprintf("process: init error: %s", e.Document[:min(len(e.Document), most)])
	}
	return "process: init error: " + strings.TrimPrefix(e.Err.Error(), "process: ")
}

// Unwrap returns Err.
func (e *InitError) Unwrap() error { return e.Err }

// result is the result of the invocation for which the process was started: a function error if it is the function's
// fault, and not run if this process could not start any.
func (e *InitError) result(requestID string) (*invoke.Result, error) {
	if e.Document != nil {
		return failed(e.Document, e), nil
	}
	var d document
	switch err := e.Err.(type) { //nolint:errorlint // outcome and expired make it, and wrap nothing
	case *ExitError:
		d = document{"Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: Runtime %s", requestID, err.words())}
	case *invoke.TimeoutError:
		d = document{"Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", requestID, err.Timeout.Seconds())}
	default:
		return nil, fmt.Errorf("%w: %w", invoke.ErrUnavailable, e)
	}
	return failed(d.json(), e), nil
}

// tooLarge is the result of an invocation with an answer of size bytes.
func tooLarge(size int64) *invoke.Result {
	text := fmt.Sprintf("Response payload size (%d bytes) exceeded maximum allowed payload size (%d bytes).", size, maxResponse)
	return failed(document{"Function.ResponseSizeTooLarge", text}.json(), fmt.Errorf("%w: the answer has %d bytes, at most %d are allowed", errTooLarge, size, maxResponse))
}

// reported returns the payload of an error that the function reported: its own document, or a document with the report
// if that is not JSON.
func reported(body []byte, errorType string) []byte {
	if json.Valid(body) {
		return body
	}
	if errorType == "" {
		errorType = "Runtime.Unknown"
	}
	return document{errorType, string(body)}.json()
}
