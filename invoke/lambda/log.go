package lambda

import (
	"context"
	"encoding/base64"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/shardmill/shardmill/invoke"
)

// logTail logs the end of the function's log, up to 4 kB, with the mapping's ID of the invocation and AWS's.
func (f *Function) logTail(ctx context.Context, in *invoke.Invocation, out *lambda.InvokeOutput) {
	tail := aws.ToString(out.LogResult)
	if tail == "" {
		return
	}
	if text, err := base64.StdEncoding.DecodeString(tail); err == nil {
		tail = string(text)
	}
	f.log.DebugContext(ctx, "function log",
		"requestId", in.RequestID, "functionArn", in.FunctionARN, "lambdaRequestId", requestID(out), "log", tail)
}
