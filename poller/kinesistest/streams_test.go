package kinesistest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

// onBoth runs a test against the Client, and against the SDK over HTTP.
func onBoth(t *testing.T, config kinesistest.Config, test func(t *testing.T, s *kinesistest.Service, c api)) {
	t.Run("Client", func(t *testing.T) {
		s := kinesistest.New(config)
		test(t, s, s.Client())
	})
	t.Run("Server", func(t *testing.T) {
		s := kinesistest.New(config)
		server := kinesistest.NewServer(s)
		t.Cleanup(server.Close)
		test(t, s, kinesis.NewFromConfig(server.Config(), func(o *kinesis.Options) { o.Retryer = aws.NopRetryer{} }))
	})
}

func TestStreamLifeCycle(t *testing.T) {
	onBoth(t, kinesistest.Config{Account: "000000000000", Region: "eu-west-1"}, func(t *testing.T, s *kinesistest.Service, c api) {
		_, err := c.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: new("orders"), ShardCount: new(int32(2))})
		require.NoError(t, err)
		_, err = c.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: new("orders"), ShardCount: new(int32(2))})
		requireAPIError(t, err, "ResourceInUseException", "Stream orders under account 000000000000 already exists.")

		out, err := c.DescribeStream(t.Context(), &kinesis.DescribeStreamInput{StreamARN: new("arn:aws:kinesis:eu-west-1:000000000000:stream/orders")})
		require.NoError(t, err)
		d := out.StreamDescription
		assert.Equal(t, types.StreamStatusActive, d.StreamStatus, "at once")
		assert.Equal(t, "orders", *d.StreamName)
		assert.Equal(t, s.Stream("orders").ARN(), *d.StreamARN)
		assert.EqualValues(t, 24, *d.RetentionPeriodHours)
		assert.WithinDuration(t, time.Now(), *d.StreamCreationTimestamp, time.Minute)
		assert.False(t, *d.HasMoreShards)
		require.Len(t, d.Shards, 2)
		assert.Equal(t, "170141183460469231731687303715884105727", *d.Shards[0].HashKeyRange.EndingHashKey)
		assert.Equal(t, "170141183460469231731687303715884105728", *d.Shards[1].HashKeyRange.StartingHashKey)
		assert.Equal(t, "340282366920938463463374607431768211455", *d.Shards[1].HashKeyRange.EndingHashKey)
		assert.Len(t, *d.Shards[0].SequenceNumberRange.StartingSequenceNumber, 56)
		assert.Nil(t, d.Shards[0].SequenceNumberRange.EndingSequenceNumber)

		_, err = c.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: new("orders")})
		require.NoError(t, err)
		_, err = c.DescribeStream(t.Context(), &kinesis.DescribeStreamInput{StreamName: new("orders")})
		requireAPIError(t, err, "ResourceNotFoundException", "Stream orders under account 000000000000 not found.")
	})
}

func TestStreamSettings(t *testing.T) {
	onBoth(t, kinesistest.Config{}, func(t *testing.T, _ *kinesistest.Service, c api) {
		_, err := c.CreateStream(t.Context(), &kinesis.CreateStreamInput{
			StreamName: new("orders"), MaxRecordSizeInKiB: new(int32(10240)),
			StreamModeDetails:          &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand},
			RecordDistributionStrategy: types.RecordDistributionStrategyAuto,
		})
		require.NoError(t, err)
		out, err := c.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: new("orders")})
		require.NoError(t, err)
		d := out.StreamDescriptionSummary
		assert.EqualValues(t, 4, *d.OpenShardCount)
		assert.EqualValues(t, 10240, *d.MaxRecordSizeInKiB)
		assert.Equal(t, types.StreamModeOnDemand, d.StreamModeDetails.StreamMode)
		assert.Equal(t, types.RecordDistributionStrategyAuto, d.RecordDistributionStrategy)
	})
}

func TestStreamsThatAreRefused(t *testing.T) {
	tests := []struct {
		name    string
		in      kinesis.CreateStreamInput
		code    string
		message string
	}{
		{"no name", kinesis.CreateStreamInput{ShardCount: new(int32(1))}, "ValidationException", "'streamName'"},
		{"bad name", kinesis.CreateStreamInput{StreamName: new("a b"), ShardCount: new(int32(1))}, "ValidationException", "[a-zA-Z0-9_.-]+"},
		{"no shard count", kinesis.CreateStreamInput{StreamName: new("a")}, "InvalidArgumentException", "ShardCount"},
		{"shard count", kinesis.CreateStreamInput{StreamName: new("a"), ShardCount: new(int32(0))}, "ValidationException", "greater than or equal to 1"},
		{"record size", kinesis.CreateStreamInput{StreamName: new("a"), ShardCount: new(int32(1)), MaxRecordSizeInKiB: new(int32(10241))}, "ValidationException", "less than or equal to 10240"},
		{"distribution", kinesis.CreateStreamInput{StreamName: new("a"), ShardCount: new(int32(1)), RecordDistributionStrategy: "AUTO"}, "InvalidArgumentException", "PROVISIONED"},
		{"mode", kinesis.CreateStreamInput{StreamName: new("a"), StreamModeDetails: &types.StreamModeDetails{StreamMode: "X"}}, "ValidationException", "[PROVISIONED, ON_DEMAND]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := kinesistest.New(kinesistest.Config{}).Client().CreateStream(t.Context(), &tt.in)
			requireAPIError(t, err, tt.code, tt.message)
		})
	}
}

