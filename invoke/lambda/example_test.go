package lambda_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/shardmill/shardmill/invoke"
	onlambda "github.com/shardmill/shardmill/invoke/lambda"
)

// printing stands in for the SDK's client.
type printing struct{}

func (printing) Invoke(_ context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	fmt.Println("invoke", *in.FunctionName)
	return &lambda.InvokeOutput{
		StatusCode:      200,
		ExecutedVersion: aws.String("7"),
		Payload:         []byte(`{"batchItemFailures":[{"itemIdentifier":"101"}]}`),
	}, nil
}

func Example() {
	ship, err := onlambda.New(printing{}, onlambda.Config{FunctionName: "ship-orders:PROD"})
	if err != nil {
		fmt.Println(err)
		return
	}
	result, outcome := invoke.Run(context.Background(), ship, invocation("ann", 2, 3), invoke.Options{ReportBatchItemFailures: true})
	fmt.Println(outcome.Kind, outcome.FailedItems, "by version", result.ExecutedVersion)
	// Output:
	// invoke ship-orders:PROD
	// success [101] by version 7
}
