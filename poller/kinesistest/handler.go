package kinesistest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"github.com/shardmill/shardmill/poller/kinesistest/internal/wire"
)

const (
	targetPrefix = "Kinesis_20131202."

	// maxBody fits the largest PutRecords: 10 MiB in base64, and 500 keys and hash keys.
	maxBody = 16 << 20

	// maxPooled keeps the memory of the largest page for the next one: 10 MiB in base64, and as much again from
	// growing.
	maxPooled = 32 << 20

	// transferTimeout is how long a client may take to send a request, or to receive an answer.
	transferTimeout = 30 * time.Second
)

// endpoint answers one operation over HTTP: it appends the answer to buf, and returns the fault that determines how the
// answer is sent.
type endpoint func(ctx context.Context, s *Service, c call, buf []byte) ([]byte, Fault, error)

// handler is a Service over HTTP.
type handler struct {
	service   *Service
	endpoints map[Op]endpoint
	buffers   sync.Pool // of *[]byte
}

// Handler returns the Service as an HTTP handler for AWS JSON 1.1 and, if a request uses it, CBOR 1.1, for a listener
// of your own; Server is a ready one. Signatures are not verified: every request is served.
//
// A request must arrive within 30 s, and its answer be read within 30 s, that of a subscription within 5 minutes and 30
// s: other connections are closed. The http.Server bounds the time until a connection's first request, and between two.
func (s *Service) Handler() http.Handler {
	return &handler{service: s, endpoints: map[Op]endpoint{
		CreateStream:                  route(opCreateStream, wire.EncodeNothing),
		DeleteStream:                  route(opDeleteStream, wire.EncodeNothing),
		DescribeStream:                route(opDescribeStream, wire.EncodeDescribeStream),
		DescribeStreamSummary:         route(opDescribeStreamSummary, wire.EncodeDescribeStreamSummary),
		ListStreams:                   route(opListStreams, wire.EncodeListStreams),
		ListShards:                    route(opListShards, wire.EncodeListShards),
		PutRecord:                     route(opPutRecord, wire.EncodePutRecord),
		PutRecords:                    route(opPutRecords, wire.EncodePutRecords),
		GetShardIterator:              route(opGetShardIterator, wire.EncodeGetShardIterator),
		GetRecords:                    route(opGetRecords, wire.EncodeGetRecords),
		SplitShard:                    route(opSplitShard, wire.EncodeNothing),
		MergeShards:                   route(opMergeShards, wire.EncodeNothing),
		RegisterStreamConsumer:        route(opRegisterStreamConsumer, wire.EncodeRegisterStreamConsumer),
		DescribeStreamConsumer:        route(opDescribeStreamConsumer, wire.EncodeDescribeStreamConsumer),
		DeregisterStreamConsumer:      route(opDeregisterStreamConsumer, wire.EncodeNothing),
		ListStreamConsumers:           route(opListStreamConsumers, wire.EncodeListStreamConsumers),
		UpdateShardCount:              route(opUpdateShardCount, wire.EncodeUpdateShardCount),
		IncreaseStreamRetentionPeriod: route(opIncreaseStreamRetentionPeriod, wire.EncodeNothing),
		DecreaseStreamRetentionPeriod: route(opDecreaseStreamRetentionPeriod, wire.EncodeNothing),
	}}
}

// route makes an endpoint of an operation. An answer without members has no body.
func route[I, O any](op operation[I, O], encode func(*wire.Encoder, *O)) endpoint {
	return func(ctx context.Context, s *Service, c call, buf []byte) ([]byte, Fault, error) {
		in, err := wire.Decode(c.body, op.read)
		if err != nil {
			return nil, Fault{}, unreadable(err)
		}
		out, fault, err := op.perform(ctx, s, in, c.form)
		if err != nil || fault.Kind.isNoAnswer() {
			return buf, fault, err
		}
		e := fault.encoder(buf, c.form)
		e.Open()
		encode(&e, out)
		if len(e.Buf) == len(buf)+1 && fault.Kind == "" {
			return buf, fault, nil
		}
		e.Close()
		return e.Buf, fault, nil
	}
}

