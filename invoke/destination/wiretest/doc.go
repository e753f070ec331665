// Package wiretest holds the tests of the destinations against third-party SNS and S3 servers, which have too many
// dependencies for the root module. The test against an SQS server is in package sqs.
//
//	cd invoke/destination/wiretest && go test ./...
package wiretest
