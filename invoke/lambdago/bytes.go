package lambdago

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-lambda-go/lambda/handlertrace"

	"github.com/shardmill/shardmill/invoke"
)

// BytesHandler is a handler of the event's JSON, as lambda.NewHandler returns it.
type BytesHandler interface {
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

// Bytes returns an Invoker that passes the event to h as JSON and reads its answer as JSON. An error of h is a function
// error. h owns the payload. Its answer is copied before Invoke returns, and h must not write to it until then.
func Bytes(h BytesHandler) invoke.Invoker {
	// The type has no exported name. A test checks that it is this one.
	return &bytesInvoker{handler: h, pooled: fmt.Sprintf("%T", h) == "*lambda.handlerOptions"}
}

type bytesInvoker struct {
	handler BytesHandler
	pooled  bool // handler is of lambda.NewHandler
}

func (b *bytesInvoker) Invoke(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
	ctx = withLambdaContext(ctx, in)
	call := b.call
	if b.pooled {
		call = b.callPooled
	}
	payload, err := call(ctx, in.Event.AppendJSON(nil))
	if err != nil {
		return failed(err)
	}
	return &invoke.Result{Payload: payload}, nil
}

func (b *bytesInvoker) call(ctx context.Context, payload []byte) ([]byte, error) {
	answer, err := b.handler.Invoke(ctx, payload)
	return bytes.Clone(answer), err
}

// callPooled calls a handler of lambda.NewHandler. Since aws-lambda-go uses a sync.Pool, such a handler returns bytes
// of a buffer that is back in its pool by then (github.com/aws/aws-lambda-go/pull/639, not merged in November 2026).
// Lambda runs one invocation at a time and never notices. Here another shard's invocation may overwrite the answer
// while it is read, and failed records would count as processed. So the bytes are not used: the answer is taken as a
// value, from the handler's hook for middleware, and encoded here.
func (b *bytesInvoker) callPooled(ctx context.Context, payload []byte) ([]byte, error) {
	var answer any
	asked, answered := false, false
	ctx = handlertrace.NewContext(ctx, handlertrace.HandlerTrace{
		RequestEvent:  func(context.Context, any) { asked = true },
		ResponseEvent: func(_ context.Context, v any) { answer, answered = v, true },
	})
	returned, err := b.handler.Invoke(ctx, payload)
	switch {
	case err != nil:
		return nil, err
	case answered:
		return ownAnswer(answer, returned), nil
	case asked:
		return nil, nil // the handler has only an error to return, and it was nil
	}
	// No hook was called: the handler wraps another BytesHandler, whose bytes were passed on; or it is a function
	// without event and answer, which always returns "null".
	return bytes.Clone(returned), nil
}

// ownAnswer encodes the answer of a handler. If aws-lambda-go treats an answer as a stream instead of encoding it, it
// has read it into a buffer of its own, which is returned.
func ownAnswer(answer any, returned []byte) []byte {
	encoded, err := encode(answer)
	_, stream := answer.(io.Reader)
	if err != nil || stream && bytes.HasPrefix(encoded, []byte("{}")) {
		return bytes.Clone(returned)
	}
	return encoded
}
