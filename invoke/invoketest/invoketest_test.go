package invoketest_test

import (
	"context"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/invoketest"
	"github.com/shardmill/shardmill/invoke/lambdago"
)

var _ lambda.Handler = invoketest.Handler{}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// refused returns the Invoker of a function that cannot be run.
func refused(f invoketest.Function) invoke.Func {
	return func(context.Context, *invoke.Event) error {
		return map[invoketest.Function]error{
			invoketest.Throttled:   invoke.ErrThrottled,
			invoketest.Unavailable: invoke.ErrUnavailable,
			invoketest.Missing:     invoke.ErrFunctionNotFound,
			invoketest.Denied:      invoke.ErrAccessDenied,
			invoketest.TooLarge:    invoke.ErrTooLarge,
		}[f]
	}
}

func TestResponseFuncConforms(t *testing.T) {
	invoketest.Run(t, func(_ *testing.T, f invoketest.Function) invoke.Invoker {
		if f != invoketest.Scripted {
			return refused(f)
		}
		return invoke.ResponseFunc(func(ctx context.Context, e *invoke.Event) (*invoke.Response, error) {
			answer, err := invoketest.Handler{}.Invoke(ctx, e.AppendJSON(nil))
			if err != nil {
				return nil, err
			}
			response := invoke.ParseResponse(answer)
			return &response, nil
		})
	})
}

func TestBytesConforms(t *testing.T) {
	for name, handler := range map[string]lambdago.BytesHandler{
		"Handler":    invoketest.Handler{},
		"NewHandler": lambda.NewHandler(invoketest.Handler{}),
	} {
		t.Run(name, func(t *testing.T) {
			invoketest.Run(t, func(t *testing.T, f invoketest.Function) invoke.Invoker {
				if f != invoketest.Scripted {
					t.Skip("a handler can always be run")
				}
				return lambdago.Bytes(handler)
			})
		})
	}
}
