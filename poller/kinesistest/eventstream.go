package kinesistest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/poller/kinesistest/internal/wire"
)

const eventStreamType = "application/vnd.amazon.eventstream"

// modeledExceptions are those that the service's model has inside the stream; other errors are of the stream's own kind.
var modeledExceptions = []string{
	"ResourceNotFoundException", "ResourceInUseException", "KMSDisabledException", "KMSInvalidStateException",
	"KMSAccessDeniedException", "KMSNotFoundException", "KMSOptInRequired", "KMSThrottlingException",
	"InternalFailureException",
}

// eventWriter writes a subscription to its client.
type eventWriter struct {
	ctx     context.Context //nolint:containedctx // of the call whose answer it writes
	w       http.ResponseWriter
	control *http.ResponseController
	form    wire.Form
	buf     []byte // of one message, used again for the next
}

// beginEvents says that the subscription was granted. A client that does not read may keep the stream for its lifetime.
func beginEvents(ctx context.Context, w http.ResponseWriter, as wire.Form, f *Fault) (*eventWriter, error) {
	v := &eventWriter{ctx: ctx, w: w, control: http.NewResponseController(w), form: as}
	_ = v.control.SetWriteDeadline(time.Now().Add(subscriptionLife + transferTimeout))
	w.Header().Set("Content-Type", eventStreamType)
	w.WriteHeader(http.StatusOK)
	v.message(":message-type", "event", ":event-type", "initial-response", ":content-type", v.form.PayloadType())
	e := wire.Encoder{Buf: v.buf, Form: v.form}
	e.Open()
	e.Close()
	v.buf = e.Buf
	return v, v.flush(f)
}

// event sends one event, in the manner of its fault.
func (v *eventWriter) event(event *types.SubscribeToShardEvent, f *Fault) error {
	v.message(":message-type", "event", ":event-type", "SubscribeToShardEvent", ":content-type", v.form.PayloadType())
	e := f.encoder(v.buf, v.form)
	e.Open()
	wire.EncodeEvent(&e, event)
	e.Close()
	v.buf = e.Buf
	return v.flush(f)
}

// end ends the stream: normally, by an exception, or by a broken connection.
func (v *eventWriter) end(err error) {
	if err == nil {
		return
	}
	if _, ok := errors.AsType[smithy.APIError](err); !ok {
		panic(http.ErrAbortHandler)
	}
	if fault := faultOf(err); slices.Contains(modeledExceptions, fault.code) {
		v.message(":message-type", "exception", ":exception-type", fault.code, ":content-type", v.form.PayloadType())
		v.buf = fault.encode(v.buf, v.form)
	} else {
		v.message(":message-type", "error", ":error-code", fault.code, ":error-message", fault.message)
	}
	if err := v.flush(&Fault{}); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// message begins a message with headers, given as names and values. Its payload is appended to buf.
func (v *eventWriter) message(headers ...string) { v.buf = wire.BeginMessage(v.buf[:0], headers...) }

// flush ends the message and sends it, in the manner of a fault.
func (v *eventWriter) flush(f *Fault) error {
	v.buf = wire.EndMessage(v.buf)
	if err := f.write(v.ctx, v.w, v.buf); err != nil {
		return err
	}
	return v.control.Flush()
}
