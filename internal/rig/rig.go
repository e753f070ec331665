// Package rig starts the third-party emulators that the outermost ring of tests runs against: Kinesis, DynamoDB, SQS, and
// moto's server, which has all of these and more. Each is a process of its own, on a free port of the loopback interface, for
// as long as one test runs.
//
//	client := kinesis.NewFromConfig(rig.AWSConfig(rig.Kinesis(t)))
//
// The emulators are packages of npm and PyPI, pinned in .ci/rig. Where Node, Python or the packages are missing, a test is
// skipped and says what to install; with CI=true in the environment it fails instead, so that no continuous build loses a
// ring unseen.
package rig

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Region is the region that the emulators are used in.
const Region = "us-east-1"

// Account is the account that the emulators answer for.
const Account = "000000000000"

// Kinesis starts kinesis-local and returns its endpoint, such as "http://127.0.0.1:40123". It holds no stream yet.
//
// Streams, shards and consumers take 50 ms to change their state. It never throttles, and at most 5,000 records of
// 1 kB fit a stream before puts become slow. SubscribeToShard lacks its initial-response event.
func Kinesis(t testing.TB) string {
	t.Helper()
	return start(t, emulator{
		name:   "kinesis-local",
		script: "node_modules/kinesis-local/main.js",
		env: func(port int) []string {
			return []string{
				fmt.Sprintf("KINESIS_MOCK_PLAIN_PORT=%d", port),
				"KINESIS_MOCK_TLS_PORT=0",
				"KINESIS_MOCK_CERT_PATH=node_modules/kinesis-local/server.json",
				"LOG_LEVEL=ERROR",
				"ROOT_LOG_LEVEL=ERROR",
				"SHARD_LIMIT=1000",
				"CREATE_STREAM_DURATION=50ms",
				"DELETE_STREAM_DURATION=50ms",
				"SPLIT_SHARD_DURATION=50ms",
				"MERGE_SHARDS_DURATION=50ms",
				"UPDATE_SHARD_COUNT_DURATION=50ms",
				"REGISTER_STREAM_CONSUMER_DURATION=50ms",
				"DEREGISTER_STREAM_CONSUMER_DURATION=50ms",
			}
		},
	})
}

// DynamoDB starts dynalite and returns its endpoint. It holds no table yet.
//
// Tables take 20 ms to be created or deleted. There is no TTL, no transaction, and no ReturnValuesOnConditionCheckFailure.
func DynamoDB(t testing.TB) string {
	t.Helper()
	return start(t, emulator{
		name:   "dynalite",
		script: "node_modules/dynalite/cli.js",
		args: func(port int) []string {
			return []string{
				"--host", "127.0.0.1", "--port", fmt.Sprint(port),
				"--createTableMs", "20", "--updateTableMs", "20", "--deleteTableMs", "20",
			}
		},
	})
}

// SQS starts local-aws-sqs and returns its endpoint. It holds no queue yet.
func SQS(t testing.TB) string {
	t.Helper()
	return start(t, emulator{
		name:   "local-aws-sqs",
		script: "sqs.cjs",
		args:   func(port int) []string { return []string{fmt.Sprint(port)} },
	})
}

// AWSConfig returns a configuration for clients of the emulator at endpoint: static credentials, Region, and nothing
// taken from the environment.
func AWSConfig(endpoint string) aws.Config {
	return aws.Config{
		Region: Region,
		// kinesis-local takes an access key of twelve digits for the account.
		Credentials:  credentials.NewStaticCredentialsProvider(Account, "secret", ""),
		BaseEndpoint: aws.String(endpoint),
	}
}
