package kinesistest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

func TestThrottleTheNextCalls(t *testing.T) {
	onBoth(t, kinesistest.Config{}, func(t *testing.T, s *kinesistest.Service, c api) {
		_, err := s.CreateStream("orders", 1)
		require.NoError(t, err)
		it := horizonOf(t, c, shard0)
		s.Throttle(kinesistest.GetRecords, 2)
		s.Throttle(kinesistest.GetRecords, 0)
		for range 2 {
			_, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
			requireAPIError(t, err, "ProvisionedThroughputExceededException",
				"Rate exceeded for shard shardId-000000000000 in stream orders under account 123456789012.")
			var response *awshttp.ResponseError
			require.ErrorAs(t, err, &response)
			assert.Equal(t, http.StatusBadRequest, response.HTTPStatusCode())
			assert.NotEmpty(t, response.ServiceRequestID())
		}
		read(t, c, it)

		s.Throttle(kinesistest.DescribeStreamSummary, 1)
		_, err = c.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: new("orders")})
		requireAPIError(t, err, "LimitExceededException", "Rate exceeded for stream orders under account 123456789012.")
		s.Throttle(kinesistest.ListStreams, 1)
		_, err = c.ListStreams(t.Context(), &kinesis.ListStreamsInput{})
		requireAPIError(t, err, "LimitExceededException", "Rate exceeded for account 123456789012.")
		s.Throttle(kinesistest.PutRecord, 1)
		_, err = c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: new("orders"), PartitionKey: new("k"), Data: []byte("x")})
		requireAPIError(t, err, "ProvisionedThroughputExceededException", "Rate exceeded for shard shardId-000000000000")
	})
}

func TestFaultsOfOneShard(t *testing.T) {
	s, _ := newOrders(t, kinesistest.Config{}, 2)
	c := s.Client()
	first, second := horizonOf(t, c, shard0), horizonOf(t, c, shard1)
	s.Inject(kinesistest.Fault{Op: kinesistest.GetRecords, Stream: "orders", Shard: shard1, Times: -1, Throttle: true})
	s.Inject(kinesistest.Fault{Op: kinesistest.GetRecords, Stream: "others", Times: -1, Throttle: true})
	for range 3 {
		read(t, c, first)
		_, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: second})
		requireAPIError(t, err, "ProvisionedThroughputExceededException", shard1)
	}
	s.ClearFaults()
	read(t, c, second)
}

func TestFailTheNextCalls(t *testing.T) {
	onBoth(t, kinesistest.Config{}, func(t *testing.T, s *kinesistest.Service, c api) {
		list := func() error {
			_, err := c.ListStreams(t.Context(), &kinesis.ListStreamsInput{})
			return err
		}
		s.Fail(kinesistest.ListStreams, &types.KMSThrottlingException{Message: new("slow down")}, 1)
		var typed *types.KMSThrottlingException
		require.ErrorAs(t, list(), &typed)
		assert.Equal(t, "slow down", *typed.Message)

		s.Fail(kinesistest.ListStreams, &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no"}, 1)
		requireAPIError(t, list(), "AccessDeniedException", "no")

		s.Fail(kinesistest.ListStreams, &smithy.GenericAPIError{Code: "ServiceUnavailable", Message: "later", Fault: smithy.FaultServer}, 1)
		err := list()
		requireAPIError(t, err, "ServiceUnavailable", "later")
		var response *awshttp.ResponseError
		require.ErrorAs(t, err, &response)
		assert.Equal(t, http.StatusInternalServerError, response.HTTPStatusCode())
		require.NoError(t, list())
	})
}

func TestOtherErrors(t *testing.T) {
	broken := errors.New("cable cut")
	s := kinesistest.New(kinesistest.Config{})
	s.Fail("", broken, 1)
	_, err := s.Client().ListStreams(t.Context(), nil)
	require.ErrorIs(t, err, broken)
	var connection interface{ ConnectionError() bool }
	require.ErrorAs(t, err, &connection, "a broken connection to users of a Client")

	server := kinesistest.NewServer(s)
	t.Cleanup(server.Close)
	s.Fail("", broken, 1)
	_, err = kinesis.NewFromConfig(server.Config(), func(o *kinesis.Options) { o.Retryer = aws.NopRetryer{} }).ListStreams(t.Context(), nil)
	requireAPIError(t, err, "InternalFailure", "cable cut")
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := kinesistest.New(kinesistest.Config{})
		s.Delay(kinesistest.ListStreams, time.Minute, 2)
		start := time.Now()
		_, err := s.Client().ListStreams(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, time.Minute, time.Since(start))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = s.Client().ListStreams(ctx, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var canceled *aws.RequestCanceledError
		require.ErrorAs(t, err, &canceled)
		assert.Equal(t, time.Minute+time.Second, time.Since(start))
	})
}

