package kinesistest

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
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
	form    form
	buf     []byte // of one message, used again for the next
}

// beginEvents says that the subscription was granted. A client that does not read may keep the stream for its lifetime.
func beginEvents(ctx context.Context, w http.ResponseWriter, as form, f *Fault) (*eventWriter, error) {
	v := &eventWriter{ctx: ctx, w: w, control: http.NewResponseController(w), form: as}
	_ = v.control.SetWriteDeadline(time.Now().Add(subscriptionLife + transferTimeout))
	w.Header().Set("Content-Type", eventStreamType)
	w.WriteHeader(http.StatusOK)
	v.message(":message-type", "event", ":event-type", "initial-response", ":content-type", v.form.payloadType())
	e := encoder{buf: v.buf, form: v.form}
	e.open()
	e.close()
	v.buf = e.buf
	return v, v.flush(f)
}

// event sends one event, in the manner of its fault.
func (v *eventWriter) event(event *types.SubscribeToShardEvent, f *Fault) error {
	v.message(":message-type", "event", ":event-type", "SubscribeToShardEvent", ":content-type", v.form.payloadType())
	e := f.encoder(v.buf, v.form)
	e.open()
	encodeEvent(&e, event)
	e.close()
	v.buf = e.buf
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
		v.message(":message-type", "exception", ":exception-type", fault.code, ":content-type", v.form.payloadType())
		v.buf = fault.encode(v.buf, v.form)
	} else {
		v.message(":message-type", "error", ":error-code", fault.code, ":error-message", fault.message)
	}
	if err := v.flush(&Fault{}); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// The lengths of a message's parts.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html
const (
	preludeLength = 12 // total length, length of the headers, checksum of both
	textHeader    = 7  // the type of a header whose value is a text
)

// message begins a message with headers, given as names and values. Its payload is appended to buf.
func (v *eventWriter) message(headers ...string) {
	v.buf = append(v.buf[:0], make([]byte, preludeLength)...)
	for i := 0; i < len(headers); i += 2 {
		v.buf = append(v.buf, byte(len(headers[i])))
		v.buf = append(v.buf, headers[i]...)
		v.buf = append(v.buf, textHeader)
		v.buf = binary.BigEndian.AppendUint16(v.buf, uint16(len(headers[i+1])))
		v.buf = append(v.buf, headers[i+1]...)
	}
	binary.BigEndian.PutUint32(v.buf[4:], uint32(len(v.buf)-preludeLength))
}

// flush ends the message and sends it, in the manner of a fault.
func (v *eventWriter) flush(f *Fault) error {
	binary.BigEndian.PutUint32(v.buf, uint32(len(v.buf)+4))
	binary.BigEndian.PutUint32(v.buf[8:], crc32.ChecksumIEEE(v.buf[:8]))
	v.buf = binary.BigEndian.AppendUint32(v.buf, crc32.ChecksumIEEE(v.buf))
	if err := f.write(v.ctx, v.w, v.buf); err != nil {
		return err
	}
	return v.control.Flush()
}
