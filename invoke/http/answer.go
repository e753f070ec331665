package httpfunc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/shardmill/shardmill/invoke"
)

const (
	// maxAnswer is AWS's limit of a synchronous answer in bytes: 6 MiB and 100.
	maxAnswer = 6_291_556

	// maxQuoted bounds the quotation of an answer that is not an error document.
	maxQuoted = 1024

	unhandled = "Unhandled"

	// timedOut is the beginning of the emulator's answer for a function that was late.
	timedOut = "Task timed out after "
)

// errTooLong says that an answer is longer than maxAnswer.
var errTooLong = errors.New("httpfunc: answer too long")

// readAnswer reads the body of an answer.
func readAnswer(r *http.Response) ([]byte, error) {
	if r.ContentLength > maxAnswer {
		return nil, errTooLong
	}
	var b bytes.Buffer
	if r.ContentLength > 0 {
		b.Grow(int(r.ContentLength) + bytes.MinRead) // so that the read that finds the end needs no other buffer
	}
	if _, err := b.ReadFrom(io.LimitReader(r.Body, maxAnswer+1)); err != nil {
		return nil, err
	}
	if b.Len() > maxAnswer {
		return nil, errTooLong
	}
	return b.Bytes(), nil
}

// refusals are the statuses of a function that did not run.
var refusals = map[int]error{
	http.StatusUnauthorized:          invoke.ErrAccessDenied,
	http.StatusForbidden:             invoke.ErrAccessDenied,
	http.StatusNotFound:              invoke.ErrFunctionNotFound,
	http.StatusRequestEntityTooLarge: invoke.ErrTooLarge,
	http.StatusTooManyRequests:       invoke.ErrThrottled,
	http.StatusServiceUnavailable:    invoke.ErrUnavailable,
}

// refusal returns why the function did not run, nil if it did or may have.
func (f *Function) refusal(status int, answer []byte) error {
	switch {
	case status >= 300 && status < 400:
		return invoke.ErrUnavailable
	case f.emulator && status == http.StatusBadRequest && len(answer) == 0: // it has another invocation
		return invoke.ErrThrottled
	case f.emulator && status == http.StatusInternalServerError: // it could not begin
		return invoke.ErrUnavailable
	}
	return refusals[status]
}

// result returns what an answer counts as.
func (f *Function) result(r *http.Response, answer []byte) (*invoke.Result, error) {
	if reason := f.refusal(r.StatusCode, answer); reason != nil {
		return nil, fmt.Errorf("httpfunc: %s: %w: %s: %s", f.shown, reason, r.Status, quote(answer))
	}
	result := &invoke.Result{
		ExecutedVersion: r.Header.Get("X-Amz-Executed-Version"),
		FunctionError:   r.Header.Get("X-Amz-Function-Error"),
		Payload:         answer,
	}
	switch {
	case r.StatusCode >= 300:
		f.failed(result, r)
	case result.FunctionError != "" || !f.emulator:
	case bytes.HasPrefix(answer, []byte(timedOut)):
		result.FunctionError = unhandled
		result.Payload = document(string(answer), "")
	case isErrorDocument(answer):
		result.FunctionError = unhandled
	}
	return result, nil
}

// failed turns a status into a function error.
func (f *Function) failed(result *invoke.Result, r *http.Response) {
	result.Err = fmt.Errorf("httpfunc: %s: %s: %s", f.shown, r.Status, quote(result.Payload))
	if result.FunctionError == "" {
		result.FunctionError = unhandled
	}
	if !isErrorDocument(result.Payload) {
		text := strings.TrimSpace(r.Status + ": " + quote(result.Payload))
		result.Payload = document(text, fmt.Sprintf("HTTP.%d", r.StatusCode))
	}
}

// tooLong is the result of an answer that is too long, in AWS's words.
func tooLong() *invoke.Result {
	text := fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxAnswer)
	return &invoke.Result{FunctionError: unhandled, Payload: document(text, "Function.ResponseSizeTooLarge")}
}

// isErrorDocument reports whether an answer says that the function failed, and nothing else.
func isErrorDocument(answer []byte) bool {
	if !bytes.Contains(answer, []byte(`"error`)) {
		return false // saves parsing almost every answer
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(answer, &members) != nil {
		return false
	}
	_, items := members["batchItemFailures"]
	_, state := members["state"]
	return !items && !state && (isString(members["errorMessage"]) || isString(members["errorType"]))
}

func isString(raw json.RawMessage) bool { return bytes.HasPrefix(raw, []byte(`"`)) }

// document returns an error document of ours.
func document(message, errorType string) []byte {
	d := struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType,omitempty"`
	}{message, errorType}
	raw, _ := json.Marshal(d) // strings always encode
	return raw
}

func quote(answer []byte) string { return string(answer[:min(len(answer), maxQuoted)]) }
