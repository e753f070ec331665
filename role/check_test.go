package role_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
	"github.com/shardmill/shardmill/role"
)

// allow is a policy that allows the actions on everything.
func allow(t *testing.T, actions ...string) string {
	t.Helper()
	list, err := json.Marshal(actions)
	require.NoError(t, err)
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":%s,"Resource":"*"}}`, list)
}

func TestRoleThatMayDoTheLeastPassesTheCheck(t *testing.T) {
	for _, fanOut := range []bool{false, true} {
		w := newWorld(t, "")
		needs := role.Needs{Stream: w.orders.ARN()}
		if fanOut {
			needs = role.Needs{Consumer: w.consumer}
		}
		w.setRole(document(t, needs))
		require.NoError(t, role.CheckSource(t.Context(), w.client(role.Role{}), needs))
		for _, call := range w.service.Calls(kinesistest.SubscribeToShard, kinesistest.GetRecords) {
			require.ErrorAs(t, call.Err, new(*types.DryRunOperationException), "nothing was read")
		}
		assert.NotEmpty(t, w.service.Calls(kinesistest.SubscribeToShard, kinesistest.GetRecords))
	}
}

func TestEachMissingActionIsNamedInAWSsWords(t *testing.T) {
	w := newWorld(t, "")
	stream, consumer := w.orders.ARN(), w.consumer
	streamText := "Cannot access stream " + stream + ". Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, DescribeStreamSummary, ListShards, and ListStreams Actions on your stream."
	consumerText := "Cannot access event source " + consumer + ". Please ensure the role can perform the DescribeStreamSummary, ListShards, GetShardIterator and GetRecords actions on your stream and SubscribeToShard on your consumer."
	client := w.client(role.Role{})
	for _, c := range []struct {
		needs   role.Needs
		actions []string
		text    string
	}{
		{role.Needs{Stream: stream}, []string{"kinesis:ListShards", "kinesis:GetShardIterator", "kinesis:GetRecords"}, streamText},
		{role.Needs{Consumer: consumer}, []string{"kinesis:ListShards", "kinesis:SubscribeToShard"}, consumerText},
		{
			role.Needs{Consumer: consumer, FallBackToPolling: true},
			[]string{"kinesis:ListShards", "kinesis:SubscribeToShard", "kinesis:GetShardIterator", "kinesis:GetRecords"},
			consumerText,
		},
	} {
		for i, missing := range c.actions {
			w.setRole(allow(t, slices.Delete(slices.Clone(c.actions), i, i+1)...))
			err := role.CheckSource(t.Context(), client, c.needs)
			denied := new(role.AccessError)
			require.ErrorAs(t, err, &denied, missing)
			assert.Equal(t, c.text, denied.Message)
			assert.Equal(t, missing, denied.Action)
			assert.Equal(t, "because no identity-based policy allows the "+missing+" action", denied.Reason)
			assert.Equal(t, w.account.Sessions()[0].ARN, denied.Principal)
			require.ErrorContains(t, err, "(missing: "+missing+" on "+denied.Resource+")")
			require.ErrorAs(t, err, new(*types.AccessDeniedException), "the SDK's error is beneath")
		}
		w.setRole(allow(t, c.actions...))
		require.NoError(t, role.CheckSource(t.Context(), client, c.needs))
	}
}

func TestCheckLeavesASubscriptionAlone(t *testing.T) {
	w := newWorld(t, "")
	needs := role.Needs{Consumer: w.consumer}
	w.setRole(document(t, needs))
	client := w.client(role.Role{})
	out, err := client.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{
		ConsumerARN: &w.consumer, ShardId: new("shardId-000000000000"),
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
	})
	require.NoError(t, err)
	stream := out.GetStream()
	t.Cleanup(func() { _ = stream.Close() })
	require.NoError(t, role.CheckSource(t.Context(), client, needs))

	_, _, err = w.orders.Put("k", []byte("still here"))
	require.NoError(t, err)
	for event := range stream.Events() {
		if e, ok := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent); ok && len(e.Value.Records) > 0 {
			assert.Equal(t, "still here", string(e.Value.Records[0].Data))
			return
		}
	}
	require.Fail(t, "the subscription ended", stream.Err())
}

// olderService is a Kinesis that does not know dry runs, and fails on demand.
type olderService struct {
	*kinesistest.Client
	err error
}

func (s olderService) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, opts ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	if s.err != nil {
		return nil, s.err
	}
	older := *in
	older.DryRun = nil
	return s.Client.GetRecords(ctx, &older, opts...)
}

