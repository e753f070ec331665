package role_test

import (
	"fmt"

	"github.com/shardmill/shardmill/role"
)

func ExamplePolicyDocument() {
	document, err := role.PolicyDocument(role.Needs{
		Stream:       "arn:aws:kinesis:us-east-1:123456789012:stream/orders",
		Destinations: []role.Destination{{ARN: "arn:aws:sqs:us-east-1:123456789012:lost-orders"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s", document)
	// Output:
	// {
	//   "Version": "2012-10-17",
	//   "Statement": [
	//     {
	//       "Sid": "ReadStream",
	//       "Effect": "Allow",
	//       "Action": [
	//         "kinesis:GetRecords",
	//         "kinesis:GetShardIterator",
	//         "kinesis:ListShards"
	//       ],
	//       "Resource": [
	//         "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
	//       ]
	//     },
	//     {
	//       "Sid": "SendToQueues",
	//       "Effect": "Allow",
	//       "Action": [
	//         "sqs:SendMessage"
	//       ],
	//       "Resource": [
	//         "arn:aws:sqs:us-east-1:123456789012:lost-orders"
	//       ]
	//     }
	//   ]
	// }
}

func ExampleFromError() {
	needs := role.Needs{Stream: "arn:aws:kinesis:us-east-1:123456789012:stream/orders"}
	err := fmt.Errorf("mapping: %w", needs.Refusal("kinesis:GetRecords", needs.Stream)) // or what a client returned
	if missing, ok := role.FromError(err); ok {
		fmt.Println(missing.Action, "is missing")
		fmt.Println(missing.Message)
	}
	// Output:
	// kinesis:GetRecords is missing
	// Cannot access stream arn:aws:kinesis:us-east-1:123456789012:stream/orders. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, DescribeStreamSummary, ListShards, and ListStreams Actions on your stream.
}