func TestStreamsAreNamedByNameOrARN(t *testing.T) {
	s, orders := newOrders(t, kinesistest.Config{}, 1)
	tests := []struct {
		name      string
		byName    *string
		byARN     *string
		code, msg string
	}{
		{"name", new("orders"), nil, "", ""},
		{"ARN", nil, new(orders.ARN()), "", ""},
		{"both", new("orders"), new(orders.ARN()), "", ""},
		{"neither", nil, nil, "InvalidArgumentException", "Either StreamName or StreamARN"},
		{"contradiction", new("others"), new(orders.ARN()), "InvalidArgumentException", "does not belong to stream others"},
		{"other account", nil, new("arn:aws:kinesis:us-east-1:999999999999:stream/orders"), "ResourceNotFoundException", "under account 999999999999 not found"},
		{"other region", nil, new("arn:aws:kinesis:eu-west-1:123456789012:stream/orders"), "ResourceNotFoundException", "not found"},
		{"no ARN of a stream", nil, new("arn:aws:sqs:us-east-1:123456789012:orders"), "ValidationException", "streamARN"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.Client().DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: tt.byName, StreamARN: tt.byARN})
			if tt.code == "" {
				require.NoError(t, err)
				return
			}
			requireAPIError(t, err, tt.code, tt.msg)
		})
	}
}

func TestListStreamsPages(t *testing.T) {
	onBoth(t, kinesistest.Config{}, func(t *testing.T, s *kinesistest.Service, c api) {
		for i := range 5 {
			_, err := s.CreateStream(fmt.Sprintf("s%d", i), 1)
			require.NoError(t, err)
		}
		out, err := c.ListStreams(t.Context(), &kinesis.ListStreamsInput{Limit: new(int32(2))})
		require.NoError(t, err)
		assert.Equal(t, []string{"s0", "s1"}, out.StreamNames)
		assert.True(t, *out.HasMoreStreams)
		out, err = c.ListStreams(t.Context(), &kinesis.ListStreamsInput{NextToken: out.NextToken})
		require.NoError(t, err)
		assert.Equal(t, []string{"s2", "s3", "s4"}, out.StreamNames)
		assert.False(t, *out.HasMoreStreams)
		assert.Equal(t, s.Stream("s2").ARN(), *out.StreamSummaries[0].StreamARN)
		out, err = c.ListStreams(t.Context(), &kinesis.ListStreamsInput{ExclusiveStartStreamName: new("s3")})
		require.NoError(t, err)
		assert.Equal(t, []string{"s4"}, out.StreamNames)
		_, err = c.ListStreams(t.Context(), &kinesis.ListStreamsInput{NextToken: new("x")})
		requireAPIError(t, err, "InvalidArgumentException", "NextToken")
	})
}

func TestTransitionsTakeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, orders := newOrders(t, kinesistest.Config{TransitionTime: time.Second}, 1)
		c := s.Client()
		status := func() types.StreamStatus {
			out, err := c.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: new("orders")})
			require.NoError(t, err)
			return out.StreamDescriptionSummary.StreamStatus
		}
		assert.Equal(t, types.StreamStatusCreating, status())
		_, _, err := orders.Put("k", nil)
		require.ErrorContains(t, err, "Stream orders under account 123456789012 not found.")
		_, err = c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("orders")})
		requireAPIError(t, err, "ResourceInUseException", "Stream orders under account 123456789012 not ACTIVE or UPDATING, instead in state CREATING")

		sleep(t.Context(), time.Second)
		assert.Equal(t, types.StreamStatusActive, status())
		_, _, err = orders.Split(shard0)
		require.NoError(t, err)
		assert.Equal(t, types.StreamStatusUpdating, status())
		_, _, err = orders.Put("k", nil)
		require.NoError(t, err)
		_, _, err = orders.Split(shard1)
		require.ErrorContains(t, err, "Stream orders under account 123456789012 not ACTIVE, instead in state UPDATING")

		sleep(t.Context(), time.Second)
		_, err = c.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: new("orders")})
		require.NoError(t, err)
		assert.Equal(t, types.StreamStatusDeleting, status())
		_, err = c.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: new("orders")})
		requireAPIError(t, err, "ResourceInUseException", "DELETING")
		sleep(t.Context(), time.Second)
		out, err := c.ListStreams(t.Context(), &kinesis.ListStreamsInput{})
		require.NoError(t, err)
		assert.Empty(t, out.StreamNames)
	})
}

