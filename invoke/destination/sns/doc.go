// Package sns delivers on-failure documents to topics of Amazon SNS.
//
//	import (
//		"github.com/aws/aws-sdk-go-v2/service/sns"
//		tosns "github.com/shardmill/shardmill/invoke/destination/sns"
//	)
//
//	client := sns.NewFromConfig(awsConfig)
//	lost, err := tosns.New(client, "arn:aws:sns:us-east-1:123456789012:lost-orders") // one topic, by value
//	all := tosns.Resolver(client)                                                    // any topic, by its ARN
//
// A message is what [invoke.Failure.AppendJSON] writes: where the records are, not the records. It has no subject and no
// attributes. Only standard topics are taken, as by AWS Lambda.
//
// A topic is called in the region of its ARN, so that one client serves all regions. The client needs sns:Publish.
//
// The client's own retries apply to every delivery (three attempts, unless it was made otherwise), each within ctx. A
// message that was taken by a topic whose answer got lost is published again: delivery is at least once.
package sns
