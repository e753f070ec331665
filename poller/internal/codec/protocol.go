package codec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"

	"github.com/shardmill/shardmill/batch"
)

// Protocol is the SDK's protocol with GetRecords taken over, for one call. Its user sets what it wants, wraps the SDK's
// protocol, and looks at the rest after the call. The zero Protocol is ready.
type Protocol struct {
	smithyhttp.ClientProtocol

	// CBOR asks in CBOR, and wants the answer in it.
	CBOR bool

	// Direct asks for Records. Otherwise the records are in the SDK's output, as if the SDK had decoded them.
	Direct bool

	// Decoded tells that the answer was decoded here, and not by the SDK. With Direct, Records has its records then, and
	// the SDK's output has none.
	Decoded bool
	Records []batch.Record

	// Refused tells that the endpoint does not speak CBOR as it should: whoever asks again asks in JSON.
	Refused bool
}

// Wrap puts p before inner, and reports whether it could: only the SDK's own JSON protocol is known.
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
	if !ok || !p.CBOR {
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
	records, ok := out.(*kinesis.GetRecordsOutput)
	good := resp.StatusCode/100 == 2
	if !ok || !good && !p.CBOR {
		return p.ClientProtocol.DeserializeResponse(ctx, schema, types, resp, out)
	}
	body := open(resp.Body, resp.ContentLength)
	defer body.free()
	sdk := func(read []byte) error { return p.handOver(ctx, schema, types, resp, out, read) }
	body.more(0)
	switch {
	case !good:
		return p.failure(resp.StatusCode, body, sdk)
	case p.CBOR && isCBOR(body.buf):
		return p.cbor(body, records, sdk)
	}
	err := p.json(body, records, sdk)
	p.Refused = p.CBOR && body.whole()
	return err
}

// json decodes a good answer, or lets the SDK do it.
func (p *Protocol) json(b *body, out *kinesis.GetRecordsOutput, sdk func([]byte) error) error {
	if a, ok := decodeJSON(b); ok {
		p.take(&a, out)
		return nil
	}
	if err := b.all(); err != nil {
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
		p.Refused = b.whole()
		return &smithy.DeserializationError{Err: err}
	}
	p.take(&a, out)
	return nil
}

// take hands over what was decoded.
func (p *Protocol) take(a *answer, out *kinesis.GetRecordsOutput) {
	p.Decoded = true
	out.NextShardIterator, out.MillisBehindLatest = a.next, a.behind
	if p.Direct {
		p.Records = a.records
		return
	}
	out.Records = a.typed()
}

// failure has the SDK make an error of an answer to a request in CBOR, which is in CBOR itself, or in JSON.
func (p *Protocol) failure(status int, b *body, sdk func([]byte) error) error {
	if err := b.all(); err != nil {
		return &smithy.DeserializationError{Err: err}
	}
	text := b.buf
	if isCBOR(text) {
		if asJSON, end := appendAsJSON(nil, text, 0, 0); end == len(text) {
			text = asJSON
		}
	}
	err := sdk(text)
	p.Refused = refuses(status, err)
	return err
}

// handOver gives the SDK a body that was read. The SDK copies what it keeps of it. It panics on some bodies, such as one
// with "NaN" for a time, which is no reason to take the process down.
func (p *Protocol) handOver(
	ctx context.Context, schema *smithy.OperationSchema, types *smithy.TypeRegistry, resp *smithyhttp.Response, out smithy.Deserializable, read []byte,
) (err error) {
	whole := resp.Body
	defer func() {
		resp.Body = whole // the SDK closes it later
		if v := recover(); v != nil {
			err = &smithy.DeserializationError{Err: fmt.Errorf("the SDK's decoder panics: %v", v)}
		}
	}()
	resp.Body = io.NopCloser(bytes.NewReader(read))
	return p.ClientProtocol.DeserializeResponse(ctx, schema, types, resp, out)
}

// isCBOR tells CBOR from JSON by the first byte, whatever the header says: that of a map in CBOR is none in JSON.
func isCBOR(b []byte) bool {
	return at(b, 0)>>5 == cborMap
}

// refuses reports whether an error says that the request was not understood, as it is in CBOR, and not that it was wrong.
// An answer of the service has a code that is known; a server that does not speak the protocol may say anything.
func refuses(status int, err error) bool {
	if status/100 != 4 {
		return false
	}
	if status == http.StatusUnsupportedMediaType || status == http.StatusNotAcceptable {
		return true
	}
	said, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return true
	}
	switch said.ErrorCode() {
	case "SerializationException", "UnknownOperationException", "UnsupportedMediaTypeException", "UnknownError":
		return true
	}
	return false
}
