package lambdago

import (
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
)

// Bytes knows the handlers that hand out pooled bytes by the name of an unexported type. Should a new aws-lambda-go
// rename it, this is where it shows.
func TestBytesKnowsTheHandlersOfAWSLambdaGo(t *testing.T) {
	handler := lambda.NewHandler(func() error { return nil })
	if b, ok := Bytes(handler).(*bytesInvoker); !ok || !b.pooled {
		t.Errorf("got a %T that is not taken for one of lambda.NewHandler", handler)
	}
}
