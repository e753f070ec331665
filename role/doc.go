// Package role is the execution role of a mapping: its credentials, the fewest permissions that it needs, and the
// missing ones, in AWS's words.
//
//	cfg, err := role.Role{ARN: "arn:aws:iam::123456789012:role/ship-orders"}.Config(awsConfig)
//	...
//	client := kinesis.NewFromConfig(cfg) // acts as the role; so do clients of the destinations and of the function
//
//	needs := role.Needs{
//		Stream:       "arn:aws:kinesis:us-east-1:123456789012:stream/orders",
//		Destinations: []role.Destination{{ARN: "arn:aws:sqs:us-east-1:123456789012:lost-orders"}},
//	}
//	document, err := role.PolicyDocument(needs)   // for the role
//	trust, err := role.TrustPolicy(role.Trust{Principals: []string{"arn:aws:iam::123456789012:role/host"}})
//	err = role.CheckSource(ctx, client, needs)    // nil, or an *AccessError
//
// Call [Role.Config] once for each mapping: its clients share one session, whose credentials are renewed before they
// expire. The process itself needs sts:AssumeRole on the role, unless it is in the role's account and the trust policy
// names it.
//
// # Permissions
//
//	for                       | shardmill                                 | AWS Lambda's mapping also requires
//	--------------------------+-------------------------------------------+-----------------------------------
//	a stream, polled          | ListShards, GetShardIterator, GetRecords  | DescribeStream (not ListShards)
//	a consumer, subscribed to | ListShards; SubscribeToShard on it        | DescribeStreamSummary,
//	                          |                                           | GetShardIterator, GetRecords
//	  falling back to polling | GetShardIterator, GetRecords              |
//	a stream's own key        | kms:Decrypt                               |
//	a queue, a topic          | sqs:SendMessage, sns:Publish              |
//	  with a key of its own   | kms:GenerateDataKey, kms:Decrypt          |
//	a bucket                  | s3:PutObject below aws/lambda/            | s3:ListBucket
//	  with a key of its own   | kms:GenerateDataKey                       |
//	tables of progress        | dynamodb: GetItem, PutItem, UpdateItem,   |
//	                          | DeleteItem, Query, Scan, DescribeTable    |
//	a function on AWS Lambda  | lambda:InvokeFunction                     | nothing: it invokes within the service
//
// Needs.AWSLambda adds the right column. AWS's managed policy, [AWSLambdaKinesisExecutionRole], grants more of Kinesis,
// on every resource, and writing logs, which a function on AWS Lambda needs and a mapping does not.
//
// # How permissions are checked
//
//	assuming the role  | by doing it: Provider.Retrieve. Like AWS Lambda, STS does not distinguish a missing role from one
//	                   | that does not trust the caller: "Please add Lambda as a Trusted Entity for …"
//	stream, consumer   | by CheckSource: a listing, an iterator, and Kinesis's dry runs
//	all else           | not by trying, because no message, object or invocation is without an effect; package
//	                   | role/simulate asks IAM, if the caller may
//
// Package role/roletest is an account for tests, which evaluates policy documents without AWS.
package role
