package poller_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

const (
	shard1 = "shardId-000000000001"
	shard2 = "shardId-000000000002"
)

// Clients that stop at a nil next iterator before they hand on the records beside it.
func TestPeerBugsLastPageAtShardEnd(t *testing.T) {
	inWard(t, 1, kinesistest.Config{EndWithRecords: true, MaxRecordsPerRead: 4}, func(w *ward) {
		w.put(0, 10)
		w.split(shardID)
		stop := w.run(nil)
		w.pass(time.Minute)
		require.Equal(w, numbered(0, 10), w.delivered())
		stop()
	})
}

// Clients that open what they find later at LATEST, as they did with the first shards.
func TestPeerBugsChildAtLatest(t *testing.T) {
	inWard(t, 1, kinesistest.Config{}, func(w *ward) {
		release := w.hold(shardID)
		stop := w.run(func(c *mapping.Config) { c.StartingPosition = mapping.Latest })
		w.put(0, 5)
		w.pass(2 * time.Second)
		w.split(shardID)
		w.put(5, 20) // into children that nobody has opened
		w.pass(time.Minute)
		release()
		w.pass(time.Minute)
		require.ElementsMatch(w, numbered(0, 25), w.delivered())
		stop()
	})
}

// Clients that open the child of a merge when the parent is through that they happen to look at.
func TestPeerBugsOneParentOnly(t *testing.T) {
	for _, held := range []string{shardID, shard1} {
		inWard(t, 2, kinesistest.Config{}, func(w *ward) {
			release := w.hold(held)
			w.put(0, 20)
			_, err := w.stream.Merge(shardID, shard1)
			require.NoError(w, err)
			w.put(20, 10)
			stop := w.run(nil)
			w.pass(10 * time.Minute)
			require.NotContains(w, w.delivered(), "0020", "a child's record came before those of %s", held)
			require.NotEmpty(w, w.delivered())
			release()
			w.pass(time.Minute)
			require.ElementsMatch(w, numbered(0, 30), w.delivered())
			require.ElementsMatch(w, numbered(20, 10), w.delivered()[20:])
			stop()
		})
	}
}

// Clients that open a child when its parent is read, not when it is processed.
func TestPeerBugsChildBeforeItsParentIsResolved(t *testing.T) {
	inWard(t, 1, kinesistest.Config{}, func(w *ward) {
		release := w.hold(shardID)
		w.put(0, 5)
		w.split(shardID)
		w.put(5, 5)
		stop := w.run(nil)
		w.pass(10 * time.Minute)
		require.Empty(w, w.delivered())
		release()
		w.pass(time.Minute)
		require.Equal(w, numbered(0, 5), w.delivered()[:5])
		require.ElementsMatch(w, numbered(0, 10), w.delivered())
		stop()
	})
}

// Clients that list open shards only, or skip closed ones, and lose what those still hold.
func TestPeerBugsClosedShardNeverDrained(t *testing.T) {
	inWard(t, 1, kinesistest.Config{}, func(w *ward) {
		w.put(0, 5)
		low, high := w.split(shardID)
		w.put(5, 5)
		_, err := w.stream.Merge(low, high)
		require.NoError(w, err)
		w.put(10, 5)
		stop := w.run(nil)
		w.pass(time.Minute)
		require.ElementsMatch(w, numbered(0, 15), w.delivered())
		require.Equal(w, numbered(0, 5), w.delivered()[:5])
		require.Equal(w, numbered(10, 5), w.delivered()[10:])
		stop()
	})
}

// Clients that wait for ever for a parent which has left the stream.
func TestPeerBugsExpiredParentsBlock(t *testing.T) {
	inWard(t, 1, kinesistest.Config{}, func(w *ward) {
		w.put(0, 5)
		low, _ := w.split(shardID)
		w.split(low)
		w.pass(25 * time.Hour) // beyond the retention
		w.put(5, 20)
		stop := w.run(nil)
		w.pass(5 * time.Second)
		require.ElementsMatch(w, numbered(5, 20), w.delivered())
		stop()
	})
}

// paged is a Client whose listings come in pages of two.
type paged struct{ poller.Client }

func (c paged) ListShards(ctx context.Context, in *kinesis.ListShardsInput, opts ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	small := *in
	small.MaxResults = aws.Int32(2)
	return c.Client.ListShards(ctx, &small, opts...)
}

// Clients that take the first page of ListShards for all of it.
func TestPeerBugsUnpagedLists(t *testing.T) {
	inWard(t, 7, kinesistest.Config{}, func(w *ward) {
		w.client = paged{w.client}
		w.put(0, 50)
		stop := w.run(nil)
		w.pass(5 * time.Second)
		require.ElementsMatch(w, numbered(0, 50), w.delivered())
		stop()
	})
}

