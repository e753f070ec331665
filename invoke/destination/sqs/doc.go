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
// A message's body is what [invoke.Failure.AppendJSON] writes: where the records are, not the records. Only standard
// queues are taken, as by AWS Lambda.
//
// A queue given by its ARN is called in the region of the ARN, so that one client serves all regions. Its URL is asked
// for until it has taken a message, and then kept. A queue given by its URL is called by the client as it is, endpoint
// and region. A client of the SDK that can't reach the queue is refused: one of another partition, or with an endpoint of
// AWS in another region.
//
// The client needs sqs:SendMessage, as for AWS Lambda. It may have sqs:GetQueueUrl for queues given by their ARN; without
// it the URL is taken to have the form that AWS documents, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.
//
// The client's own retries apply to every delivery (three attempts, unless it was made otherwise), each within ctx. A
// message that was taken by a queue whose answer got lost is sent again: delivery is at least once.
package sqs
