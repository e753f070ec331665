package poller_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// fill puts n records with so many keys, and notes what each key got.
func fill(t testing.TB, stream *kinesistest.Stream, put map[string][]string, n int) {
	t.Helper()
	for i := range n {
		key := fmt.Sprint("key ", i%7)
		data := fmt.Sprint(len(put[key]))
		_, _, err := stream.Put(key, []byte(data))
		require.NoError(t, err)
		put[key] = append(put[key], data)
	}
}

// reading is a consumer that reads all shards of a stream, one after the other, and remembers what each key got.
type reading struct {
	source   poller.Source
	got      map[string][]string
	finished map[string]bool
	errs     map[poller.Class]int
}

func newReading(source poller.Source) *reading {
	return &reading{source: source, got: map[string][]string{}, finished: map[string]bool{}, errs: map[poller.Class]int{}}
}

// all reads generation after generation, until no open shard is left unread.
func (r *reading) all(ctx context.Context, t testing.TB) {
	t.Helper()
	for {
		shards, err := r.source.Shards(ctx)
		require.NoError(t, err)
		open := poller.Openable(shards, func(id string) bool { return r.finished[id] })
		if len(open) == 0 {
			return
		}
		for _, shard := range open {
			r.finished[shard.ID] = true
			require.NoError(t, r.shard(ctx, shard))
		}
	}
}

// shard reads to the end, or to the tip of an open shard.
func (r *reading) shard(ctx context.Context, shard poller.Shard) error {
	reader, err := r.source.Open(shard, poller.Start{})
	if err != nil {
		return err
	}
	for range 1000 {
		page, err := reader.Next(ctx)
		if err != nil {
			r.errs[poller.Classify(err)]++
			continue
		}
		for _, rec := range page.Records {
			r.got[rec.PartitionKey] = append(r.got[rec.PartitionKey], string(rec.Data))
		}
		if page.End || (shard.EndingSequenceNumber == "" && !page.CaughtUpTo.IsZero()) {
			return nil
		}
	}
	return errors.New("no end of shard " + shard.ID)
}

// reshard makes three generations of four shards, with records in each.
func reshard(t testing.TB, stream *kinesistest.Stream) map[string][]string {
	t.Helper()
	put := map[string][]string{}
	fill(t, stream, put, 100)
	low, high, err := stream.Split("shardId-000000000000")
	require.NoError(t, err)
	fill(t, stream, put, 100)
	_, err = stream.Merge(low, high)
	require.NoError(t, err)
	fill(t, stream, put, 100)
	return put
}

func TestEveryKeyInOrderOverSplitAndMergeAmongFaults(t *testing.T) {
	for _, endWithRecords := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			service := kinesistest.New(modeltest.Watch(t, kinesistest.Config{EndWithRecords: endWithRecords, MaxRecordsPerRead: 9}))
			stream, err := service.CreateStream("orders", 2)
			require.NoError(t, err)
			put := reshard(t, stream)

			service.Inject(kinesistest.Fault{Op: kinesistest.GetShardIterator, Throttle: true, Times: 2})
			service.Inject(kinesistest.Fault{Op: kinesistest.GetRecords, MaxRecords: 1, Times: 3})
			service.Throttle(kinesistest.GetRecords, 3)
			service.EmptyReads(2)
			service.Fail(kinesistest.GetRecords, &types.ExpiredIteratorException{}, 2)
			service.Fail(kinesistest.GetRecords, &types.InternalFailureException{}, 1)
			service.Inject(kinesistest.Fault{Op: kinesistest.GetRecords, Hang: true})
			r := newReading(newPoller(t, service.Client(), poller.Config{}))
			r.all(t.Context(), t)
			require.Equal(t, put, r.got)
			require.Equal(t, map[poller.Class]int{poller.Throttled: 5, poller.Retry: 2}, r.errs)
		})
	}
}

func TestTheFastestCadenceIsWithinTheLimitsOfAShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := kinesistest.New(modeltest.Watch(t, kinesistest.Config{MaxRecordsPerRead: 2}))
		stream, err := service.CreateStream("orders", 2)
		require.NoError(t, err)
		put := reshard(t, stream)
		r := newReading(newPoller(t, service.Client(), poller.Config{PollInterval: 200 * time.Millisecond}))
		r.all(t.Context(), t)
		require.Equal(t, put, r.got)
		require.Empty(t, r.errs)
	})
}

func TestIteratorsThatExpireWhileTheCallerIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := kinesistest.New(modeltest.Watch(t, kinesistest.Config{MaxRecordsPerRead: 10}))
		stream, err := service.CreateStream("orders", 1)
		require.NoError(t, err)
		put := map[string][]string{}
		fill(t, stream, put, 30)
		reader := open(t, service.Client(), poller.Start{}, poller.Config{})
		var n int
		for range 3 {
			page, err := reader.Next(t.Context())
			require.NoError(t, err)
			n += len(page.Records)
			rest(t.Context(), 20*time.Minute)
			service.ExpireIterators()
		}
		require.Equal(t, 30, n)
	})
}

func TestTheServicesClockThroughAClientWithoutHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ahead := func() time.Time { return time.Now().Add(time.Hour) }
		service := kinesistest.New(modeltest.Watch(t, kinesistest.Config{Now: ahead}))
		stream, err := service.CreateStream("orders", 1)
		require.NoError(t, err)
		p := newPoller(t, service.Client(), poller.Config{})
		_, err = p.Shards(t.Context())
		require.NoError(t, err)
		_, ok := p.Now()
		require.False(t, ok, "one answer that is far ahead of this host's clock is not believed")
		_, err = p.Describe(t.Context())
		require.NoError(t, err)
		now, ok := p.Now()
		require.True(t, ok)
		require.WithinRange(t, now, ahead().Add(-time.Second), ahead())

		_, _, err = stream.Put("key", nil)
		require.NoError(t, err)
		anchored, err := p.Open(poller.Shard{ID: shardID}, poller.Start{Type: poller.AtTimestamp, Timestamp: now})
		require.NoError(t, err)
		page, err := anchored.Next(t.Context())
		require.NoError(t, err)
		require.Len(t, page.Records, 1, "nothing put from now on is missed")
	})
}

func TestAStreamThatIsDeletedAndAShardThatIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := kinesistest.New(modeltest.Watch(t, kinesistest.Config{}))
		stream, err := service.CreateStream("orders", 1)
		require.NoError(t, err)
		p := newPoller(t, service.Client(), poller.Config{})
		reader, err := p.Open(poller.Shard{ID: "shardId-000000000009"}, poller.Start{})
		require.NoError(t, err)
		_, err = reader.Next(t.Context())
		require.Equal(t, poller.ShardGone, poller.Classify(err), "%v", err)

		other, err := poller.New(poller.Config{Client: service.Client(), StreamARN: stream.ARN() + "-of-others"})
		require.NoError(t, err)
		_, err = other.Shards(t.Context())
		require.Equal(t, poller.StreamGone, poller.Classify(err), "%v", err)
	})
}
