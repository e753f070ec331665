package sns_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/sns"

	tosns "github.com/shardmill/shardmill/invoke/destination/sns"
)

// printing stands in for the SDK's client.
type printing struct{}

func (printing) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	fmt.Println("to", *in.TopicArn)
	fmt.Println(*in.Message)
	return &sns.PublishOutput{}, nil
}

func Example() {
	topic, err := tosns.New(printing{}, "arn:aws:sns:us-east-1:111111111111:lost-orders")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := topic.Deliver(context.Background(), failure()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// to arn:aws:sns:us-east-1:111111111111:lost-orders
	// {"requestContext":{"requestId":"9c5e9d5a-0b8f-4c8e-9f57-3f7c0f1f2a11","functionArn":"arn:aws:lambda:us-east-1:111111111111:function:ship-orders","condition":"RetryAttemptsExhausted","approximateInvokeCount":2},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"version":"1.0","timestamp":"2018-12-17T22:12:00.250Z","KinesisBatchInfo":{"shardId":"shardId-000000000000","startSequenceNumber":"101","endSequenceNumber":"101","approximateArrivalOfFirstRecord":"2018-12-17T22:10:50.987Z","approximateArrivalOfLastRecord":"2018-12-17T22:10:50.987Z","batchSize":1,"streamArn":"arn:aws:kinesis:us-east-1:111111111111:stream/orders"}}
}
