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

// openOf returns the open ones of shards.
func openOf(shards []types.Shard) []types.Shard {
	var open []types.Shard
	for _, sh := range shards {
		if sh.SequenceNumberRange.EndingSequenceNumber == nil {
			open = append(open, sh)
		}
	}
	return open
}

func TestUpdateShardCount(t *testing.T) {
	onBoth(t, kinesistest.Config{}, func(t *testing.T, s *kinesistest.Service, c api) {
		orders, err := s.CreateStream("orders", 2)
		require.NoError(t, err)
		out, err := c.UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{
			StreamARN: new(orders.ARN()), ScalingType: "UNIFORM_SCALING", TargetShardCount: new(int32(4)),
		})
		require.NoError(t, err)
		assert.Equal(t, "orders", *out.StreamName)
		assert.Equal(t, orders.ARN(), *out.StreamARN)
		assert.EqualValues(t, 2, *out.CurrentShardCount)
		assert.EqualValues(t, 4, *out.TargetShardCount)

		shards := orders.Shards()
		require.Len(t, shards, 6, "two splits")
		for i, parent := range []string{shard0, shard0, shard1, shard1} {
			assert.Equal(t, parent, *shards[2+i].ParentShardId)
			assert.Nil(t, shards[2+i].AdjacentParentShardId)
		}
		assert.Equal(t, "85070591730234615865843651857942052864", *shards[3].HashKeyRange.StartingHashKey)

		_, err = c.UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{
			StreamName: new("orders"), ScalingType: "UNIFORM_SCALING", TargetShardCount: new(int32(2)),
		})
		require.NoError(t, err)
		shards = orders.Shards()
		require.Len(t, shards, 8, "two merges")
		assert.Equal(t, shard2, *shards[6].ParentShardId)
		assert.Equal(t, shard3, *shards[6].AdjacentParentShardId)
		assert.Equal(t, *shards[0].HashKeyRange, *shards[6].HashKeyRange)
		assert.Len(t, openOf(shards), 2)
	})
}

func TestUpdateShardCountLeavesShortLivedShards(t *testing.T) {
	_, orders := newOrders(t, kinesistest.Config{}, 2)
	put(t, orders, shard0, "before")
	require.NoError(t, orders.UpdateShardCount(3))
	shards := orders.Shards()
	require.Equal(t, 7, len(shards), "two shards, each split at a third, and the inner pieces merged")
	merged := shards[6]
	assert.Equal(t, *shards[3].ShardId, *merged.ParentShardId)
	assert.Equal(t, *shards[4].ShardId, *merged.AdjacentParentShardId)
	assert.Equal(t, []string{*shards[2].ShardId, *shards[5].ShardId, *merged.ShardId}, idsOf(openOf(shards)))
	for _, sh := range shards[3:5] {
		require.NotNil(t, sh.SequenceNumberRange.EndingSequenceNumber)
		assert.Less(t, *sh.SequenceNumberRange.EndingSequenceNumber, *merged.SequenceNumberRange.StartingSequenceNumber)
	}

	require.NoError(t, orders.UpdateShardCount(6))
	assert.Len(t, orders.Shards(), 13, "a sixth's boundary that is off by one from a third's is the same: three splits")
}

func TestScalingThatIsRefused(t *testing.T) {
	s, _ := newOrders(t, kinesistest.Config{}, 3)
	c := s.Client()
	_, err := c.CreateStream(t.Context(), &kinesis.CreateStreamInput{
		StreamName: new("on-demand"), StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand},
	})
	require.NoError(t, err)
	tests := []struct {
		name          string
		in            kinesis.UpdateShardCountInput
		code, message string
	}{
		{"no type", kinesis.UpdateShardCountInput{TargetShardCount: new(int32(2))}, "ValidationException", "scalingType"},
		{"other type", kinesis.UpdateShardCountInput{ScalingType: "ODD", TargetShardCount: new(int32(2))}, "ValidationException", "[UNIFORM_SCALING]"},
		{"no target", kinesis.UpdateShardCountInput{ScalingType: "UNIFORM_SCALING"}, "ValidationException", "targetShardCount"},
		{"zero", kinesis.UpdateShardCountInput{ScalingType: "UNIFORM_SCALING", TargetShardCount: new(int32(0))}, "ValidationException", "greater than or equal to 1"},
		{"over double", kinesis.UpdateShardCountInput{ScalingType: "UNIFORM_SCALING", TargetShardCount: new(int32(7))}, "InvalidArgumentException", "Current open shard count: 3 Target shard count: 7"},
		{"below half", kinesis.UpdateShardCountInput{ScalingType: "UNIFORM_SCALING", TargetShardCount: new(int32(1))}, "InvalidArgumentException", "cannot scale down below half"},
		{"on demand", kinesis.UpdateShardCountInput{StreamName: new("on-demand"), ScalingType: "UNIFORM_SCALING", TargetShardCount: new(int32(8))}, "ValidationException", "On-Demand"},
		{"no stream", kinesis.UpdateShardCountInput{StreamName: new("none"), ScalingType: "UNIFORM_SCALING", TargetShardCount: new(int32(8))}, "ResourceNotFoundException", "none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.in.StreamName == nil {
				tt.in.StreamName = new("orders")
			}
			_, err := c.UpdateShardCount(t.Context(), &tt.in)
			requireAPIError(t, err, tt.code, tt.message)
		})
	}
	assert.Len(t, s.Stream("orders").Shards(), 3)
}

func TestScalingKeepsTheStreamUpdating(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := kinesistest.New(kinesistest.Config{TransitionTime: time.Minute})
		orders, err := s.CreateStream("orders", 1)
		require.NoError(t, err)
		sleep(t.Context(), time.Minute)
		require.NoError(t, orders.UpdateShardCount(2))
		require.ErrorContains(t, orders.UpdateShardCount(4), "not ACTIVE, instead in state UPDATING")
		sleep(t.Context(), time.Minute)
		require.NoError(t, orders.UpdateShardCount(4))
	})
}
