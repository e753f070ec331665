package invoke_test

import (
	"context"
	"fmt"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

// lost is a failure as a mapping would make it.
func lost() *invoke.Failure {
	return &invoke.Failure{
		RequestID:   "9c5e9d5a-0b8f-4c8e-9f57-3f7c0f1f2a11",
		FunctionARN: "arn:aws:lambda:us-east-1:123456789012:function:ship-orders",
		Condition:   batch.RecordAgeExceeded,
		Invocations: 8,
		Time:        time.UnixMilli(1545084720250),
		Event:       orders(),
	}
}

// A destination of one's own has the records at hand: no document needs to be written and read again.
func ExampleDestinationFunc() {
	table := invoke.DestinationFunc(func(ctx context.Context, f *invoke.Failure) error {
		for r := range f.Event.Records() {
			fmt.Printf("%s of %s after %d invocations: %s\n", f.Condition, r.PartitionKey, f.Invocations, r.Data)
		}
		return nil
	})

	if err := table.Deliver(context.Background(), lost()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// RecordAgeExceeded of ann after 8 invocations: tea
	// RecordAgeExceeded of bob after 8 invocations: ???
	// RecordAgeExceeded of ann after 8 invocations: milk
}

// Queues and topics are sent where the records are; they can be read again for as long as the stream keeps them.
func ExampleFailure_AppendJSON() {
	fmt.Printf("%s\n", lost().AppendJSON(nil))
	// Output:
	// {"requestContext":{"requestId":"9c5e9d5a-0b8f-4c8e-9f57-3f7c0f1f2a11","functionArn":"arn:aws:lambda:us-east-1:123456789012:function:ship-orders","condition":"RecordAgeExceeded","approximateInvokeCount":8},"version":"1.0","timestamp":"2018-12-17T22:12:00.250Z","KinesisBatchInfo":{"shardId":"shardId-000000000000","startSequenceNumber":"101","endSequenceNumber":"103","approximateArrivalOfFirstRecord":"2018-12-17T22:10:50.987Z","approximateArrivalOfLastRecord":"2018-12-17T22:10:50.987Z","batchSize":3,"streamArn":"arn:aws:kinesis:us-east-1:123456789012:stream/orders"}}
}

// A mapping that is given an ARN finds its destination among the resolvers that it was given.
func ExampleResolveDestination() {
	_, err := invoke.ResolveDestination("arn:aws:sqs:us-east-1:123456789012:lost-orders")
	fmt.Println(err)
	// Output:
	// invoke: destination arn:aws:sqs:us-east-1:123456789012:lost-orders: no resolver serves it: add sqs.Resolver of github.com/shardmill/shardmill/invoke/destination/sqs
}
