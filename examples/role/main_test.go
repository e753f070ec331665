package main

import (
	"bytes"
	"flag"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/role/roletest"
)

const (
	stream = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
	queue  = "arn:aws:sqs:us-east-1:123456789012:lost-orders"
	key    = "arn:aws:kms:us-east-1:123456789012:key/1234"
	table  = "arn:aws:dynamodb:us-east-1:123456789012:table/ship-orders"
	user   = "arn:aws:iam::123456789012:user/host"
)

// printed returns what the program prints.
func printed(t *testing.T, args ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, run(args, &out, io.Discard))
	return out.Bytes()
}

func TestPrintedPolicyAllowsWhatTheFlagsName(t *testing.T) {
	account := roletest.New(roletest.Config{})
	document := printed(t, "-stream", stream, "-destination", queue+"="+key, "-table", table, "-create-tables")
	require.NoError(t, account.SetUser("AKID", user, string(document)))
	for _, c := range [][2]string{
		{"kinesis:GetRecords", stream}, {"sqs:SendMessage", queue}, {"kms:GenerateDataKey", key}, {"dynamodb:CreateTable", table},
	} {
		require.NoError(t, account.Authorize(user, c[0], c[1]))
	}
	for _, c := range [][2]string{
		{"kinesis:PutRecord", stream}, {"kinesis:GetRecords", stream + "2"}, {"lambda:InvokeFunction", "*"}, {"kinesis:DescribeStream", stream},
	} {
		require.Error(t, account.Authorize(user, c[0], c[1]))
	}
}

func TestPrintedTrust(t *testing.T) {
	const ship, allow = "arn:aws:iam::123456789012:role/ship-orders", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`
	document := printed(t, "-trust", user, "-trust", "lambda")
	assert.Contains(t, string(document), `"lambda.amazonaws.com"`)
	account := roletest.New(roletest.Config{})
	require.NoError(t, account.SetRole(roletest.Role{ARN: ship, Trust: string(document)}))
	require.NoError(t, account.SetUser("AKID", user))
	require.NoError(t, account.SetUser("AKIDOTHER", user+"-2", allow))
	server := httptest.NewServer(account.Handler())
	defer server.Close()
	assume := func(key string) error {
		client := sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider(key, "secret", "")})
		_, err := client.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: new(ship), RoleSessionName: new("trial")})
		return err
	}
	require.NoError(t, assume("AKID"))
	require.ErrorContains(t, assume("AKIDOTHER"), "not authorized")
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
