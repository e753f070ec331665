package sqs_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/shardmill/shardmill/invoke"
	tosqs "github.com/shardmill/shardmill/invoke/destination/sqs"
)

// printing stands in for the SDK's client.
type printing struct{ tosqs.Client }

func (printing) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	fmt.Println("to", *in.QueueUrl)
	fmt.Println(*in.MessageBody)
	return &sqs.SendMessageOutput{}, nil
}

func Example() {
	queue, err := tosqs.New(printing{}, "https://sqs.us-east-1.amazonaws.com/111111111111/lost-orders")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := queue.Deliver(context.Background(), failure()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// to https://sqs.us-east-1.amazonaws.com/111111111111/lost-orders
	// {"requestContext":{"requestId":"9c5e9d5a-0b8f-4c8e-9f57-3f7c0f1f2a11","functionArn":"arn:aws:lambda:us-east-1:111111111111:function:ship-orders","condition":"RetryAttemptsExhausted","approximateInvokeCount":2},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"version":"1.0","timestamp":"2018-12-17T22:12:00.250Z","KinesisBatchInfo":{"shardId":"shardId-000000000000","startSequenceNumber":"101","endSequenceNumber":"101","approximateArrivalOfFirstRecord":"2018-12-17T22:10:50.987Z","approximateArrivalOfLastRecord":"2018-12-17T22:10:50.987Z","batchSize":1,"streamArn":"arn:aws:kinesis:us-east-1:111111111111:stream/orders"}}
}

// A mapping is given resolvers once, and finds the destination of the ARN in its configuration.
func ExampleResolver() {
	for _, arn := range []string{"arn:aws:sqs:us-east-1:111111111111:lost-orders", "arn:aws:sqs:us-east-1:111111111111:lost-orders.fifo"} {
		queue, err := invoke.ResolveDestination(arn, tosqs.Resolver(printing{}))
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(queue)
	}
	// Output:
	// arn:aws:sqs:us-east-1:111111111111:lost-orders
	// sqs: queue "arn:aws:sqs:us-east-1:111111111111:lost-orders.fifo": is a FIFO queue: on-failure documents go to standard queues only
}
