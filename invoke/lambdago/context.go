package lambdago

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/shardmill/shardmill/invoke"
)

// withLambdaContext returns ctx with Lambda's context of the invocation. ctx already has the deadline.
func withLambdaContext(ctx context.Context, in *invoke.Invocation) context.Context {
	return lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{
		AwsRequestID:       in.RequestID,
		InvokedFunctionArn: in.FunctionARN,
	})
}

// failed returns the result of a handler that returned err.
func failed(err error) (*invoke.Result, error) {
	var document messages.InvokeResponse_Error
	if !errors.As(err, &document) {
		return nil, err
	}
	payload, jsonErr := json.Marshal(document)
	if jsonErr != nil {
		return nil, err
	}
	return &invoke.Result{FunctionError: "Unhandled", Payload: payload, Err: err}, nil
}
