package kinesistest_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

// rude begins a mischief of one kind that befalls every call it can.
func rude(s *kinesistest.Service, kind kinesistest.Kind) *kinesistest.Misbehaviour {
	return s.Misbehave(kinesistest.Mischief{Seed: 1, Kinds: []kinesistest.Kind{kind}, Rate: 1})
}

// list lists the shards of orders, page by page.
func list(t *testing.T, c api) (ids []string, pages int) {
	t.Helper()
	in := &kinesis.ListShardsInput{StreamName: new("orders")}
	for {
		out, err := c.ListShards(t.Context(), in)
		require.NoError(t, err)
		pages++
		for i := range out.Shards {
			ids = append(ids, *out.Shards[i].ShardId)
		}
		if out.NextToken == nil {
			return ids, pages
		}
		in = &kinesis.ListShardsInput{NextToken: out.NextToken}
	}
}

func TestKindsHaveAName(t *testing.T) {
	kinds := kinesistest.Kinds()
	assert.Len(t, kinds, 35)
	sorted := slices.Clone(kinds)
	slices.Sort(sorted)
	assert.Len(t, slices.Compact(sorted), len(kinds), "each once")
	for _, k := range kinds {
		assert.NotEmpty(t, k.About(), k)
	}
	assert.Empty(t, kinesistest.Kind("no-kind").About())
	s := kinesistest.New(kinesistest.Config{})
	assert.PanicsWithValue(t, `kinesistest: there is no mischief of the kind "no-kind"; Kinds returns all`, func() {
		s.Misbehave(kinesistest.Mischief{Kinds: []kinesistest.Kind{"no-kind"}})
	})
	assert.Panics(t, func() { s.Inject(kinesistest.Fault{Kind: "no-kind"}) })
}

func TestMischiefOfListings(t *testing.T) {
	inBothFaces(t, kinesistest.Config{}, func(t *testing.T, s *kinesistest.Service, c api) {
		orders, err := s.CreateStream("orders", 4)
		require.NoError(t, err)
		whole, pages := list(t, c)
		require.Len(t, whole, 4)
		require.Equal(t, 1, pages)

		m := rude(s, kinesistest.EmptyListing)
		none, _ := list(t, c)
		assert.Empty(t, none)
		m.Stop()

		m = rude(s, kinesistest.CutListing)
		for range 5 {
			some, _ := list(t, c)
			assert.NotEmpty(t, some)
			assert.Less(t, len(some), 4)
		}
		m.Stop()
		assert.Equal(t, map[kinesistest.Kind]int{kinesistest.CutListing: 5}, m.Counts())

		m = rude(s, kinesistest.SmallPages)
		all, pages := list(t, c)
		assert.Equal(t, whole, all)
		assert.Greater(t, pages, 1)

		_, err = c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("orders")})
		require.NoError(t, err)
		out, err := c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("orders")})
		require.NoError(t, err)
		m.Stop()
		m = rude(s, kinesistest.ExpiredToken)
		_, err = c.ListShards(t.Context(), &kinesis.ListShardsInput{NextToken: out.NextToken})
		requireAPIError(t, err, "ExpiredNextTokenException", "")
		m.Stop()

		sleep(t.Context(), 10*time.Minute)
		_, _, err = orders.Split(shard0)
		require.NoError(t, err)
		sleep(t.Context(), time.Second)
		m = rude(s, kinesistest.LaggingListing)
		old, err := c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("orders")})
		require.NoError(t, err)
		assert.Len(t, old.Shards, 4)
		assert.Nil(t, old.Shards[0].SequenceNumberRange.EndingSequenceNumber, "it is open still")
		sleep(t.Context(), 4*time.Minute)
		now, _ := list(t, c)
		assert.Len(t, now, 6)
		m.Stop()
		assert.Equal(t, "seed 1: lagging-listing 3", m.String(), "once for each shard that it shows otherwise")
	})
}

func TestConfigCapsThePagesOfAListing(t *testing.T) {
	s, _ := newOrders(t, kinesistest.Config{MaxShardsPerListing: 2}, 5)
	ids, pages := list(t, s.Client())
	assert.Len(t, ids, 5)
	assert.Equal(t, 3, pages)
	s.Inject(kinesistest.Fault{Op: kinesistest.ListShards, MaxShards: 1, Times: -1})
	_, pages = list(t, s.Client())
	assert.Equal(t, 5, pages)
}

