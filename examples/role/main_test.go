package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/role/policy"
)

const (
	stream  = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
	queue   = "arn:aws:sqs:us-east-1:123456789012:lost-orders"
	key     = "arn:aws:kms:us-east-1:123456789012:key/1234"
	table   = "arn:aws:dynamodb:us-east-1:123456789012:table/ship-orders"
	session = "arn:aws:sts::123456789012:assumed-role/ship-orders/x"
)

// printed returns what the program prints.
func printed(t *testing.T, args ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, run(args, &out, io.Discard))
	return out.Bytes()
}

func TestPrintedPolicyAllowsWhatTheFlagsName(t *testing.T) {
	p, err := policy.ParseIdentity(printed(t, "-stream", stream, "-destination", queue+"="+key, "-table", table, "-create-tables"))
	require.NoError(t, err)
	for _, c := range [][2]string{
		{"kinesis:GetRecords", stream}, {"sqs:SendMessage", queue}, {"kms:GenerateDataKey", key}, {"dynamodb:CreateTable", table},
	} {
		require.NoError(t, policy.Authorize(policy.Request{Principal: session, Action: c[0], Resource: c[1]}, p))
	}
	for _, c := range [][2]string{
		{"kinesis:PutRecord", stream}, {"kinesis:GetRecords", stream + "2"}, {"lambda:InvokeFunction", "*"}, {"kinesis:DescribeStream", stream},
	} {
		require.Error(t, policy.Authorize(policy.Request{Principal: session, Action: c[0], Resource: c[1]}, p))
	}
}

func TestPrintedTrust(t *testing.T) {
	p, err := policy.ParseTrust(printed(t, "-trust", "arn:aws:iam::123456789012:role/host", "-trust", "lambda"))
	require.NoError(t, err)
	for _, who := range []string{"lambda.amazonaws.com", "arn:aws:sts::123456789012:assumed-role/host/i-1234"} {
		require.NoError(t, policy.Authorize(policy.Request{Principal: who, Action: "sts:AssumeRole"}, p))
	}
}

func TestBadFlagsAreErrors(t *testing.T) {
	for want, args := range map[string][]string{
		"nothing to grant":  {},
		"Stream is":         {"-stream", "orders"},
		"is not a flag":     {"orders"},
		"not defined: -lam": {"-lam"},
	} {
		require.ErrorContains(t, run(args, io.Discard, io.Discard), want)
	}
	require.ErrorIs(t, run([]string{"-h"}, io.Discard, io.Discard), flag.ErrHelp)
}

func TestProgramIsShort(t *testing.T) {
	source, err := os.ReadFile("main.go")
	require.NoError(t, err)
	assert.Less(t, strings.Count(string(source), "\n"), 100)
}