// ServeHTTP answers one call. If a call must never be answered, the connection breaks.
//
// The deadlines are set here and not left to the http.Server, which may have none. The read deadline is cleared only
// when the whole body has been read, because net/http reads the rest of a body after the handler has returned.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(transferTimeout)) // a recorder has none
	id := uuid.NewString()
	w.Header().Set("X-Amzn-Requestid", id)
	c, err := h.read(w, r)
	if err == nil {
		r, err = h.identify(r)
	}
	if err == nil && c.op == SubscribeToShard {
		if err = h.subscribe(w, r, c); err == nil {
			return
		}
	}
	pooled, _ := h.buffers.Get().(*[]byte)
	if pooled == nil {
		pooled = new([]byte)
	}
	var out []byte
	var fault Fault
	if err == nil {
		out, fault, err = h.endpoints[c.op](r.Context(), h.service, c, (*pooled)[:0])
	}
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // the client is gone, or the fault allows no answer
	}
	resp := response{http.StatusOK, c.form.ContentType(), out}
	switch {
	case err != nil:
		resp = failed(err, c.form, (*pooled)[:0])
		if resp.contentType == c.form.ContentType() {
			w.Header().Set("X-Amzn-Errortype", faultOf(err).code)
		}
	case fault.Kind.isNoAnswer():
		resp = fault.instead(c.form, (*pooled)[:0])
	}
	h.reply(w, r, &fault, resp)
	if cap(resp.body) <= maxPooled {
		*pooled = resp.body
		h.buffers.Put(pooled)
	}
}

// call is a request that was read.
type call struct {
	op   Op
	form wire.Form // of the answer, an error's too
	body []byte    // JSON, whatever the request's form
}

// read reads a request.
func (h *handler) read(w http.ResponseWriter, r *http.Request) (call, error) {
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	c := call{op: Op(name), form: wire.FormOf(r)}
	if refusal := h.service.config.RefuseCBOR; refusal != nil && c.form == wire.CBOR {
		h.service.refused(c.op, refusal)
		return call{}, refusal
	}
	known := ok && (h.endpoints[c.op] != nil || c.op == SubscribeToShard)
	if !known || r.Method != http.MethodPost || r.URL.Path != "/" {
		return c, &smithy.GenericAPIError{Code: "UnknownOperationException", Fault: smithy.FaultClient}
	}
	var err error
	if c.body, err = receive(w, r); err != nil {
		return c, err
	}
	if c.form == wire.CBOR {
		if c.body, err = wire.Transcode(c.body); err != nil {
			return c, unreadable(err)
		}
	}
	return c, nil
}

// refused logs a call that was refused for its form.
func (s *Service) refused(op Op, refusal error) {
	now := s.config.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls.add(Call{Op: op, CBOR: true, Time: now, Err: refusal})
}

// unreadable is the answer to a malformed body.
func unreadable(err error) error {
	return &smithy.GenericAPIError{Code: "SerializationException", Message: err.Error(), Fault: smithy.FaultClient}
}

// subscribe answers SubscribeToShard. Its errors are those before the stream, which are answered like those of any
// call.
func (h *handler) subscribe(w http.ResponseWriter, r *http.Request, c call) error {
	in, err := wire.Decode(c.body, opSubscribeToShard.read)
	if err != nil {
		return unreadable(err)
	}
	sub, fault, err := opSubscribeToShard.perform(r.Context(), h.service, in, c.form)
	if err != nil {
		return err
	}
	if fault.Kind.isNoAnswer() {
		h.reply(w, r, &fault, fault.instead(c.form, nil))
		return nil
	}
	w.Header().Set("Date", fault.date(h.service.config.Now()).UTC().Format(http.TimeFormat))
	events, err := beginEvents(r.Context(), w, c.form, &fault)
	if err == nil {
		err = sub.run(r.Context(), events.event)
	}
	events.end(err)
	return nil
}

// receive reads the body of a request, and then clears its deadlines: a call may take its time.
func receive(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &smithy.GenericAPIError{
			Code: tooLarge, Message: "The request is larger than " + strconv.Itoa(maxBody) + " bytes.", Fault: smithy.FaultClient,
		}
	}
	if err != nil {
		return nil, unreadable(err)
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Time{}) // the http.Server's, which ends a stream of HTTP/2 although nothing is written yet
	return body, nil
}

// reply writes an answer, in the manner of its fault. A client that does not accept it is ignored.
func (h *handler) reply(w http.ResponseWriter, r *http.Request, f *Fault, resp response) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(transferTimeout))
	w.Header().Set("Date", f.date(h.service.config.Now()).UTC().Format(http.TimeFormat))
	if resp.contentType != "" {
		w.Header().Set("Content-Type", resp.contentType)
	}
	if resp.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(resp.body)))
	}
	w.WriteHeader(resp.status)
	_ = f.write(r.Context(), w, resp.body)
}
