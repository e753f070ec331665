package mapping_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
)

// endless is a client whose closed shards always have a next iterator, and whose GetRecords names no children.
type endless struct{ *listings }

func (e endless) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, opts ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	out, err := e.listings.GetRecords(ctx, in, opts...)
	if err == nil && out.NextShardIterator == nil {
		out.NextShardIterator, out.ChildShards = in.ShardIterator, nil
	}
	return out, err
}

// TestClosedShardThatNeverEndsLetsItsChildrenOpen over generations: several emulators never end a shard.
func TestClosedShardThatNeverEndsLetsItsChildrenOpen(t *testing.T) {
	everyEnd := func(shards []types.Shard) []types.Shard {
		for i := range shards {
			if r := shards[i].SequenceNumberRange; r.EndingSequenceNumber != nil {
				r.EndingSequenceNumber = new("9223372036854775807")
			}
		}
		return shards
	}
	noEnd := func(shards []types.Shard) []types.Shard {
		for i := range shards {
			shards[i].SequenceNumberRange.EndingSequenceNumber = nil
		}
		return shards
	}
	for name, change := range map[string]func([]types.Shard) []types.Shard{
		"real numbers": nil, "the number of every end": everyEnd, "no number": noEnd,
	} {
		t.Run(name, func(t *testing.T) {
			aloneAndInAFleet(t, 1, func(t *testing.T, w *world, cfg mapping.Config, lists *listings, rows func() map[string]driver.Progress) {
				lists.set(change)
				cfg.Client = endless{lists}
				r := w.start(cfg)
				pass(3 * time.Second)
				low, high, err := w.stream.Split(shardID(0)) // without a record in it
				require.NoError(t, err)
				w.put(0, 20)
				pass(time.Minute)
				assert.ElementsMatch(t, numbers(0, 20), w.delivered())
				merged, err := w.stream.Merge(low, high)
				require.NoError(t, err)
				w.put(20, 20)
				pass(time.Minute)
				assert.ElementsMatch(t, numbers(0, 40), w.delivered())
				for id, p := range rows() {
					assert.Equal(t, id != merged, p.End, id)
				}
				before := lists.count()
				pass(10 * time.Minute)
				assert.InDelta(t, 20, lists.count()-before, 2, "a poll does not list")
				require.NoError(t, r.stop())

				w.put(40, 5)
				r = w.start(cfg)
				pass(time.Minute)
				assert.ElementsMatch(t, numbers(0, 45), w.delivered(), "nothing comes again")
				require.NoError(t, r.stop())
			})
		})
	}
}
