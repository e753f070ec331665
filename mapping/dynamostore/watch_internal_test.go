package dynamostore

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// TestNothingIsKeptOfKCLsShardsThatHaveEnded: a stream that is resharded for years has no end of them.
func TestNothingIsKeptOfKCLsShardsThatHaveEnded(t *testing.T) {
	s, err := NewFleet(Options{Client: &dynamodb.Client{}, Worker: "w", LeaseTable: func(string) string { return "t" }})
	require.NoError(t, err)
	table := &fleetTable{store: s, mapping: "m"}
	row := kcl.Item{
		kcl.LeaseKey: text("a"), kcl.LeaseOwner: text("k"), kcl.LeaseCounter: number(1), kcl.Checkpoint: text("41"), kcl.SubSequence: number(0),
	}
	l, err := table.image(row)
	require.NoError(t, err)
	require.True(t, l.Foreign)
	assert.Len(t, s.watch.seen, 1)
	row[kcl.Checkpoint], row[kcl.LeaseCounter] = text(kcl.ShardEnd), number(2)
	l, err = table.image(row)
	require.NoError(t, err)
	require.True(t, l.Finished)
	assert.Empty(t, s.watch.seen)
}
