package s3_test

import (
	"context"
	"fmt"
	"io"
	"path"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	tos3 "github.com/shardmill/shardmill/invoke/destination/s3"
)

// printing stands in for the SDK's client.
type printing struct{}

func (printing) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	fmt.Println("to", *in.Bucket, "below", path.Dir(*in.Key))
	body, err := io.ReadAll(in.Body)
	fmt.Printf("%s\n", body)
	return &s3.PutObjectOutput{}, err
}

func Example() {
	bucket, err := tos3.New(printing{}, "arn:aws:s3:::lost-orders")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := bucket.Deliver(context.Background(), failure()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// to lost-orders below aws/lambda/0b5e0f6a-3c1d-4f3e-9a44-5d0c8d0d1c77/shardId-000000000000/2026/12/31
	// {"requestContext":{"requestId":"9c5e9d5a-0b8f-4c8e-9f57-3f7c0f1f2a11","functionArn":"arn:aws:lambda:us-east-1:111111111111:function:ship-orders","condition":"RetryAttemptsExhausted","approximateInvokeCount":2},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"version":"1.0","payload":"{\"Records\":[{\"kinesis\":{\"kinesisSchemaVersion\":\"1.0\",\"partitionKey\":null,\"sequenceNumber\":\"101\",\"data\":\"dGVh\",\"approximateArrivalTimestamp\":1545084650.987},\"eventSource\":\"aws:kinesis\",\"eventVersion\":\"1.0\",\"eventID\":\"shardId-000000000000:101\",\"eventName\":\"aws:kinesis:record\",\"invokeIdentityArn\":\"\",\"awsRegion\":\"\",\"eventSourceARN\":\"arn:aws:kinesis:us-east-1:111111111111:stream/orders\"}]}","timestamp":"2026-12-31T23:59:07.250Z","KinesisBatchInfo":{"shardId":"shardId-000000000000","startSequenceNumber":"101","endSequenceNumber":"101","approximateArrivalOfFirstRecord":"2018-12-17T22:10:50.987Z","approximateArrivalOfLastRecord":"2018-12-17T22:10:50.987Z","batchSize":1,"streamArn":"arn:aws:kinesis:us-east-1:111111111111:stream/orders"}}
}
