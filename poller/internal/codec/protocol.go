package codec

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"

	"github.com/shardmill/shardmill/batch"
)

// Protocol is the SDK's protocol for one call. It handles GetRecords, and makes sure for all operations that an answer
// which the SDK decodes is one whole JSON object, without a time at which the SDK panics. Its user sets the options,
// wraps the SDK's protocol, and reads the results after the call. The zero Protocol is ready.
type Protocol struct {
	smithyhttp.ClientProtocol

	// SDK leaves the decoding of GetRecords to the SDK too. CBOR and Direct have no effect then.
	SDK bool

	// CBOR sends the request in CBOR, and expects the answer in it.
	CBOR bool

	// Direct requests Records. Otherwise the records are in the SDK's output, as if the SDK had decoded them.
	Direct bool

	// Decoded is set if the answer was decoded here, and not by the SDK. With Direct, Records then has its records, and
	// the SDK's output has none.
	Decoded bool
	Records []batch.Record

	// Refused reports that the endpoint does not support CBOR: further requests must be in JSON. Only an endpoint of
	// this service shows that, by an answer in JSON, by an error that says that it did not understand the request, or
	// by data as text. Anything else (HTML of a proxy, a body that is cut off) is a transient fault.
	Refused bool
}

// Wrap makes p wrap inner, and reports whether it could: only the SDK's own JSON protocol is supported.
func (p *Protocol) Wrap(inner smithyhttp.ClientProtocol) bool {
	if _, ok := inner.(*awsjson.Protocol); !ok {
		return false
	}
	p.ClientProtocol = inner
	return true
}

// SerializeRequest implements smithyhttp.ClientProtocol.
func (p *Protocol) SerializeRequest(ctx context.Context, schema *smithy.OperationSchema, in smithy.Serializable, req *smithyhttp.Request) error {
	if err := p.ClientProtocol.SerializeRequest(ctx, schema, in, req); err != nil {
		return err
	}
	input, ok := in.(*kinesis.GetRecordsInput)
	if !ok || !p.CBOR || p.SDK {
		return nil
	}
	req.Header.Set("Content-Type", "application/x-amz-cbor-1.1")
	encoded, err := req.SetStream(bytes.NewReader(appendRequest(nil, input)))
	if err != nil {
		return err
	}
	*req = *encoded
	return nil
}

// DeserializeResponse implements smithyhttp.ClientProtocol. An error in reading the body is the one that the SDK makes.
func (p *Protocol) DeserializeResponse(
	ctx context.Context, schema *smithy.OperationSchema, types *smithy.TypeRegistry, resp *smithyhttp.Response, out smithy.Deserializable,
) error {
	records, ours := out.(*kinesis.GetRecordsOutput)
	ours = ours && !p.SDK
	good := resp.StatusCode/100 == 2
	if !good && !(ours && p.CBOR) || schema.IsOutputEventStream() {
		return p.decode(ctx, schema, types, resp, out)
	}
	body := open(resp.Body, resp.ContentLength)
	defer body.free()
	sdk := func(read []byte) error { return p.handOver(ctx, schema, types, resp, out, read) }
	body.more(0)
	switch {
	case !good:
		return p.failure(resp.StatusCode, body, sdk)
	case !ours:
		return bySDK(body, sdk)
	case p.CBOR && isCBOR(body.buf):
		return p.cbor(body, records, sdk)
	}
	err := p.json(body, records, sdk)
	p.Refused = p.CBOR && err == nil
	return err
}

// json decodes a good answer, or lets the SDK do it.
func (p *Protocol) json(b *body, out *kinesis.GetRecordsOutput, sdk func([]byte) error) error {
	if a, ok := decodeJSON(b); ok {
		p.take(&a, out)
		return nil
	}
	err := bySDK(b, sdk)
	if err == nil && out.Records == nil {
		return &smithy.DeserializationError{Err: quoting(b.buf, errNoRecords)}
	}
	return err
}

// bySDK has the SDK decode a good answer in JSON, if it is a whole one.
func bySDK(b *body, sdk func([]byte) error) error {
	err := b.all()
	if err == nil {
		err = wholeObject(b.buf)
	}
	if err != nil {
		return &smithy.DeserializationError{Err: err}
	}
	return sdk(b.buf)
}

// cbor decodes a good answer.
func (p *Protocol) cbor(b *body, out *kinesis.GetRecordsOutput, sdk func([]byte) error) error {
	a, err := decodeCBOR(b)
	if err == nil && a.children != nil {
		err = sdk(append(append([]byte(`{"ChildShards":`), a.children...), '}'))
	}
	if err != nil {
		p.Refused = errors.Is(err, errCBORText)
		return &smithy.DeserializationError{Err: err}
	}
	p.take(&a, out)
	return nil
}

// take passes on the decoded records.
func (p *Protocol) take(a *answer, out *kinesis.GetRecordsOutput) {
	p.Decoded = true
	out.NextShardIterator, out.MillisBehindLatest = a.next, a.behind
	if p.Direct {
		p.Records = a.records
		return
	}
	out.Records = a.typed()
}

// failure makes the SDK decode the error in an answer to a request in CBOR, which is in CBOR itself, or in JSON.
func (p *Protocol) failure(status int, b *body, sdk func([]byte) error) error {
	if err := b.all(); err != nil {
		return &smithy.DeserializationError{Err: err}
	}
	text := b.buf
	inCBOR := isCBOR(text)
	if inCBOR {
		if asJSON, end := appendAsJSON(nil, text, 0, 0); end == len(text) {
			text = asJSON
		}
	}
	err := sdk(text)
	p.Refused = !inCBOR && refuses(status, err)
	return err
}

// handOver passes a body to the SDK. The SDK copies what it keeps.
func (p *Protocol) handOver(
	ctx context.Context, schema *smithy.OperationSchema, types *smithy.TypeRegistry, resp *smithyhttp.Response, out smithy.Deserializable, read []byte,
) error {
	whole := resp.Body
	defer func() { resp.Body = whole }() // the SDK closes it later
	resp.Body = io.NopCloser(bytes.NewReader(read))
	return p.decode(ctx, schema, types, resp, out)
}

// decode makes the SDK decode an answer, and recovers its panics.
func (p *Protocol) decode(
	ctx context.Context, schema *smithy.OperationSchema, types *smithy.TypeRegistry, resp *smithyhttp.Response, out smithy.Deserializable,
) (err error) {
	defer recovered(&err)
	return p.ClientProtocol.DeserializeResponse(ctx, schema, types, resp, timely{out})
}

// isCBOR distinguishes CBOR from JSON by the first byte, whatever the header says: the first byte of a map in CBOR
// never begins a JSON text.
func isCBOR(b []byte) bool {
	return at(b, 0)>>5 == cborMap
}

// refuses reports whether an error says that a request in CBOR was not understood, and not that it was wrong. The
// service says so by a code, any server by a status with no other meaning.
func refuses(status int, err error) bool {
	if status == http.StatusUnsupportedMediaType || status == http.StatusNotAcceptable {
		return true
	}
	said, ok := errors.AsType[smithy.APIError](err)
	if !ok || status/100 != 4 {
		return false
	}
	switch said.ErrorCode() {
	case "SerializationException", "UnknownOperationException", "UnsupportedMediaTypeException":
		return true
	}
	return false
}