func TestWhatIsNoDenialIsToldApart(t *testing.T) {
	service := kinesistest.New(kinesistest.Config{})
	orders, err := service.CreateStream("orders", 1)
	require.NoError(t, err)
	needs := role.Needs{Stream: orders.ARN()}
	check := func(err error) error {
		return role.CheckSource(t.Context(), olderService{service.Client(), err}, needs)
	}
	require.NoError(t, check(nil), "a service without dry runs is read")
	require.NoError(t, check(&types.ProvisionedThroughputExceededException{}), "throttled is allowed")
	for _, op := range []kinesistest.Op{kinesistest.ListShards, kinesistest.GetShardIterator} {
		service.Throttle(op, 1)
		require.NoError(t, check(nil))
	}
	broken := &smithy.GenericAPIError{Code: "InternalFailure", Fault: smithy.FaultServer}
	err = check(broken)
	require.ErrorIs(t, err, broken)
	_, denied := role.FromError(err)
	assert.False(t, denied)

	key := &types.KMSAccessDeniedException{Message: new("The ciphertext refers to a customer master key that does not exist.")}
	refused, denied := role.FromError(check(key))
	require.True(t, denied)
	assert.Equal(t, "kms:Decrypt", refused.Action)

	needs.Stream = "arn:aws:kinesis:us-east-1:123456789012:stream/missing"
	require.ErrorAs(t, check(nil), new(*types.ResourceNotFoundException))
	needs.Stream = ""
	require.ErrorContains(t, check(nil), "neither Stream nor Consumer")
}

func TestFromErrorReadsWhatServicesSay(t *testing.T) {
	const session = "arn:aws:sts::123456789012:assumed-role/ship-orders/x"
	for _, c := range []struct{ code, message, action, resource, reason string }{
		{"AuthorizationError", "User: " + session + " is not authorized to perform: SNS:Publish on resource: arn:aws:sns:us-east-1:123456789012:t because no identity-based policy allows the SNS:Publish action", "SNS:Publish", "arn:aws:sns:us-east-1:123456789012:t", "because no identity-based policy allows the SNS:Publish action"},
		{"AccessDenied", "User: " + session + " is not authorized to perform: sqs:SendMessage on resource: " + queueARN + " with an explicit deny in a resource-based policy", "sqs:SendMessage", queueARN, "with an explicit deny in a resource-based policy"},
		{"AccessDenied", "User: " + session + " is not authorized to perform: sts:AssumeRole because no role trust policy allows the sts:AssumeRole action", "sts:AssumeRole", "", "because no role trust policy allows the sts:AssumeRole action"},
		{"AccessDeniedException", "User: " + session + " is not authorized to perform: kinesis:GetRecords on resource: " + ordersARN, "kinesis:GetRecords", ordersARN, ""},
		{"AccessDenied", "Access Denied", "", "", ""},
	} {
		e, ok := role.FromError(fmt.Errorf("around: %w", &smithy.GenericAPIError{Code: c.code, Message: c.message}))
		require.True(t, ok)
		assert.Equal(t, [4]string{c.message, c.action, c.resource, c.reason}, [4]string{e.Message, e.Action, e.Resource, e.Reason})
	}
	_, ok := role.FromError(&smithy.GenericAPIError{Code: "ThrottlingException"})
	assert.False(t, ok)
	_, ok = role.FromError(nil)
	assert.False(t, ok)
}

// oldListing is a Kinesis whose listing has a shard that is gone, and that is sparing with members.
type oldListing struct {
	*kinesistest.Client
	shard    string
	iterator *string
}

func (s oldListing) ListShards(ctx context.Context, in *kinesis.ListShardsInput, opts ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	out, err := s.Client.ListShards(ctx, in, opts...)
	if err == nil {
		out.Shards[0].ShardId = &s.shard
	}
	return out, err
}

func (s oldListing) GetShardIterator(ctx context.Context, in *kinesis.GetShardIteratorInput, opts ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error) {
	out, err := s.Client.GetShardIterator(ctx, in, opts...)
	if err == nil && s.iterator != nil {
		out.ShardIterator = s.iterator
	}
	return out, err
}

// SubscribeToShard refuses as the service does, and grants without an answer.
func (s oldListing) SubscribeToShard(context.Context, *kinesis.SubscribeToShardInput, ...func(*kinesis.Options)) (*kinesis.SubscribeToShardOutput, error) {
	if s.shard != "shardId-000000000000" {
		return nil, &types.ResourceNotFoundException{Message: new("Shard " + s.shard + " in stream orders under account 123456789012 does not exist")}
	}
	return nil, nil
}

// TestAShardThatLeftSinceItWasListedIsNoMissingStream: the mapping would end with its start.
func TestAShardThatLeftSinceItWasListedIsNoMissingStream(t *testing.T) {
	service := kinesistest.New(kinesistest.Config{})
	orders, err := service.CreateStream("orders", 1)
	require.NoError(t, err)
	polled := role.Needs{Stream: orders.ARN()}
	pushed := role.Needs{Consumer: orders.ARN() + "/consumer/shipping:1700000000", FallBackToPolling: true}
	for _, client := range []oldListing{
		{Client: service.Client(), shard: "shardId-000000000007"},
		{Client: service.Client(), shard: "shardId-000000000000"},
		{Client: service.Client(), shard: "shardId-000000000000", iterator: new("")},
	} {
		require.NoError(t, role.CheckSource(t.Context(), client, polled))
		require.NoError(t, role.CheckSource(t.Context(), client, pushed))
	}
	err = role.CheckSource(t.Context(), service.Client(), role.Needs{Stream: orders.ARN() + "s"})
	require.ErrorAs(t, err, new(*types.ResourceNotFoundException))
}
