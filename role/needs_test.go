package role_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/role"
	"github.com/shardmill/shardmill/role/internal/policy"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	ordersARN   = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
	consumerARN = ordersARN + "/consumer/shipping:1700000000"
	queueARN    = "arn:aws:sqs:us-east-1:123456789012:lost-orders"
	keyARN      = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	shipARN     = "arn:aws:iam::123456789012:role/service/ship-orders"
	hostARN     = "arn:aws:iam::123456789012:user/host"
)

// everything is a mapping that uses all there is.
var everything = role.Needs{
	Consumer: consumerARN, FallBackToPolling: true, StreamKey: keyARN,
	Destinations: []role.Destination{
		{ARN: queueARN, Key: keyARN},
		{ARN: "arn:aws:sns:us-east-1:123456789012:lost-orders"},
		{ARN: "arn:aws:s3:::lost-orders", Key: keyARN},
		{ARN: queueARN, Key: keyARN},
	},
	Tables:       []string{"arn:aws:dynamodb:us-east-1:123456789012:table/ship-orders", "arn:aws:dynamodb:us-east-1:123456789012:table/ship-orders-workers"},
	CreateTables: true,
	Function:     "arn:aws:lambda:us-east-1:123456789012:function:ship-orders:$LATEST",
	AWSLambda:    true,
}

// golden compares a document with its file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, got, 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "go test -update writes %s", file)
}

func TestPolicyDocumentsAreTheLeastThatIsNeeded(t *testing.T) {
	for name, needs := range map[string]role.Needs{
		"stream.json":     {Stream: ordersARN},
		"consumer.json":   {Consumer: consumerARN},
		"lambda.json":     {Stream: ordersARN, AWSLambda: true},
		"everything.json": everything,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := role.PolicyDocument(needs)
			require.NoError(t, err)
			golden(t, name, got)
			_, err = policy.ParseIdentity(got)
			require.NoError(t, err)
		})
	}
}

func TestTrustPolicies(t *testing.T) {
	for name, c := range map[string]struct {
		trust   role.Trust
		allowed policy.Request
	}{
		"trust-lambda.json": {
			role.Trust{},
			policy.Request{Principal: "lambda.amazonaws.com", Action: "sts:AssumeRole"},
		},
		"trust-host.json": {
			role.Trust{Principals: []string{hostARN}, ExternalID: "orders-7", TagSession: true, SetSourceIdentity: true},
			policy.Request{Principal: hostARN, Action: "sts:AssumeRole", Context: policy.Context{"sts:ExternalId": {"orders-7"}}},
		},
		"trust-both.json": {
			role.Trust{Principals: []string{"123456789012"}, Services: []string{"lambda.amazonaws.com"}, SourceARN: "arn:aws:lambda:*:123456789012:function:ship-*"},
			policy.Request{Principal: "lambda.amazonaws.com", Action: "sts:AssumeRole", Context: policy.Context{"aws:SourceArn": {"arn:aws:lambda:us-east-1:123456789012:function:ship-orders"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := role.TrustPolicy(c.trust)
			require.NoError(t, err)
			golden(t, name, got)
			p, err := policy.ParseTrust(got)
			require.NoError(t, err)
			require.NoError(t, policy.Authorize(c.allowed, p))
			c.allowed.Context = nil
			c.allowed.Principal = strings.Replace(c.allowed.Principal, "lambda", "events", 1)
			if name != "trust-host.json" {
				c.allowed.Principal = "events.amazonaws.com"
			}
			require.Error(t, policy.Authorize(c.allowed, p))
		})
	}
}

func TestBadNeedsAreReportedAllAtOnce(t *testing.T) {
	_, err := role.Needs{
		Stream: consumerARN, StreamKey: "alias/orders", Tables: []string{""}, Function: "ship-orders",
		Destinations: []role.Destination{{}, {ARN: "arn:aws:s3:::*"}, {ARN: "arn:aws:kinesis:us-east-1:123456789012:stream/x"}},
	}.Grants()
	for _, field := range []string{"Stream is", "StreamKey is", "Tables[0] is", "Function is", "Destinations[0].ARN is empty", "Destinations[1].ARN is", "Destinations[2].ARN is"} {
		require.ErrorContains(t, err, "role: "+field)
	}
	_, err = role.PolicyDocument(role.Needs{})
	require.EqualError(t, err, "role: there is nothing to grant")
	_, err = role.Needs{Stream: ordersARN + "x", Consumer: consumerARN}.Grants()
	require.ErrorContains(t, err, "must be the stream of the Consumer")
}

func TestTrustsThatWouldLetInTooManyAreRefused(t *testing.T) {
	for _, c := range []struct {
		trust role.Trust
		want  string
	}{
		{role.Trust{Principals: []string{"*"}}, `Principals[0] is "*"`},
		{role.Trust{Principals: []string{"arn:aws:iam::123456789012:user/*"}}, "Principals[0]"},
		{role.Trust{ExternalID: "orders-7"}, "ExternalID must be"},
		{role.Trust{TagSession: true}, "TagSession need Principals"},
		{role.Trust{Principals: []string{hostARN}, SourceARN: ordersARN}, "SourceARN is"},
	} {
		_, err := role.TrustPolicy(c.trust)
		require.ErrorContains(t, err, c.want)
	}
}

func TestManagedPolicyCoversWhatPollingNeeds(t *testing.T) {
	managed := role.AWSLambdaKinesisExecutionRole()
	for _, needs := range []role.Needs{{Stream: ordersARN, AWSLambda: true}, {Consumer: consumerARN, AWSLambda: true}} {
		grants, err := needs.Grants()
		require.NoError(t, err)
		for _, g := range grants {
			assert.Subset(t, managed, g.Actions)
		}
	}
}
