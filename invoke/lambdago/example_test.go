package lambdago_test

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/lambdago"
)

// orders is an invocation for two records, as a mapping would make it.
func orders() *invoke.Invocation {
	arrived := time.UnixMilli(1545084650987)
	return &invoke.Invocation{
		RequestID:   "9c5e9d5a-0b8f-4c8e-9f57-3f7c0f1f2a11",
		FunctionARN: "arn:aws:lambda:us-east-1:123456789012:function:ship-orders",
		Event: invoke.NewEvent(&invoke.Origin{ShardID: "shardId-000000000000"}, batch.RecordsOf([]batch.Record{
			{SequenceNumber: "101", PartitionKey: "ann", Data: []byte("tea"), ArrivalTime: arrived},
			{SequenceNumber: "102", PartitionKey: "bob", Data: []byte("???"), ArrivalTime: arrived},
		}), nil),
	}
}

// handle is a handler as it would be given to lambda.Start.
func handle(ctx context.Context, e events.KinesisEvent) (r events.KinesisEventResponse, err error) {
	lc, _ := lambdacontext.FromContext(ctx)
	fmt.Println(lc.AwsRequestID)
	for _, record := range e.Records {
		fmt.Printf("%s %s\n", record.EventID, record.Kinesis.Data)
		if string(record.Kinesis.Data) == "???" {
			failed := events.KinesisBatchItemFailure{ItemIdentifier: record.Kinesis.SequenceNumber}
			r.BatchItemFailures = append(r.BatchItemFailures, failed)
		}
	}
	return r, nil
}

func ExampleFunc() {
	print := lambdago.Func(func(ctx context.Context, e events.KinesisEvent) error {
		fmt.Printf("%d records, the first at %s\n", len(e.Records), e.Records[0].Kinesis.ApproximateArrivalTimestamp)
		return nil
	})

	_, outcome := invoke.Run(context.Background(), print, orders(), invoke.Options{})
	fmt.Println(outcome.Kind)
	// Output:
	// 2 records, the first at 2018-12-17 22:10:50.987 +0000 UTC
	// success
}

func ExampleResponseFunc() {
	opts := invoke.Options{ReportBatchItemFailures: true}
	_, outcome := invoke.Run(context.Background(), lambdago.ResponseFunc(handle), orders(), opts)
	fmt.Println(outcome.Kind, outcome.FailedItems)
	// Output:
	// 9c5e9d5a-0b8f-4c8e-9f57-3f7c0f1f2a11
	// shardId-000000000000:101 tea
	// shardId-000000000000:102 ???
	// success [102]
}

// Any handler that aws-lambda-go takes works by way of JSON.
func ExampleBytes() {
	opts := invoke.Options{ReportBatchItemFailures: true}
	result, outcome := invoke.Run(context.Background(), lambdago.Bytes(lambda.NewHandler(handle)), orders(), opts)
	fmt.Printf("%s\n", result.Payload)
	fmt.Println(outcome.Kind, outcome.FailedItems)
	// Output:
	// 9c5e9d5a-0b8f-4c8e-9f57-3f7c0f1f2a11
	// shardId-000000000000:101 tea
	// shardId-000000000000:102 ???
	// {"batchItemFailures":[{"itemIdentifier":"102"}]}
	// success [102]
}
