// Package s3 delivers on-failure documents to buckets of Amazon S3: one object for each discarded batch, with the
// records in it.
//
//	import (
//		"github.com/aws/aws-sdk-go-v2/service/s3"
//		tos3 "github.com/shardmill/shardmill/invoke/destination/s3"
//	)
//
//	client := s3.NewFromConfig(awsConfig)
//	lost, err := tos3.New(client, "arn:aws:s3:::lost-orders") // one bucket, by value
//	all := tos3.Resolver(client)                              // any bucket, by its ARN
//
// An object is the output of [invoke.Failure.AppendJSONWithPayload], with the Content-Type application/octet-stream, as
// from AWS Lambda. Its key is Lambda's too, in UTC:
//
//	aws/lambda/<mapping's UUID>/<shard id>/2026/09/19/2026-09-19T09.11.30-<random UUID>
//
// The ARN of a bucket has no region: the client's must be the bucket's. The client needs s3:PutObject, and
// kms:GenerateDataKey if the bucket is encrypted with a key of KMS. It does not need s3:ListBucket, which AWS requires.
//
// The client's own retries apply to every delivery (three attempts, unless configured otherwise), each within ctx and
// all with one key, so that a retry after a lost answer overwrites the object instead of writing a second one.
package s3
