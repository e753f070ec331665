package kinesistest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/poller/kinesistest/internal/wire"
)

// Answers of a gateway or a proxy instead of the service.
const (
	htmlPage = "<html>\r\n<head><title>Welcome</title></head>\r\n<body>\r\n<center><h1>Please sign in</h1></center>\r\n</body>\r\n</html>\r\n"
	htmlType = "text/html"

	maxPieces = 24
	maxPause  = 5 * time.Second
)

// errHTML is a JSON decoder's error about HTML.
var errHTML = errors.New("invalid character '<' looking for beginning of value")

// httpError is the answer of a server with a fault: a status with the service's document, or without any.
type httpError struct {
	status        int
	code, message string // empty without a document
	page          bool   // HTML instead of the document
}

// Error implements error.
func (e *httpError) Error() string { return e.ErrorCode() + ": " + e.ErrorMessage() }

// ErrorCode implements smithy.APIError. Without a document it returns the SDK's text.
func (e *httpError) ErrorCode() string {
	if e.code == "" {
		return "UnknownError"
	}
	return e.code
}

// ErrorMessage implements smithy.APIError.
func (e *httpError) ErrorMessage() string {
	if e.code == "" {
		return "UnknownError"
	}
	return e.message
}

// ErrorFault implements smithy.APIError.
func (e *httpError) ErrorFault() smithy.ErrorFault { return smithy.FaultServer }

// asClient returns the SDK's error for it.
func (e *httpError) asClient() error {
	if e.page {
		return &smithy.DeserializationError{Err: fmt.Errorf("failed to decode response body, %w", errHTML)}
	}
	return &smithy.GenericAPIError{Code: e.ErrorCode(), Message: e.ErrorMessage()}
}

// isNoAnswer reports whether the kind replaces the answer to a call that took effect.
func (k Kind) isNoAnswer() bool {
	return k == ErrorDocument || k == HTMLPage || k == EmptyBody || k == ConnectionReset
}

// response is an answer over HTTP.
type response struct {
	status      int
	contentType string // empty: none
	body        []byte
}

// instead returns the kind's replacement of an answer.
func (f *Fault) instead(as wire.Form, buf []byte) response {
	switch f.Kind {
	case ErrorDocument:
		if f.dice.below(2) == 0 {
			as = wire.JSON // a gateway knows no other
		}
		fault := wireError{code: internalFailure, message: "The request failed due to an internal error."}
		return response{http.StatusOK, as.ContentType(), fault.encode(buf, as)}
	case HTMLPage:
		return response{http.StatusOK, htmlType, append(buf, htmlPage...)}
	case EmptyBody:
		if f.dice.below(2) == 0 {
			return response{http.StatusOK, as.ContentType(), buf}
		}
		return response{http.StatusNoContent, "", buf}
	default: // ConnectionReset: nothing is written
		panic(http.ErrAbortHandler)
	}
}

// failed returns the answer of a call that failed.
func failed(err error, as wire.Form, buf []byte) response {
	fault := faultOf(err)
	broken, ok := errors.AsType[*httpError](err)
	switch {
	case ok && broken.page:
		page := "<html><body><h1>" + strconv.Itoa(fault.status) + " " + http.StatusText(fault.status) + "</h1></body></html>\r\n"
		return response{fault.status, htmlType, append(buf, page...)}
	case ok && broken.code == "":
		return response{fault.status, "", buf}
	}
	return response{fault.status, as.ContentType(), fault.encode(buf, as)}
}

// asClient returns the SDK's error for an answer in the fault's manner, nil if the SDK accepts the answer.
func (f *Fault) asClient(ctx context.Context) error {
	switch f.Kind {
	case HTMLPage:
		return &smithy.DeserializationError{Err: errHTML}
	case CutBody:
		return &smithy.DeserializationError{Err: io.ErrUnexpectedEOF}
	case ConnectionReset:
		return errReset
	case Trickle:
		return wait(ctx, f.pauses(1<<10))
	default:
		return nil
	}
}

// pauses returns how long a trickling body takes.
func (f *Fault) pauses(length int) (all time.Duration) {
	for range f.pieces(length) - 1 {
		all += f.pause()
	}
	return all
}

// pieces returns the number of pieces in which a body trickles.
func (f *Fault) pieces(length int) int { return min(2+f.dice.below(maxPieces-1), max(1, length)) }

// pause returns a pause between two pieces.
func (f *Fault) pause() time.Duration { return f.dice.between(100*time.Millisecond, maxPause) }

// write writes an answer's body, or an event, in the fault's manner.
func (f *Fault) write(ctx context.Context, w http.ResponseWriter, body []byte) error {
	control := http.NewResponseController(w)
	switch f.Kind {
	case CutBody:
		_, _ = w.Write(body[:len(body)/2])
		_ = control.Flush()
		panic(http.ErrAbortHandler)
	case Trickle:
		return f.trickle(ctx, w, control, body)
	default:
		_, err := w.Write(body)
		return err
	}
}

// trickle writes a body in pieces.
func (f *Fault) trickle(ctx context.Context, w io.Writer, control *http.ResponseController, body []byte) error {
	_ = control.SetWriteDeadline(time.Now().Add(maxPieces*maxPause + transferTimeout))
	n := f.pieces(len(body))
	for i := range n {
		if i > 0 {
			if err := wait(ctx, f.pause()); err != nil {
				return err
			}
		}
		if _, err := w.Write(body[i*len(body)/n : (i+1)*len(body)/n]); err != nil {
			return err
		}
		if err := control.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// date returns the time in the head of an answer at now.
func (f *Fault) date(now time.Time) time.Time {
	if f.Kind == WrongDate {
		return now.Add(offBy(f.dice))
	}
	return now
}

// encoder returns an encoder that writes in the fault's manner.
func (f *Fault) encoder(buf []byte, as wire.Form) wire.Encoder {
	return wire.Encoder{Buf: buf, Form: as, Nulls: f.Kind == NullMembers, Odd: f.odd}
}