func TestSameSeedSamePranks(t *testing.T) {
	pranks := func(seed uint64, shards ...string) (by map[string][]string) {
		synctest.Test(t, func(t *testing.T) {
			s, orders := newOrders(t, kinesistest.Config{NoLimits: true}, 2)
			put(t, orders, shard0, "a", "b", "c")
			put(t, orders, shard1, "a", "b", "c")
			m := s.Misbehave(kinesistest.Mischief{Seed: seed, Rate: 0.5})
			for _, shard := range shards {
				ctx, cancel := withTimeout(t, 3*time.Minute)
				it, err := s.Client().GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
					StreamName: new("orders"), ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
				})
				if err == nil && it.ShardIterator != nil {
					_, _ = s.Client().GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
				}
				cancel()
			}
			by = map[string][]string{}
			for _, p := range m.Pranks() {
				by[p.Shard] = append(by[p.Shard], fmt.Sprint(p.Op, p.Kind))
			}
		})
		return by
	}
	half := slices.Repeat([]string{shard0}, 15)
	other := slices.Repeat([]string{shard1}, 15)
	mixed := slices.Repeat([]string{shard0, shard1}, 15)
	first := pranks(7, append(slices.Clone(half), other...)...)
	assert.Greater(t, len(first[shard0]), 3)
	assert.Equal(t, first, pranks(7, mixed...), "the order of calls of different shards does not matter")
	assert.NotEqual(t, first, pranks(8, mixed...))
}

func TestMischiefEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newOrders(t, kinesistest.Config{}, 3)
		empty := func() bool {
			ids, _ := list(t, s.Client())
			return len(ids) == 0
		}
		plan := kinesistest.Mischief{Kinds: []kinesistest.Kind{kinesistest.EmptyListing}, Rate: 1}
		m := s.Misbehave(plan)
		assert.True(t, empty())
		m.Stop()
		m.Stop()
		assert.False(t, empty(), "stopped")

		plan.Calls = 2
		s.Misbehave(plan)
		assert.True(t, empty())
		assert.True(t, empty())
		assert.False(t, empty(), "after two calls")

		plan.Calls, plan.For = 0, time.Minute
		s.Misbehave(plan)
		sleep(t.Context(), time.Minute-1)
		assert.True(t, empty())
		sleep(t.Context(), 1)
		assert.False(t, empty(), "after a minute")
	})
}

func TestMischiefChoosesItsCalls(t *testing.T) {
	s, _ := newOrders(t, kinesistest.Config{NoLimits: true}, 2)
	c := s.Client()
	_, err := s.CreateStream("others", 1)
	require.NoError(t, err)
	m := s.Misbehave(kinesistest.Mischief{
		Kinds: []kinesistest.Kind{kinesistest.Throttled}, Ops: []kinesistest.Op{kinesistest.GetRecords}, Stream: "orders", Shard: shard1, Rate: 1,
	})
	first, second := horizonOf(t, c, shard0), horizonOf(t, c, shard1)
	read(t, c, first)
	_, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: second})
	requireAPIError(t, err, "ProvisionedThroughputExceededException", shard1)
	m.Stop()
	assert.Equal(t, []kinesistest.Op{kinesistest.GetRecords}, m.Plan().Ops)

	m = s.Misbehave(kinesistest.Mischief{Kinds: []kinesistest.Kind{kinesistest.EmptyListing}, Rate: 0.25})
	for range 400 {
		list(t, c)
	}
	assert.InDelta(t, 100, m.Counts()[kinesistest.EmptyListing], 30)
	m.Stop()

	_, err = c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: new("orders"), PartitionKey: new("k"), Data: []byte("x")})
	require.NoError(t, err)
	s.Misbehave(kinesistest.Mischief{
		Kinds: []kinesistest.Kind{kinesistest.ConnectionReset}, Ops: []kinesistest.Op{kinesistest.PutRecord}, Rate: 1, Calls: 1,
	})
	_, err = c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: new("others"), PartitionKey: new("k"), Data: []byte("x")})
	require.ErrorContains(t, err, "connection reset by peer")
	it, err := c.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: new("others"), ShardId: new(shard0), ShardIteratorType: "TRIM_HORIZON"})
	require.NoError(t, err)
	assert.Equal(t, []string{"x"}, dataOf(read(t, c, it.ShardIterator)), "the call has taken effect")
}

func TestMischiefTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, orders := newOrders(t, kinesistest.Config{NoLimits: true}, 1)
		put(t, orders, shard0, "a", "b")
		behind := rude(s, kinesistest.BehindForEver)
		twice := rude(s, kinesistest.RepeatedRecord)
		never := rude(s, kinesistest.ExpiredIterator)
		s.Inject(kinesistest.Fault{Op: kinesistest.GetRecords, MaxRecords: 1})
		it := horizonOf(t, s.Client(), shard0)
		page := read(t, s.Client(), it)
		assert.Equal(t, []string{"a"}, dataOf(page), "a fault goes first")
		lag := *page.MillisBehindLatest
		assert.Positive(t, lag, "but for the kinds that last")
		page = read(t, s.Client(), it)
		assert.Len(t, page.Records, 3)
		assert.Equal(t, lag, *page.MillisBehindLatest)
		assert.Empty(t, never.Pranks(), "one kind a call, of the mischief that began first")
		twice.Stop()
		_, err := s.Client().GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
		requireAPIError(t, err, "ExpiredIteratorException", "Iterator expired")
		never.Stop()
		behind.Stop()
		assert.EqualValues(t, 0, *read(t, s.Client(), it).MillisBehindLatest)
		require.Len(t, behind.Pranks(), 1, "a kind that lasts is listed once a shard")
		assert.Regexp(t, `^01-01 00:00:00.000 behind-for-ever: GetRecords orders shardId-000000000000$`, behind.Pranks()[0].String())
		assert.Equal(t, "seed 1: nothing", rude(s, kinesistest.EmptyListing).String())
	})
}

func TestClockThatIsOff(t *testing.T) {
	inBothFaces(t, kinesistest.Config{NoLimits: true}, func(t *testing.T, s *kinesistest.Service, c api) {
		orders, err := s.CreateStream("orders", 1)
		require.NoError(t, err)
		began := time.Now()
		off := func(kind kinesistest.Kind) (date, arrival time.Duration) {
			m := rude(s, kind)
			defer m.Stop()
			put(t, orders, shard0, "a")
			out, err := c.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
				StreamName: new("orders"), ShardId: new(shard0), ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
			})
			require.NoError(t, err)
			reported, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
			require.True(t, ok)
			page := read(t, c, out.ShardIterator)
			return reported.Sub(began), page.Records[len(page.Records)-1].ApproximateArrivalTimestamp.Sub(began)
		}
		date, arrival := off(kinesistest.WrongDate)
		assert.GreaterOrEqual(t, date.Abs(), 20*time.Minute)
		assert.Zero(t, arrival)
		date, arrival = off(kinesistest.ClockOff)
		assert.GreaterOrEqual(t, date.Abs(), 20*time.Minute)
		assert.Equal(t, date, arrival.Truncate(time.Second))
		out, err := c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("orders")})
		require.NoError(t, err)
		reported, _ := awsmiddleware.GetServerTime(out.ResultMetadata)
		assert.WithinDuration(t, began, reported, 0, "the clock is right again")

		s.Misbehave(kinesistest.Mischief{Kinds: []kinesistest.Kind{kinesistest.ClockOff}, Rate: 1, For: time.Minute})
		sleep(t.Context(), time.Minute)
		out, err = c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("orders")})
		require.NoError(t, err)
		reported, _ = awsmiddleware.GetServerTime(out.ResultMetadata)
		assert.WithinDuration(t, time.Now(), reported, 0, "and by itself")
	})
}

func TestStreamThatIsReplaced(t *testing.T) {
	inBothFaces(t, kinesistest.Config{NoLimits: true}, func(t *testing.T, s *kinesistest.Service, c api) {
		orders, err := s.CreateStream("orders", 2)
		require.NoError(t, err)
		put(t, orders, shard0, "a")
		it := horizonOf(t, c, shard0)
		before := orders.Shards()
		_, err = orders.RegisterConsumer("billing")
		require.NoError(t, err)
		require.NoError(t, orders.Replace())
		sleep(t.Context(), 2*time.Second)
		_, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
		requireAPIError(t, err, "ResourceNotFoundException", "")
		after := orders.Shards()
		require.Len(t, after, 2)
		assert.Equal(t, before[0].ShardId, after[0].ShardId)
		assert.NotEqual(t, before[0].SequenceNumberRange, after[0].SequenceNumberRange)
		assert.Empty(t, read(t, c, horizonOf(t, c, shard0)).Records)
		require.Error(t, orders.DeregisterConsumer("billing"), "it has no consumers")

		m := rude(s, kinesistest.ReplacedStream)
		list(t, c)
		list(t, c)
		assert.Equal(t, 1, m.Counts()[kinesistest.ReplacedStream], "once")
		assert.NotEqual(t, after[0].SequenceNumberRange, orders.Shards()[0].SequenceNumberRange)
		require.Error(t, s.Stream("nothing").Replace())
	})
}
