package poller_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller"
)

// nothing is a Client whose calls return neither an answer nor an error.
type nothing struct{ *fake }

func (nothing) ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	return nil, nil
}

func (nothing) GetRecords(context.Context, *kinesis.GetRecordsInput, ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	return nil, nil
}

// noIterator is a Client whose calls for an iterator return neither an answer nor an error.
type noIterator struct{ *fake }

func (noIterator) GetShardIterator(context.Context, *kinesis.GetShardIteratorInput, ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error) {
	return nil, nil
}

// TestNoAnswerAndNoErrorIsAnError: a Client may be anybody's.
func TestNoAnswerAndNoErrorIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPoller(t, nothing{newFake(1)}, poller.Config{})
		_, err := p.Shards(t.Context())
		require.ErrorContains(t, err, "list shards: ")
		for _, c := range []poller.Client{nothing{newFake(1)}, noIterator{newFake(1)}} {
			r := open(t, c, poller.Start{}, poller.Config{})
			_, err = r.Next(t.Context())
			require.ErrorContains(t, err, "shard "+shardID+": get ")
			require.Equal(t, poller.Retry, poller.Classify(err))
		}
	})
}
