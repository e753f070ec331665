package lambda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/shardmill/shardmill/internal/arns"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/internal/transit"
)

// PayloadLimit is the largest event in bytes that AWS Lambda accepts in a synchronous invocation: 6 MB.
const PayloadLimit = 6_291_456

// Client is the part of AWS Lambda's API that a Function needs. The SDK's *lambda.Client is one. net/http reports
// through ctx (httptrace) whether a request left this process, so a client that wraps it must pass on ctx.
type Client interface {
	Invoke(ctx context.Context, in *lambda.InvokeInput, opts ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// Config says which function is invoked. The zero value means the mapping's function.
type Config struct {
	// FunctionName is the function's name, ARN or partial ARN, with an optional version or alias. Empty means the
	// FunctionARN of the invocation: the mapping's FunctionName, in the account and the region of the stream if that is
	// a bare name.
	FunctionName string

	// Logger gets the end of the function's log, at Debug; nil is slog.Default(). The log is requested only while Debug
	// is enabled.
	Logger *slog.Logger
}

// Function is a function on AWS Lambda. It is safe for concurrent use.
type Function struct {
	client Client
	reach  arns.Reach
	name   string // empty for that of the invocation
	log    *slog.Logger
}

var (
	_ invoke.Invoker         = (*Function)(nil)
	_ invoke.FunctionChecker = (*Function)(nil)
)

// New returns a function that is invoked through client. It makes no call. It returns an error for a name that AWS
// Lambda would refuse, and for the ARN of a function in another region than that of a *lambda.Client.
func New(client Client, c Config) (*Function, error) {
	if client == nil {
		return nil, errors.New("lambda: no client")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	f := &Function{client: client, reach: reachOf(client), name: c.FunctionName, log: c.Logger}
	if c.FunctionName == "" {
		return f, nil
	}
	if !isFunctionName(c.FunctionName) {
		return nil, fmt.Errorf("lambda: function name %q: must be a name of letters, digits and _-, an ARN or a partial ARN, of at most 256 characters", c.FunctionName)
	}
	if err := f.check(c.FunctionName); err != nil {
		return nil, fmt.Errorf("lambda: function %s: %w", c.FunctionName, err)
	}
	return f, nil
}

// CheckFunction returns an error if the client calls another region than that of the function, where AWS would not find
// it. A Function with a name of its own invokes that, whatever the mapping's is.
func (f *Function) CheckFunction(functionARN string) error {
	if f.name != "" {
		return nil
	}
	if err := f.check(functionARN); err != nil {
		return fmt.Errorf("lambda: function %s: %w", functionARN, err)
	}
	return nil
}

// check returns why the client cannot reach a function; nil if it can, or if that is not known.
func (f *Function) check(name string) error {
	if a, ok := arns.Split(name); ok && f.reach.Misses(a.Region) {
		return fmt.Errorf("lies in %s, but the client is for the region %s", a.Region, f.reach.Region)
	}
	return nil
}

// Invoke runs the function once and waits for its answer. The package comment says how errors count.
func (f *Function) Invoke(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
	name := f.name
	if name == "" {
		name = in.FunctionARN
	}
	if size := in.Event.Size(); size > PayloadLimit {
		return nil, fmt.Errorf("lambda: function %s: %w: %d bytes of at most %d", name, invoke.ErrTooLarge, size, PayloadLimit)
	}
	debug := f.log.Enabled(ctx, slog.LevelDebug)
	input := &lambda.InvokeInput{
		FunctionName:   &name,
		InvocationType: types.InvocationTypeRequestResponse,
		// The buffer is not pooled: the client may still use it after the call.
		Payload: in.Event.AppendJSON(nil),
	}
	if debug {
		input.LogType = types.LogTypeTail
	}
	out, err := f.call(ctx, input)
	if err != nil {
		return nil, fmt.Errorf("lambda: function %s: %w", name, err)
	}
	if debug {
		f.logTail(ctx, in, out)
	}
	return f.result(name, out), nil
}

// call invokes once, and once more if the first request was lost on a connection that was most likely closed already.
// The mapping makes all other retries.
func (f *Function) call(ctx context.Context, input *lambda.InvokeInput) (*lambda.InvokeOutput, error) {
	for again := false; ; again = true {
		traced, request := transit.Follow(ctx)
		out, err := f.client.Invoke(traced, input, once)
		switch {
		case err == nil && out == nil:
			return nil, errors.New("the client returned neither an answer nor an error")
		case err == nil:
			return out, nil
		case again || !request.Stale(err) || ctx.Err() != nil:
			return nil, classify(err, request.Sent())
		}
	}
}

// once turns the client's retries off.
func once(o *lambda.Options) { o.Retryer = aws.NopRetryer{} }

// result returns the function's result.
func (f *Function) result(name string, out *lambda.InvokeOutput) *invoke.Result {
	result := &invoke.Result{
		StatusCode:      int(out.StatusCode),
		ExecutedVersion: aws.ToString(out.ExecutedVersion),
		FunctionError:   aws.ToString(out.FunctionError),
		Payload:         out.Payload,
	}
	if result.FunctionError != "" {
		result.Err = &FunctionError{
			FunctionName: name,
			RequestID:    requestID(out),
			Kind:         result.FunctionError,
			Document:     out.Payload,
		}
	}
	return result
}

// requestID returns AWS's ID of the invocation, which is in the function's log.
func requestID(out *lambda.InvokeOutput) string {
	id, _ := middleware.GetRequestIDMetadata(out.ResultMetadata)
	return id
}
