package kcl_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

func row(checkpoint string, sub int) kcl.Item {
	return kcl.Item{
		kcl.Checkpoint:  &types.AttributeValueMemberS{Value: checkpoint},
		kcl.SubSequence: &types.AttributeValueMemberN{Value: strconv.Itoa(sub)},
	}
}

func TestCheckpointsAreReadSoThatNothingIsLost(t *testing.T) {
	for checkpoint, want := range map[string]kcl.Place{
		"42":           {Position: batch.Position{SequenceNumber: "42", SubSequence: 3, Partial: true}},
		"SHARD_END":    {End: true},
		"TRIM_HORIZON": {Begin: "TRIM_HORIZON"},
		"LATEST":       {Begin: "LATEST"},
		"AT_TIMESTAMP": {Begin: "AT_TIMESTAMP"},
	} {
		got, err := kcl.PlaceOf(row(checkpoint, 3))
		require.NoError(t, err, checkpoint)
		assert.Equal(t, want, got, checkpoint)
	}
	old := row("42", 0) // KCL 1.0 had no aggregates
	delete(old, kcl.SubSequence)
	got, err := kcl.PlaceOf(old)
	require.NoError(t, err)
	assert.Equal(t, batch.Position{SequenceNumber: "42", Partial: true}, got.Position)
	for _, bad := range []string{"", "4 2", "shard_end", "-1", strings.Repeat("9", 130)} {
		_, err := kcl.PlaceOf(row(bad, 0))
		assert.Error(t, err, bad)
	}
	_, err = kcl.PlaceOf(row("42", -1))
	assert.Error(t, err)
}

// TestCheckpointsAreAtOrBehindThePosition holds what KCL drops, which is all that is not behind the checkpoint, against
// what is resolved.
func TestCheckpointsAreAtOrBehindThePosition(t *testing.T) {
	for _, c := range []struct {
		p          batch.Position
		end        bool
		checkpoint string
		sub        int64
	}{
		{p: batch.Position{}, checkpoint: "TRIM_HORIZON"},
		{p: batch.Position{SequenceNumber: "42"}, checkpoint: "42"},
		{p: batch.Position{SequenceNumber: "42", SubSequence: 0, Partial: true}, checkpoint: "42"},
		{p: batch.Position{SequenceNumber: "42", SubSequence: 7, Partial: true}, checkpoint: "42", sub: 7},
		{p: batch.Position{SequenceNumber: "42", SubSequence: 9}, checkpoint: "42", sub: 9},
		{p: batch.Position{SequenceNumber: "42", SubSequence: 9}, end: true, checkpoint: "SHARD_END"},
	} {
		checkpoint, sub := kcl.CheckpointOf(c.p, c.end)
		assert.Equal(t, c.checkpoint, checkpoint, c.p)
		assert.Equal(t, c.sub, sub, c.p)
		back, err := kcl.PlaceOf(row(checkpoint, int(sub)))
		require.NoError(t, err)
		assert.LessOrEqual(t, back.Position.Compare(c.p), 0, "read back, %s would lose records", c.p)
		assert.Equal(t, c.end, back.End)
	}
}

func TestOnlyLeasesAreLeases(t *testing.T) {
	assert.True(t, kcl.IsLease(row("1", 0)))
	for value, want := range map[string]bool{"LEASE": true, "STREAM": false, "LEADER": false, "WORKER_METRIC_STATS": false, "": false, "new": false} {
		r := row("1", 0)
		r[kcl.EntityType] = &types.AttributeValueMemberS{Value: value}
		assert.Equal(t, want, kcl.IsLease(r), value)
	}
	r := row("1", 0)
	r[kcl.EntityType] = &types.AttributeValueMemberN{Value: "1"}
	assert.False(t, kcl.IsLease(r))
}

func TestSetsHaveEachTextOnce(t *testing.T) {
	given := []string{"b", "a", "b"}
	assert.Equal(t, &types.AttributeValueMemberSS{Value: []string{"a", "b"}}, kcl.Set(given))
	assert.Equal(t, []string{"b", "a", "b"}, given, "the caller's list stays as it is")
}
