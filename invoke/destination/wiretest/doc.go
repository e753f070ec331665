// Package wiretest holds the tests of the destinations against SNS and S3 servers that others wrote, which have too many
// dependencies for the module above. The test against an SQS server is in package sqs.
//
//	cd invoke/destination/wiretest && go test ./...
package wiretest
