package lambda_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	onlambda "github.com/shardmill/shardmill/invoke/lambda"
)

// Names that AWS Lambda refuses are refused before the first batch waits for them.
func TestFunctionNamesThatLambdaRefuses(t *testing.T) {
	c := lambda.New(lambda.Options{Region: "us-east-1"})
	for _, name := range []string{
		"ship-orders", "ship-orders:PROD", "ship-orders:$LATEST", "function:ship-orders", "111111111111:function:ship-orders",
		functionARN, strings.Repeat("f", 64),
	} {
		_, err := onlambda.New(c, onlambda.Config{FunctionName: name})
		assert.NoError(t, err, name)
	}
	for _, name := range []string{
		"ship orders", "ship-orders\n", "ship-orders:", "ship-orders:$NEWEST", "1234:function:ship-orders", functionARN + ":x",
		strings.Replace(functionARN, "us-east-1", "us_east", 1), strings.Repeat("f", 257), "arn:aws:sqs:us-east-1:111111111111:ship-orders",
	} {
		_, err := onlambda.New(c, onlambda.Config{FunctionName: name})
		assert.ErrorContains(t, err, "must be a name of letters, digits and _-", name)
	}
}

// An invocation goes to the client's region, whatever the function's ARN says: AWS would find no such function.
func TestClientOfAnotherRegionThanTheFunctions(t *testing.T) {
	const want = "lambda: function " + functionARN + ": lies in us-east-1, but the client is for the region eu-west-1"
	far := lambda.New(lambda.Options{Region: "eu-west-1"})
	_, err := onlambda.New(far, onlambda.Config{FunctionName: functionARN})
	require.EqualError(t, err, want)
	f, err := onlambda.New(far, onlambda.Config{})
	require.NoError(t, err)
	require.EqualError(t, f.CheckFunction(functionARN), want)
	f, err = onlambda.New(far, onlambda.Config{FunctionName: "ship-orders"})
	require.NoError(t, err)
	require.NoError(t, f.CheckFunction(functionARN), "the function of that name in the client's own region")
	for name, o := range map[string]lambda.Options{
		"the region":  {Region: "us-east-1"},
		"no region":   {},
		"an emulator": {Region: "us-east-1", BaseEndpoint: new("http://127.0.0.1:1")},
	} {
		f, err := onlambda.New(lambda.New(o), onlambda.Config{})
		require.NoError(t, err, name)
		require.NoError(t, f.CheckFunction(functionARN), name)
	}
}
