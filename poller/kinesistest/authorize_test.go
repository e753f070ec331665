package kinesistest_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

const ada = "arn:aws:iam::123456789012:user/ada"

// explicit is an error with a reason of its own.
type explicit struct{}

func (explicit) Error() string  { return "denied" }
func (explicit) Reason() string { return "with an explicit deny in an identity-based policy" }

// question is what Authorize was asked.
type question struct{ principal, action, resource string }

func TestCallsThatAreNotAuthorizedAreRefusedInTheWordsOfAWS(t *testing.T) {
	var asked []question
	var answer error
	s, orders := newOrders(t, kinesistest.Config{
		Principal: func(key, token string) (string, error) {
			if key == "AKIDADA" && token == "session" {
				return ada, nil
			}
			return "", &smithy.GenericAPIError{Code: "UnrecognizedClientException", Message: "The security token included in the request is invalid."}
		},
		Authorize: func(principal, action, resource string) error {
			asked = append(asked, question{principal, action, resource})
			return answer
		},
	}, 1)
	consumer, err := orders.RegisterConsumer("shipping")
	require.NoError(t, err)
	server := kinesistest.NewServer(s)
	t.Cleanup(server.Close)
	config := server.Config()
	config.Credentials = credentials.NewStaticCredentialsProvider("AKIDADA", "secret", "session")
	c := kinesis.NewFromConfig(config)

	list := &kinesis.ListShardsInput{StreamARN: new(orders.ARN())}
	_, err = c.ListShards(t.Context(), list)
	require.NoError(t, err)
	answer = errors.New("no")
	_, err = c.ListShards(t.Context(), list)
	requireAPIError(t, err, "AccessDeniedException", "User: "+ada+" is not authorized to perform: kinesis:ListShards on resource: "+
		orders.ARN()+" because no identity-based policy allows the kinesis:ListShards action")
	require.ErrorAs(t, err, new(*types.AccessDeniedException))
	answer = explicit{}
	_, err = c.ListStreams(t.Context(), &kinesis.ListStreamsInput{})
	requireAPIError(t, err, "AccessDeniedException",
		"kinesis:ListStreams on resource: * with an explicit deny in an identity-based policy")
	_, err = c.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{
		ConsumerARN: &consumer, ShardId: new("shardId-000000000000"), StartingPosition: &types.StartingPosition{Type: "LATEST"},
	})
	requireAPIError(t, err, "AccessDeniedException", "kinesis:SubscribeToShard on resource: "+consumer)
	assert.Equal(t, []question{
		{ada, "kinesis:ListShards", orders.ARN()},
		{ada, "kinesis:ListShards", orders.ARN()},
		{ada, "kinesis:ListStreams", "*"},
		{ada, "kinesis:SubscribeToShard", consumer},
	}, asked)

	_, err = server.Client().ListShards(t.Context(), list)
	requireAPIError(t, err, "UnrecognizedClientException", "is invalid")
	_, err = s.Client().ListShards(t.Context(), list)
	requireAPIError(t, err, "AccessDeniedException", "User: arn:aws:iam::123456789012:root is not")
}

func TestDryRunsTakeNothing(t *testing.T) {
	s, orders := newOrders(t, kinesistest.Config{}, 1)
	_, _, err := orders.Put("k", []byte("x"))
	require.NoError(t, err)
	c := s.Client()
	in := &kinesis.GetShardIteratorInput{
		StreamARN: new(orders.ARN()), ShardId: new("shardId-000000000000"), ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	}
	out, err := c.GetShardIterator(t.Context(), in)
	require.NoError(t, err)
	for range 20 { // far beyond the limits of a second
		in.DryRun = aws.Bool(true)
		_, err = c.GetShardIterator(t.Context(), in)
		requireAPIError(t, err, "DryRunOperationException", "")
		_, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: out.ShardIterator, DryRun: new(true)})
		requireAPIError(t, err, "DryRunOperationException", "")
	}
	_, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: new("bad"), DryRun: new(true)})
	requireAPIError(t, err, "InvalidArgumentException", "Invalid ShardIterator")
	page, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: out.ShardIterator})
	require.NoError(t, err)
	assert.Len(t, page.Records, 1)
}
