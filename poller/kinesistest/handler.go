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
)

const (
	targetPrefix = "Kinesis_20131202."
	contentType  = "application/x-amz-json-1.1"

	// maxBody has room for the largest PutRecords: 10 MiB in base64, and 500 keys and hash keys.
	maxBody = 16 << 20

	// maxPooled keeps the memory of the largest page, 10 MiB in base64 and as much again by growing, for the next one.
	maxPooled = 32 << 20

	// transferTimeout is how long a client may take to send a body, or to receive one.
	transferTimeout = 30 * time.Second
)

// endpoint answers one operation over HTTP: it appends the answer's JSON to buf.
type endpoint func(ctx context.Context, s *Service, body, buf []byte) ([]byte, error)

// handler is a Service as AWS JSON 1.1.
type handler struct {
	service   *Service
	endpoints map[string]endpoint
	buffers   sync.Pool // of *[]byte
}

// Handler returns the Service as an HTTP handler that speaks AWS JSON 1.1, for a listener of your own; see Server for
// one that is ready. Signatures are not verified: whoever reaches it may use it.
func (s *Service) Handler() http.Handler {
	return &handler{service: s, endpoints: map[string]endpoint{
		string(CreateStream):                  route(opCreateStream, decode, encodeNothing),
		string(DeleteStream):                  route(opDeleteStream, decode, encodeNothing),
		string(DescribeStream):                route(opDescribeStream, decode, encodeDescribeStream),
		string(DescribeStreamSummary):         route(opDescribeStreamSummary, decode, encodeDescribeStreamSummary),
		string(ListStreams):                   route(opListStreams, decode, encodeListStreams),
		string(ListShards):                    route(opListShards, decodeListShards, encodeListShards),
		string(PutRecord):                     route(opPutRecord, decode, encodePutRecord),
		string(PutRecords):                    route(opPutRecords, decode, encodePutRecords),
		string(GetShardIterator):              route(opGetShardIterator, decodeGetShardIterator, encodeGetShardIterator),
		string(GetRecords):                    route(opGetRecords, decode, encodeGetRecords),
		string(SplitShard):                    route(opSplitShard, decode, encodeNothing),
		string(MergeShards):                   route(opMergeShards, decode, encodeNothing),
		string(RegisterStreamConsumer):        route(opRegisterStreamConsumer, decode, encodeRegisterStreamConsumer),
		string(DescribeStreamConsumer):        route(opDescribeStreamConsumer, decode, encodeDescribeStreamConsumer),
		string(DeregisterStreamConsumer):      route(opDeregisterStreamConsumer, decode, encodeNothing),
		string(ListStreamConsumers):           route(opListStreamConsumers, decodeListStreamConsumers, encodeListStreamConsumers),
		string(UpdateShardCount):              route(opUpdateShardCount, decode, encodeUpdateShardCount),
		string(IncreaseStreamRetentionPeriod): route(opIncreaseStreamRetentionPeriod, decode, encodeNothing),
		string(DecreaseStreamRetentionPeriod): route(opDecreaseStreamRetentionPeriod, decode, encodeNothing),
	}}
}

// route makes an endpoint of an operation. An answer without members has no body.
func route[I, O any](op operation[I, O], decode func([]byte) (*I, error), encode func(*encoder, *O)) endpoint {
	return func(ctx context.Context, s *Service, body, buf []byte) ([]byte, error) {
		in, err := decode(body)
		if err != nil {
			return nil, &smithy.GenericAPIError{Code: "SerializationException", Message: err.Error(), Fault: smithy.FaultClient}
		}
		out, err := op.perform(ctx, s, in)
		if err != nil {
			return nil, err
		}
		e := encoder{append(buf, '{')}
		encode(&e, out)
		if len(e.buf) == len(buf)+1 {
			return buf, nil
		}
		return append(e.buf, '}'), nil
	}
}

// ServeHTTP answers one call. Where a call is never to be answered, the connection breaks.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := uuid.NewString()
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-Requestid", id)
	w.Header().Set("Date", h.service.config.Now().UTC().Format(http.TimeFormat))

	pooled, _ := h.buffers.Get().(*[]byte)
	if pooled == nil {
		pooled = new([]byte)
	}
	var out []byte
	var err error
	if r.Header.Get("X-Amz-Target") == targetPrefix+string(SubscribeToShard) && isCall(r) {
		if err = h.subscribe(w, r); err == nil {
			return
		}
	} else {
		out, err = h.answer(w, r, (*pooled)[:0])
	}
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // nobody is there to be answered, or the fault wants nobody answered
	}
	status := http.StatusOK
	if err != nil {
		fault := faultOf(err)
		status = fault.status
		w.Header().Set("X-Amzn-Errortype", fault.code)
		out = fault.encode((*pooled)[:0])
	}
	reply(w, status, out)
	if cap(out) <= maxPooled {
		*pooled = out
		h.buffers.Put(pooled)
	}
}

// answer reads the request and performs it.
func (h *handler) answer(w http.ResponseWriter, r *http.Request, buf []byte) ([]byte, error) {
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	do := h.endpoints[name]
	if !ok || do == nil || !isCall(r) {
		return nil, &smithy.GenericAPIError{Code: "UnknownOperationException", Fault: smithy.FaultClient}
	}
	body, err := receive(w, r)
	if err != nil {
		return nil, err
	}
	return do(r.Context(), h.service, body, buf)
}

// isCall reports whether a request may be a call of the API.
func isCall(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Path == "/" }

// subscribe answers SubscribeToShard. Its errors are those from before the stream, which are answered as any other's.
func (h *handler) subscribe(w http.ResponseWriter, r *http.Request) error {
	body, err := receive(w, r)
	if err != nil {
		return err
	}
	in, err := decodeSubscribeToShard(body)
	if err != nil {
		return &smithy.GenericAPIError{Code: "SerializationException", Message: err.Error(), Fault: smithy.FaultClient}
	}
	sub, err := opSubscribeToShard.perform(r.Context(), h.service, in)
	if err != nil {
		return err
	}
	events, err := beginEvents(w)
	if err == nil {
		err = sub.run(r.Context(), events.event)
	}
	events.end(err)
	return nil
}

// receive reads the body of a request.
func receive(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(transferTimeout)) // without it a slow client is only slow
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	_ = control.SetReadDeadline(time.Time{})
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &smithy.GenericAPIError{
			Code: tooLarge, Message: "The request is larger than " + strconv.Itoa(maxBody) + " bytes.", Fault: smithy.FaultClient,
		}
	}
	if err != nil {
		return nil, &smithy.GenericAPIError{Code: "SerializationException", Message: err.Error(), Fault: smithy.FaultClient}
	}
	return body, nil
}

// reply writes the answer. Nothing can be done about a client that does not take it.
func reply(w http.ResponseWriter, status int, body []byte) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(transferTimeout))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