func TestDescribeStreamPages(t *testing.T) {
	s, _ := newOrders(t, kinesistest.Config{}, 130)
	in := &kinesis.DescribeStreamInput{StreamName: new("orders")}
	out, err := s.Client().DescribeStream(t.Context(), in)
	require.NoError(t, err)
	assert.Len(t, out.StreamDescription.Shards, 100)
	assert.True(t, *out.StreamDescription.HasMoreShards)
	in.ExclusiveStartShardId = out.StreamDescription.Shards[99].ShardId
	out, err = s.Client().DescribeStream(t.Context(), in)
	require.NoError(t, err)
	assert.Len(t, out.StreamDescription.Shards, 30)
	assert.False(t, *out.StreamDescription.HasMoreShards)
}

func TestRetentionTrimsRecordsAndShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, orders := newOrders(t, kinesistest.Config{NoLimits: true}, 1)
		c := s.Client()
		numbers := put(t, orders, shard0, "a", "b")
		old := iteratorOf(t, c, kinesis.GetShardIteratorInput{ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: &numbers[0]})
		sleep(t.Context(), 23*time.Hour+58*time.Minute)
		put(t, orders, shard0, "c")
		fresh := iteratorOf(t, c, kinesis.GetShardIteratorInput{ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: &numbers[0]})
		assert.Equal(t, []string{"a", "b", "c"}, dataOf(read(t, c, horizonOf(t, c, shard0))))
		sleep(t.Context(), 2*time.Minute)

		assert.Equal(t, []string{"c"}, dataOf(read(t, c, fresh)), "an iterator at a trimmed record goes on at the trim horizon")
		for _, kind := range []types.ShardIteratorType{"AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"} {
			it := iteratorOf(t, c, kinesis.GetShardIteratorInput{ShardIteratorType: kind, StartingSequenceNumber: &numbers[0]})
			assert.Equal(t, []string{"c"}, dataOf(read(t, c, it)), kind)
		}
		_, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: old})
		requireAPIError(t, err, "ExpiredIteratorException", "")

		low, high, err := orders.Split(shard0)
		require.NoError(t, err)
		it := horizonOf(t, c, shard0)
		sleep(t.Context(), 24*time.Hour-time.Second)
		assert.Len(t, orders.Shards(), 3)
		it2 := horizonOf(t, c, shard0)
		sleep(t.Context(), time.Second)
		shards := orders.Shards()
		require.Len(t, shards, 2, "the closed shard has left the stream")
		assert.Equal(t, []string{low, high}, []string{*shards[0].ShardId, *shards[1].ShardId})
		assert.Equal(t, shard0, *shards[0].ParentShardId, "but is still named")
		_, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it2})
		requireAPIError(t, err, "ResourceNotFoundException", "Shard shardId-000000000000 in stream orders under account 123456789012 does not exist")
		_, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
		requireAPIError(t, err, "ExpiredIteratorException", "")
	})
}

func TestRetentionPeriod(t *testing.T) {
	onBoth(t, kinesistest.Config{}, func(t *testing.T, s *kinesistest.Service, c api) {
		_, err := s.CreateStream("orders", 1)
		require.NoError(t, err)
		increase := func(hours int32) error {
			_, err := c.IncreaseStreamRetentionPeriod(t.Context(), &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: new("orders"), RetentionPeriodHours: &hours})
			return err
		}
		decrease := func(hours int32) error {
			_, err := c.DecreaseStreamRetentionPeriod(t.Context(), &kinesis.DecreaseStreamRetentionPeriodInput{StreamName: new("orders"), RetentionPeriodHours: &hours})
			return err
		}
		require.NoError(t, increase(8760))
		requireAPIError(t, increase(8761), "InvalidArgumentException", "Requested retention period (8761 hours) is too long.")
		requireAPIError(t, increase(100), "InvalidArgumentException", "can not be shorter than existing retention period (8760 hours). Use DecreaseRetentionPeriod API.")
		require.NoError(t, decrease(24))
		requireAPIError(t, decrease(23), "InvalidArgumentException", "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.")
		requireAPIError(t, decrease(48), "InvalidArgumentException", "can not be longer than existing retention period (24 hours). Use IncreaseRetentionPeriod API.")
		out, err := c.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: new("orders")})
		require.NoError(t, err)
		assert.EqualValues(t, 24, *out.StreamDescriptionSummary.RetentionPeriodHours)
	})
}

func TestLongNamesAreRefused(t *testing.T) {
	_, err := kinesistest.New(kinesistest.Config{}).CreateStream(strings.Repeat("x", 129), 1)
	require.ErrorContains(t, err, "streamName")
}
