package kinesistest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

func idsOf(shards []types.Shard) []string {
	out := []string{}
	for _, sh := range shards {
		out = append(out, *sh.ShardId)
	}
	return out
}

func TestSplitAndMerge(t *testing.T) {
	onBoth(t, kinesistest.Config{}, func(t *testing.T, s *kinesistest.Service, c api) {
		orders, err := s.CreateStream("orders", 1)
		require.NoError(t, err)
		_, err = c.SplitShard(t.Context(), &kinesis.SplitShardInput{StreamName: new("orders"), ShardToSplit: new(shard0), NewStartingHashKey: new("1000")})
		require.NoError(t, err)
		_, err = c.MergeShards(t.Context(), &kinesis.MergeShardsInput{StreamARN: new(orders.ARN()), ShardToMerge: new(shard2), AdjacentShardToMerge: new(shard1)})
		require.NoError(t, err)

		out, err := c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("orders")})
		require.NoError(t, err)
		require.Equal(t, []string{shard0, shard1, shard2, shard3}, idsOf(out.Shards))
		first, low, high, merged := out.Shards[0], out.Shards[1], out.Shards[2], out.Shards[3]
		assert.Equal(t, "999", *low.HashKeyRange.EndingHashKey)
		assert.Equal(t, "1000", *high.HashKeyRange.StartingHashKey)
		assert.Equal(t, shard0, *low.ParentShardId)
		assert.Nil(t, low.AdjacentParentShardId)
		assert.Equal(t, shard2, *merged.ParentShardId)
		assert.Equal(t, shard1, *merged.AdjacentParentShardId)
		assert.Equal(t, *first.HashKeyRange, *merged.HashKeyRange)
		assert.NotNil(t, first.SequenceNumberRange.EndingSequenceNumber)
		assert.NotNil(t, high.SequenceNumberRange.EndingSequenceNumber)
		assert.Nil(t, merged.SequenceNumberRange.EndingSequenceNumber)
		assert.Less(t, *first.SequenceNumberRange.EndingSequenceNumber, *low.SequenceNumberRange.StartingSequenceNumber)
		assert.Less(t, *high.SequenceNumberRange.EndingSequenceNumber, *merged.SequenceNumberRange.StartingSequenceNumber)
	})
}

func TestReshardsThatAreRefused(t *testing.T) {
	s, orders := newOrders(t, kinesistest.Config{}, 3)
	_, _, err := orders.Split(shard0)
	require.NoError(t, err)
	c := s.Client()
	split := func(shard, key string) error {
		_, err := c.SplitShard(t.Context(), &kinesis.SplitShardInput{StreamName: new("orders"), ShardToSplit: &shard, NewStartingHashKey: &key})
		return err
	}
	merge := func(one, other string) error {
		_, err := c.MergeShards(t.Context(), &kinesis.MergeShardsInput{StreamName: new("orders"), ShardToMerge: &one, AdjacentShardToMerge: &other})
		return err
	}
	requireAPIError(t, split(shard0, "1000"), "InvalidArgumentException",
		"Shard shardId-000000000000 in stream orders under account 123456789012 has already been merged or split, and thus is not eligible for merging or splitting.")
	requireAPIError(t, split("shardId-000000000099", "1000"), "ResourceNotFoundException",
		"Could not find shard shardId-000000000099 in stream orders under account 123456789012.")
	requireAPIError(t, split(shard1, "1000"), "InvalidArgumentException", "NewStartingHashKey 1000 used in SplitShard() on shard shardId-000000000001")
	requireAPIError(t, split(shard1, "0x10"), "ValidationException", "newStartingHashKey")
	requireAPIError(t, merge(shard1, shard3), "InvalidArgumentException", "are not an adjacent pair of shards eligible for merging")
	requireAPIError(t, merge(shard0, shard1), "InvalidArgumentException", "has already been merged or split")
	requireAPIError(t, merge(shard1, shard1), "InvalidArgumentException", "are not an adjacent pair of shards eligible for merging")
	_, err = c.SplitShard(t.Context(), &kinesis.SplitShardInput{StreamName: new("orders")})
	requireAPIError(t, err, "ValidationException", "shardToSplit")
	_, err = c.MergeShards(t.Context(), nil)
	requireAPIError(t, err, "ValidationException", "shardToMerge")
}

func TestListShardsPages(t *testing.T) {
	onBoth(t, kinesistest.Config{}, func(t *testing.T, s *kinesistest.Service, c api) {
		orders, err := s.CreateStream("orders", 3)
		require.NoError(t, err)
		in := &kinesis.ListShardsInput{StreamName: new("orders"), MaxResults: new(int32(2))}
		out, err := c.ListShards(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, []string{shard0, shard1}, idsOf(out.Shards))
		token := out.NextToken
		for member, in := range map[string]kinesis.ListShardsInput{
			"StreamName":              {StreamName: new("orders")},
			"StreamARN":               {StreamARN: new(orders.ARN())},
			"ExclusiveStartShardId":   {ExclusiveStartShardId: new(shard0)},
			"StreamCreationTimestamp": {StreamCreationTimestamp: new(time.Unix(1, 0))},
			"ShardFilter":             {ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtLatest}},
		} {
			in.NextToken = token
			_, err = c.ListShards(t.Context(), &in)
			requireAPIError(t, err, "InvalidArgumentException", "NextToken and "+member+" cannot be provided together.")
		}
		out, err = c.ListShards(t.Context(), &kinesis.ListShardsInput{NextToken: token})
		require.NoError(t, err)
		assert.Equal(t, []string{shard2}, idsOf(out.Shards))
		assert.Nil(t, out.NextToken)
		out, err = c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamARN: new(orders.ARN()), ExclusiveStartShardId: new(shard0)})
		require.NoError(t, err)
		assert.Equal(t, []string{shard1, shard2}, idsOf(out.Shards))
		_, err = c.ListShards(t.Context(), &kinesis.ListShardsInput{})
		requireAPIError(t, err, "InvalidArgumentException", "Either NextToken or StreamName should be provided.")
		_, err = c.ListShards(t.Context(), &kinesis.ListShardsInput{NextToken: new("x")})
		requireAPIError(t, err, "InvalidArgumentException", "Invalid NextToken.")
	})
}

