package poller_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// inClosedShard runs f with a shard of ten records that is split, whose children are named with every answer.
func inClosedShard(t *testing.T, f func(t *testing.T, service *kinesistest.Service, consumer string)) {
	synctest.Test(t, func(t *testing.T) {
		service, stream, arn := consumed(t, kinesistest.Config{ChildrenEarly: true, MaxRecordsPerRead: 2})
		for i := range 10 {
			put(t, stream, strconv.Itoa(i))
		}
		_, _, err := stream.Split(shardID)
		require.NoError(t, err)
		f(t, service, arn)
	})
}

// readToEnd reads ten numbered records, and then the end of their shard with two children.
func readToEnd(t *testing.T, r poller.Reader) {
	t.Helper()
	n := 0
	for reads := 0; ; reads++ {
		require.Less(t, reads, 100)
		page, err := r.Next(t.Context())
		require.NoError(t, err)
		for i := range page.Records {
			require.Equal(t, strconv.Itoa(n), string(page.Records[i].Data))
			n++
		}
		if page.End {
			break
		}
	}
	require.Equal(t, 10, n)
	require.Len(t, r.(poller.ChildFinder).Children(), 2)
}

// lossy is a Client whose first pages of a shard name no place to go on from.
type lossy struct {
	poller.Client
	left int
}

func (c *lossy) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, o ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	out, err := c.Client.GetRecords(ctx, in, o...)
	if err == nil && c.left > 0 {
		c.left--
		out.NextShardIterator = nil
	}
	return out, err
}

// TestChildrenAreNoEndOfAShardThatIsBehind: a service may name the children of a closed shard with every answer.
func TestChildrenAreNoEndOfAShardThatIsBehind(t *testing.T) {
	for _, left := range []int{0, 3} {
		inClosedShard(t, func(t *testing.T, service *kinesistest.Service, _ string) {
			readToEnd(t, open(t, &lossy{service.Client(), left}, poller.Start{}, poller.Config{}))
		})
		inClosedShard(t, func(t *testing.T, service *kinesistest.Service, consumer string) {
			server := kinesistest.NewPipeServer(service)
			defer server.Close()
			if left > 0 {
				service.Inject(kinesistest.Fault{Op: kinesistest.SubscribeToShardEvent, Kind: kinesistest.NoContinuation, Times: left})
			}
			readToEnd(t, pushing(t, server.Client(), poller.Config{ConsumerARN: consumer}))
		})
	}
}

// gapped is a Client that says of a shard's end that more is behind, and whose first page by each iterator there is empty and
// names a place to go on from.
type gapped struct {
	poller.Client
	seen map[string]bool // iterators at the end
}

func (c *gapped) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, o ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	out, err := c.Client.GetRecords(ctx, in, o...)
	if err != nil || out.NextShardIterator != nil || len(out.Records) > 0 {
		return out, err
	}
	out.MillisBehindLatest = new(int64(872331))
	if !c.seen[*in.ShardIterator] {
		c.seen[*in.ShardIterator] = true
		out.NextShardIterator, out.ChildShards = in.ShardIterator, nil
	}
	return out, err
}

// TestAClosedShardThatIsBehindForEverEnds: such a service never claims the end twice in a row.
func TestAClosedShardThatIsBehindForEverEnds(t *testing.T) {
	inClosedShard(t, func(t *testing.T, service *kinesistest.Service, _ string) {
		readToEnd(t, open(t, &gapped{service.Client(), map[string]bool{}}, poller.Start{}, poller.Config{}))
	})
}