// Clients that read the shards in turn, or in a group that the first error ends.
func TestPeerBugsOneShardsErrorStopsOthers(t *testing.T) {
	for name, fault := range map[string]kinesistest.Fault{
		"denied":    {Op: kinesistest.GetRecords, Err: &types.AccessDeniedException{}},
		"throttled": {Op: kinesistest.GetRecords, Throttle: true},
		"gone":      {Op: kinesistest.GetShardIterator, Err: &types.ResourceNotFoundException{}},
		"invalid":   {Op: kinesistest.GetShardIterator, Err: &types.InvalidArgumentException{}},
		"hanging":   {Op: kinesistest.GetRecords, Hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			inWard(t, 3, kinesistest.Config{}, func(w *ward) {
				fault.Shard, fault.Times = shard1, -1
				w.service.Inject(fault)
				want := map[bool][]string{}
				for _, data := range numbered(0, 30) {
					shard, _, err := w.stream.Put(data, []byte(data))
					require.NoError(w, err)
					want[shard == shard1] = append(want[shard == shard1], data)
				}
				stop := w.run(nil)
				w.pass(3 * time.Second)
				require.ElementsMatch(w, want[false], w.delivered())
				w.service.ClearFaults()
				w.pass(2 * time.Minute)
				require.ElementsMatch(w, numbered(0, 30), w.delivered())
				stop()
			})
		})
	}
}

// Clients that give a shard up, as if it had ended, for an error that passes.
func TestPeerBugsErrorTakenForTheEnd(t *testing.T) {
	inWard(t, 1, kinesistest.Config{}, func(w *ward) {
		stop := w.run(func(c *mapping.Config) { c.ShardRefreshInterval = time.Second })
		for i, err := range []error{
			&types.ExpiredIteratorException{}, &types.ResourceNotFoundException{}, &types.InvalidArgumentException{},
			&types.AccessDeniedException{}, &types.KMSAccessDeniedException{}, &types.InternalFailureException{},
		} {
			w.service.Fail(kinesistest.GetRecords, err, 4)
			w.put(i, 1)
			w.pass(time.Minute)
			require.Equal(w, numbered(0, i+1), w.delivered(), "after %T", err)
		}
		stop()
	})
}

// lingering is a Client whose calls take a second to give in when they are cancelled.
type lingering struct {
	poller.Client
	running *atomic.Int64
}

func (c lingering) begin(ctx context.Context) (end func()) {
	c.running.Add(1)
	return func() {
		if ctx.Err() != nil {
			rest(context.WithoutCancel(ctx), time.Second)
		}
		c.running.Add(-1)
	}
}

func (c lingering) ListShards(ctx context.Context, in *kinesis.ListShardsInput, opts ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	defer c.begin(ctx)()
	return c.Client.ListShards(ctx, in, opts...)
}

func (c lingering) GetShardIterator(ctx context.Context, in *kinesis.GetShardIteratorInput, opts ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error) {
	defer c.begin(ctx)()
	return c.Client.GetShardIterator(ctx, in, opts...)
}

func (c lingering) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, opts ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	defer c.begin(ctx)()
	return c.Client.GetRecords(ctx, in, opts...)
}

// Clients that return before their goroutines do, or close a channel that these still send on: a cancel at the wrong
// moment panics the process. When Run has returned no call of it runs, and a goroutine that is left behind fails the bubble.
func TestPeerBugsCancelInTheMiddleOfARead(t *testing.T) {
	for _, after := range seconds(0, 0.5, 1, 1.5, 2, 2.5, 3.25) {
		inWard(t, 4, kinesistest.Config{}, func(w *ward) {
			w.put(0, 20)
			for _, op := range []kinesistest.Op{kinesistest.ListShards, kinesistest.GetShardIterator, kinesistest.GetRecords} {
				w.service.Delay(op, time.Second, -1)
			}
			var reads, running atomic.Int64
			w.client = lingering{w.client, &running}
			stop := w.run(func(c *mapping.Config) { c.Observer.Polled = func(observe.Polled) { reads.Add(1) } })
			w.pass(after)
			inTheMiddle := running.Load() > 0
			stop()
			require.Zero(w, running.Load(), "calls that run when Run has returned, after %v", after)
			had := reads.Load()
			w.pass(time.Minute)
			require.Equal(w, had, reads.Load())
			require.True(w, inTheMiddle, "no call ran at %v", after)
		})
	}
}

// Clients that know a shard's children only by the next listing, which may be an hour away.
func TestPeerBugsChildrenFoundLate(t *testing.T) {
	inWard(t, 1, kinesistest.Config{}, func(w *ward) {
		stop := w.run(func(c *mapping.Config) { c.ShardRefreshInterval = time.Hour })
		shard := shardID
		for i := range 3 {
			shard, _ = w.split(shard)
			w.put(10*i, 10)
			w.pass(5 * time.Second)
			require.Len(w, w.delivered(), 10*(i+1))
		}
		got := w.delivered()
		slices.Sort(got)
		require.Equal(w, numbered(0, 30), got)
		stop()
	})
}
