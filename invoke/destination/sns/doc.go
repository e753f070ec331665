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
// A message is the output of [invoke.Failure.AppendJSON]: the place of the records, not the records. It has no subject
// and no attributes. Only standard topics are accepted, as by AWS Lambda.
//
// A topic is called in the region of its ARN, so that one client serves all regions. The client needs sns:Publish.
//
// The client's own retries apply to every delivery (three attempts, unless configured otherwise), each within ctx.
// After a lost answer a message is published again: delivery is at least once.
package sns