func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := kinesistest.New(kinesistest.Config{})
		s.Inject(kinesistest.Fault{Hang: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := s.Client().ListStreams(ctx, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = s.Client().ListStreams(t.Context(), nil)
		require.NoError(t, err)
		_, err = s.Client().ListStreams(ctx, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded, "a context that has ended")
	})
}

func TestEmptyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, orders := newOrders(t, kinesistest.Config{}, 1)
		put(t, orders, shard0, "a")
		sleep(t.Context(), time.Second)
		it := horizonOf(t, s.Client(), shard0)
		s.EmptyReads(2)
		for range 2 {
			page := read(t, s.Client(), it)
			assert.Empty(t, page.Records)
			assert.EqualValues(t, 1000, *page.MillisBehindLatest, "it is behind all the same")
			it = page.NextShardIterator
		}
		assert.Equal(t, []string{"a"}, dataOf(read(t, s.Client(), it)))
	})
}

func TestOnCallSeesAndFailsCalls(t *testing.T) {
	var seen []kinesistest.Call
	var answer error
	s, orders := newOrders(t, kinesistest.Config{OnCall: func(c kinesistest.Call) error {
		seen = append(seen, c)
		return answer
	}}, 1)
	it := horizonOf(t, s.Client(), shard0)
	read(t, s.Client(), it)
	_, err := s.Client().ListShards(t.Context(), &kinesis.ListShardsInput{StreamARN: new(orders.ARN())})
	require.NoError(t, err)
	require.Len(t, seen, 3)
	for i, op := range []kinesistest.Op{kinesistest.GetShardIterator, kinesistest.GetRecords, kinesistest.ListShards} {
		assert.Equal(t, op, seen[i].Op)
		assert.Equal(t, "orders", seen[i].Stream)
	}
	assert.Equal(t, shard0, seen[1].Shard)
	answer = &types.ResourceNotFoundException{Message: new("gone")}
	_, err = s.Client().GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
	requireAPIError(t, err, "ResourceNotFoundException", "gone")
}

func TestCallsShowTheCadence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, orders := newOrders(t, kinesistest.Config{}, 1)
		put(t, orders, shard0, "a", "b")
		it := horizonOf(t, s.Client(), shard0)
		s.ClearCalls()
		start := time.Now()
		for range 3 {
			read(t, s.Client(), it)
			sleep(t.Context(), time.Second)
		}
		_, err := s.Client().GetRecords(t.Context(), &kinesis.GetRecordsInput{})
		require.Error(t, err)
		calls := s.Calls(kinesistest.GetRecords)
		require.Len(t, calls, 4)
		for i, c := range calls[:3] {
			assert.Equal(t, kinesistest.Call{
				Op: kinesistest.GetRecords, Stream: "orders", Shard: shard0, Records: 2, Time: start.Add(time.Duration(i) * time.Second),
			}, c)
		}
		assert.Error(t, calls[3].Err)
		assert.Empty(t, s.Calls(kinesistest.PutRecord))
		assert.Len(t, s.Calls(), 4)
	})
}

func TestClientTellsTheServiceTime(t *testing.T) {
	when := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	onBoth(t, kinesistest.Config{Now: func() time.Time { return when }}, func(t *testing.T, _ *kinesistest.Service, c api) {
		out, err := c.ListStreams(t.Context(), &kinesis.ListStreamsInput{})
		require.NoError(t, err)
		got, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
		require.True(t, ok)
		assert.True(t, when.Equal(got), "got %s, want %s", got, when)
		id, ok := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
		assert.True(t, ok)
		assert.NotEmpty(t, id)
	})
}