func TestListShardsPageHoldsAThousand(t *testing.T) {
	s, _ := newOrders(t, kinesistest.Config{}, 1001)
	out, err := s.Client().ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("orders")})
	require.NoError(t, err)
	assert.Len(t, out.Shards, 1000)
	out, err = s.Client().ListShards(t.Context(), &kinesis.ListShardsInput{NextToken: out.NextToken})
	require.NoError(t, err)
	assert.Len(t, out.Shards, 1)
}

func TestNextTokenExpiresAfter300Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newOrders(t, kinesistest.Config{}, 2)
		out, err := s.Client().ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("orders"), MaxResults: new(int32(1))})
		require.NoError(t, err)
		sleep(t.Context(), 300*time.Second)
		_, err = s.Client().ListShards(t.Context(), &kinesis.ListShardsInput{NextToken: out.NextToken})
		require.NoError(t, err)
		sleep(t.Context(), time.Second)
		_, err = s.Client().ListShards(t.Context(), &kinesis.ListShardsInput{NextToken: out.NextToken})
		var expired *types.ExpiredNextTokenException
		require.ErrorAs(t, err, &expired)
	})
}

func TestShardFilter(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := start
	onBoth(t, kinesistest.Config{Now: func() time.Time { return now }}, func(t *testing.T, s *kinesistest.Service, c api) {
		now = start
		orders, err := s.CreateStream("orders", 2) // 0 and 1, 0 is split into 2 and 3 after an hour
		require.NoError(t, err)
		now = start.Add(time.Hour)
		_, _, err = orders.Split(shard0)
		require.NoError(t, err)
		now = start.Add(2 * time.Hour)

		all := []string{shard0, shard1, shard2, shard3}
		tests := []struct {
			name   string
			filter types.ShardFilter
			want   []string
		}{
			{"from trim horizon", types.ShardFilter{Type: "FROM_TRIM_HORIZON"}, all},
			{"at trim horizon", types.ShardFilter{Type: "AT_TRIM_HORIZON"}, []string{shard0, shard1}},
			{"at latest", types.ShardFilter{Type: "AT_LATEST"}, []string{shard1, shard2, shard3}},
			{"after a shard", types.ShardFilter{Type: "AFTER_SHARD_ID", ShardId: new(shard1)}, []string{shard2, shard3}},
			{"at a time before the split", types.ShardFilter{Type: "AT_TIMESTAMP", Timestamp: new(start.Add(time.Minute))}, []string{shard0, shard1}},
			{"at a time behind the split", types.ShardFilter{Type: "AT_TIMESTAMP", Timestamp: new(start.Add(61 * time.Minute))}, []string{shard1, shard2, shard3}},
			{"from a time before the split", types.ShardFilter{Type: "FROM_TIMESTAMP", Timestamp: new(start.Add(time.Minute))}, all},
			{"from a time behind the split", types.ShardFilter{Type: "FROM_TIMESTAMP", Timestamp: new(start.Add(61 * time.Minute))}, []string{shard1, shard2, shard3}},
		}
		for _, tt := range tests {
			out, err := c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("orders"), ShardFilter: &tt.filter})
			require.NoError(t, err, tt.name)
			assert.Equal(t, tt.want, idsOf(out.Shards), tt.name)

			var paged []string // the filter goes on over pages
			in := &kinesis.ListShardsInput{StreamName: new("orders"), ShardFilter: &tt.filter, MaxResults: new(int32(1))}
			for {
				out, err := c.ListShards(t.Context(), in)
				require.NoError(t, err, tt.name)
				paged = append(paged, idsOf(out.Shards)...)
				if out.NextToken == nil {
					break
				}
				in = &kinesis.ListShardsInput{NextToken: out.NextToken, MaxResults: in.MaxResults}
			}
			assert.Equal(t, tt.want, paged, tt.name)
		}
		for _, bad := range []types.ShardFilter{{Type: "AT_TIMESTAMP"}, {Type: "AFTER_SHARD_ID"}, {Type: "AT_LATEST", ShardId: new(shard0)}} {
			_, err := c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("orders"), ShardFilter: &bad})
			requireAPIError(t, err, "InvalidArgumentException", "ShardFilter needs")
		}
		_, err = c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("orders"), ShardFilter: &types.ShardFilter{Type: "X"}})
		requireAPIError(t, err, "ValidationException", "AT_TRIM_HORIZON")
	})
}

func TestStreamCreationTimestamp(t *testing.T) {
	onBoth(t, kinesistest.Config{}, func(t *testing.T, s *kinesistest.Service, c api) {
		_, err := s.CreateStream("orders", 1)
		require.NoError(t, err)
		d, err := c.DescribeStream(t.Context(), &kinesis.DescribeStreamInput{StreamName: new("orders")})
		require.NoError(t, err)
		in := &kinesis.ListShardsInput{StreamName: new("orders"), StreamCreationTimestamp: d.StreamDescription.StreamCreationTimestamp}
		_, err = c.ListShards(t.Context(), in)
		require.NoError(t, err)
		in.StreamCreationTimestamp = new(time.Unix(1, 0))
		_, err = c.ListShards(t.Context(), in)
		requireAPIError(t, err, "ResourceNotFoundException", "")
	})
}
