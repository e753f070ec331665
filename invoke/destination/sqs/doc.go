// Package sqs delivers on-failure documents to queues of Amazon SQS.
//
//	import (
//		"github.com/aws/aws-sdk-go-v2/service/sqs"
//		tosqs "github.com/shardmill/shardmill/invoke/destination/sqs"
//	)
//
//	client := sqs.NewFromConfig(awsConfig)
//	lost, err := tosqs.New(client, "arn:aws:sqs:us-east-1:123456789012:lost-orders") // one queue, by value
//	all := tosqs.Resolver(client)                                                    // any queue, by its ARN
//
// A message's body is the output of [invoke.Failure.AppendJSON]: the place of the records, not the records. Only
// standard queues are accepted, as by AWS Lambda.
//
// A queue given by its ARN is called in the region of the ARN, so that one client serves all regions. Its URL is
// requested until it has accepted a message, and then kept. A queue given by its URL is called with the client's
// endpoint and region. An SDK client that cannot reach the queue is refused: one of another partition, or with an AWS
// endpoint in another region.
//
// The client needs sqs:SendMessage, as for AWS Lambda. sqs:GetQueueUrl is optional for queues given by their ARN;
// without it the URL is assumed to have the form that AWS documents, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.
//
// The client's own retries apply to every delivery (three attempts, unless configured otherwise), each within ctx.
// After a lost answer a message is sent again: delivery is at least once.
package sqs
