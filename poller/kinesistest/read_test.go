package kinesistest_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

const (
	shard0 = "shardId-000000000000"
	shard1 = "shardId-000000000001"
	shard2 = "shardId-000000000002"
	shard3 = "shardId-000000000003"
)

// newOrders returns a service with the stream orders.
func newOrders(t *testing.T, config kinesistest.Config, shards int) (*kinesistest.Service, *kinesistest.Stream) {
	t.Helper()
	s := kinesistest.New(modeltest.WatchAnswers(t, config))
	orders, err := s.CreateStream("orders", shards)
	require.NoError(t, err)
	return s, orders
}

// put fills a shard with records of the given data, and returns their sequence numbers.
func put(t *testing.T, orders *kinesistest.Stream, shard string, data ...string) []string {
	t.Helper()
	var numbers []string
	for _, d := range data {
		n, err := orders.PutTo(shard, "key", []byte(d))
		require.NoError(t, err)
		numbers = append(numbers, n)
	}
	return numbers
}

// iteratorOf opens a shard of orders.
func iteratorOf(t *testing.T, c api, in kinesis.GetShardIteratorInput) *string {
	t.Helper()
	in.StreamName = new("orders")
	if in.ShardId == nil {
		in.ShardId = new(shard0)
	}
	out, err := c.GetShardIterator(t.Context(), &in)
	require.NoError(t, err)
	return out.ShardIterator
}

func horizonOf(t *testing.T, c api, shard string) *string {
	t.Helper()
	return iteratorOf(t, c, kinesis.GetShardIteratorInput{ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
}

// read reads one page.
func read(t *testing.T, c api, iterator *string) *kinesis.GetRecordsOutput {
	t.Helper()
	require.NotNil(t, iterator, "the shard has ended")
	out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: iterator})
	require.NoError(t, err)
	return out
}

func dataOf(page *kinesis.GetRecordsOutput) []string {
	out := []string{}
	for _, r := range page.Records {
		out = append(out, string(r.Data))
	}
	return out
}

// sleep lets fake time pass.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func TestIteratorTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, orders := newOrders(t, kinesistest.Config{NoLimits: true}, 1)
		c := s.Client()
		numbers := put(t, orders, shard0, "a", "b")
		sleep(t.Context(), time.Minute)
		between := time.Now().Add(-30 * time.Second)
		numbers = append(numbers, put(t, orders, shard0, "c", "d")...)

		tests := []struct {
			name string
			in   kinesis.GetShardIteratorInput
			want []string
		}{
			{"TRIM_HORIZON is the oldest record", kinesis.GetShardIteratorInput{ShardIteratorType: "TRIM_HORIZON"}, []string{"a", "b", "c", "d"}},
			{"LATEST is behind the newest record", kinesis.GetShardIteratorInput{ShardIteratorType: "LATEST"}, []string{}},
			{"AT_SEQUENCE_NUMBER is the record", kinesis.GetShardIteratorInput{ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: &numbers[1]}, []string{"b", "c", "d"}},
			{"AFTER_SEQUENCE_NUMBER is behind the record", kinesis.GetShardIteratorInput{ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: &numbers[1]}, []string{"c", "d"}},
			{"AT_TIMESTAMP is the next record", kinesis.GetShardIteratorInput{ShardIteratorType: "AT_TIMESTAMP", Timestamp: &between}, []string{"c", "d"}},
			{"AT_TIMESTAMP before all records is the oldest", kinesis.GetShardIteratorInput{ShardIteratorType: "AT_TIMESTAMP", Timestamp: new(time.Unix(1, 0))}, []string{"a", "b", "c", "d"}},
		}
		for _, tt := range tests {
			page := read(t, c, iteratorOf(t, c, tt.in))
			assert.Equal(t, tt.want, dataOf(page), tt.name)
			assert.Zero(t, *page.MillisBehindLatest, tt.name)
			assert.NotNil(t, page.NextShardIterator, tt.name)
		}
	})
}

func TestLatestSeesWhatIsPutLater(t *testing.T) {
	s, orders := newOrders(t, kinesistest.Config{}, 1)
	put(t, orders, shard0, "old")
	it := iteratorOf(t, s.Client(), kinesis.GetShardIteratorInput{ShardIteratorType: "LATEST"})
	put(t, orders, shard0, "new")
	assert.Equal(t, []string{"new"}, dataOf(read(t, s.Client(), it)))
}

func TestIteratorRequestsThatAreRefused(t *testing.T) {
	s, orders := newOrders(t, kinesistest.Config{NoLimits: true}, 2)
	numbers := put(t, orders, shard1, "a")
	future := time.Now().Add(time.Hour)

	tests := []struct {
		name    string
		in      kinesis.GetShardIteratorInput
		code    string
		message string
	}{
		{
			"sequence number of another shard",
			kinesis.GetShardIteratorInput{ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: &numbers[0]},
			"InvalidArgumentException",
			"Invalid StartingSequenceNumber. It encodes shardId-000000000001, while it was used in a call to a shard with shardId-000000000000",
		},
		{
			"garbage for a sequence number",
			kinesis.GetShardIteratorInput{ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: new("4711")},
			"InvalidArgumentException",
			"StartingSequenceNumber 4711 used in GetShardIterator on shard shardId-000000000000 in stream orders under account 123456789012 is invalid.",
		},
		{
			"time in the future",
			kinesis.GetShardIteratorInput{ShardIteratorType: "AT_TIMESTAMP", Timestamp: &future},
			"InvalidArgumentException",
			fmt.Sprintf("The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: %d, currentTimestampInMillis: ", future.UnixMilli()),
		},
		{"no time", kinesis.GetShardIteratorInput{ShardIteratorType: "AT_TIMESTAMP"}, "InvalidArgumentException", "Must specify timestampInMillis parameter"},
		{"no sequence number", kinesis.GetShardIteratorInput{ShardIteratorType: "AT_SEQUENCE_NUMBER"}, "InvalidArgumentException", "Request specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber."},
		{"needless sequence number", kinesis.GetShardIteratorInput{ShardIteratorType: "LATEST", StartingSequenceNumber: &numbers[0]}, "InvalidArgumentException", "Request specified LATEST and also a StartingSequenceNumber."},
		{"unknown type", kinesis.GetShardIteratorInput{ShardIteratorType: "NEWEST"}, "ValidationException", "Value 'NEWEST' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value set"},
		{
			"unknown shard",
			kinesis.GetShardIteratorInput{ShardId: new(shard3), ShardIteratorType: "LATEST"},
			"ResourceNotFoundException",
			"Shard shardId-000000000003 in stream orders under account 123456789012 does not exist",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.StreamName = new("orders")
			if tt.in.ShardId == nil {
				tt.in.ShardId = new(shard0)
			}
			_, err := s.Client().GetShardIterator(t.Context(), &tt.in)
			requireAPIError(t, err, tt.code, tt.message)
		})
	}
}

func TestIteratorExpiresAfterFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newOrders(t, kinesistest.Config{}, 1)
		it := horizonOf(t, s.Client(), shard0)
		sleep(t.Context(), 5*time.Minute)
		read(t, s.Client(), it)
		sleep(t.Context(), time.Millisecond)

		_, err := s.Client().GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
		var expired *types.ExpiredIteratorException
		require.ErrorAs(t, err, &expired)
		assert.Equal(t, "Iterator expired. The iterator was created at time Sat Jan 01 00:00:00 UTC 2000 while right now it is "+
			"Sat Jan 01 00:05:00 UTC 2000 which is further in the future than the tolerated delay of 300000 milliseconds.", expired.ErrorMessage())
	})
}

func TestExpireIterators(t *testing.T) {
	s, orders := newOrders(t, kinesistest.Config{NoLimits: true}, 2)
	c := s.Client()
	first, second := horizonOf(t, c, shard0), horizonOf(t, c, shard1)
	require.NoError(t, orders.ExpireIterators(shard0))
	_, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: first})
	requireAPIError(t, err, "ExpiredIteratorException", "Iterator expired.")
	read(t, c, second)
	read(t, c, horizonOf(t, c, shard0))

	s.ExpireIterators()
	_, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: second})
	requireAPIError(t, err, "ExpiredIteratorException", "Iterator expired.")
	require.Error(t, orders.ExpireIterators(shard3))
}

func TestIteratorsThatAreNone(t *testing.T) {
	s, _ := newOrders(t, kinesistest.Config{}, 1)
	other, _ := newOrders(t, kinesistest.Config{}, 1)
	good := horizonOf(t, s.Client(), shard0)
	for _, it := range []string{"x", "AAAA", *good + "A", (*good)[:len(*good)-4], *horizonOf(t, other.Client(), shard0)} {
		_, err := s.Client().GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: &it})
		requireAPIError(t, err, "InvalidArgumentException", "Invalid ShardIterator.")
	}
	_, err := s.Client().GetRecords(t.Context(), &kinesis.GetRecordsInput{})
	requireAPIError(t, err, "ValidationException", "Value null at 'shardIterator'")
}

func TestIteratorOfDeletedStream(t *testing.T) {
	s, _ := newOrders(t, kinesistest.Config{}, 1)
	c := s.Client()
	it := horizonOf(t, c, shard0)
	_, err := c.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: new("orders")})
	require.NoError(t, err)
	_, err = s.CreateStream("orders", 1)
	require.NoError(t, err)
	_, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
	requireAPIError(t, err, "ResourceNotFoundException", "")
}

func TestGetRecordsChecksTheARN(t *testing.T) {
	s, orders := newOrders(t, kinesistest.Config{NoLimits: true}, 1)
	c := s.Client()
	_, err := s.CreateStream("other", 1)
	require.NoError(t, err)
	it := horizonOf(t, c, shard0)
	_, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it, StreamARN: new(orders.ARN())})
	require.NoError(t, err)
	_, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it, StreamARN: new(s.Stream("other").ARN())})
	requireAPIError(t, err, "InvalidArgumentException", "does not belong to the ShardIterator")
}

func TestPagesFollowEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, orders := newOrders(t, kinesistest.Config{NoLimits: true}, 1)
		c := s.Client()
		put(t, orders, shard0, "a", "b", "c")
		sleep(t.Context(), 1500*time.Millisecond)
		put(t, orders, shard0, "d")

		it := horizonOf(t, c, shard0)
		out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it, Limit: new(int32(2))})
		require.NoError(t, err)
		assert.Equal(t, []string{"a", "b"}, dataOf(out))
		assert.EqualValues(t, 1500, *out.MillisBehindLatest, "the age of the next record")
		out = read(t, c, out.NextShardIterator)
		assert.Equal(t, []string{"c", "d"}, dataOf(out))
		assert.Zero(t, *out.MillisBehindLatest)
		out = read(t, c, out.NextShardIterator)
		assert.Empty(t, out.Records)
		assert.NotNil(t, out.NextShardIterator, "an open shard goes on")
	})
}

func TestLimitBounds(t *testing.T) {
	s, _ := newOrders(t, kinesistest.Config{}, 1)
	it := horizonOf(t, s.Client(), shard0)
	for _, limit := range []int32{0, -1, 10_001} {
		_, err := s.Client().GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it, Limit: &limit})
		requireAPIError(t, err, "ValidationException", fmt.Sprintf("Value '%d' at 'limit'", limit))
	}
}

func TestMaxRecordsPerRead(t *testing.T) {
	s, orders := newOrders(t, kinesistest.Config{NoLimits: true, MaxRecordsPerRead: 2}, 1)
	put(t, orders, shard0, "a", "b", "c")
	it := horizonOf(t, s.Client(), shard0)
	assert.Equal(t, []string{"a", "b"}, dataOf(read(t, s.Client(), it)))
	s.Inject(kinesistest.Fault{Op: kinesistest.GetRecords, MaxRecords: 1})
	assert.Equal(t, []string{"a"}, dataOf(read(t, s.Client(), it)))
}

func TestFiveReadsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newOrders(t, kinesistest.Config{}, 2)
		c := s.Client()
		it, other := horizonOf(t, c, shard0), horizonOf(t, c, shard1)
		for range 5 {
			read(t, c, it)
			sleep(t.Context(), 100*time.Millisecond)
		}
		_, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
		var exceeded *types.ProvisionedThroughputExceededException
		require.ErrorAs(t, err, &exceeded)
		assert.Equal(t, "Rate exceeded for shard shardId-000000000000 in stream orders under account 123456789012.", *exceeded.Message)
		read(t, c, other)
		sleep(t.Context(), 500*time.Millisecond)
		read(t, c, it)
	})
}

func TestReadsEvery200msAreNeverThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newOrders(t, kinesistest.Config{}, 1)
		it := horizonOf(t, s.Client(), shard0)
		for range 50 {
			it = read(t, s.Client(), it).NextShardIterator
			sleep(t.Context(), 200*time.Millisecond)
		}
	})
}

func TestTwoMiBASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, orders := newOrders(t, kinesistest.Config{}, 1)
		c := s.Client()
		mib := string(bytes.Repeat([]byte("x"), 1<<20-3))
		put(t, orders, shard0, mib, mib, mib, mib)
		it := read(t, c, horizonOf(t, c, shard0)).NextShardIterator // 4 MiB: two seconds' worth
		sleep(t.Context(), 999*time.Millisecond)
		_, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
		requireAPIError(t, err, "ProvisionedThroughputExceededException", "Rate exceeded for shard")
		sleep(t.Context(), 2*time.Millisecond)
		read(t, c, it)
	})
}

func TestPageOfTenMiBIsFollowedByFiveSecondsOfThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, orders := newOrders(t, kinesistest.Config{}, 1)
		c := s.Client()
		big := string(bytes.Repeat([]byte("x"), 900<<10))
		for range 15 {
			put(t, orders, shard0, big)
		}
		page := read(t, c, horizonOf(t, c, shard0))
		assert.Len(t, page.Records, 11, "10 MiB hold 11 records of 900 KiB")
		sleep(t.Context(), 4999*time.Millisecond)
		_, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: page.NextShardIterator})
		requireAPIError(t, err, "ProvisionedThroughputExceededException", "Rate exceeded for shard")
		sleep(t.Context(), time.Millisecond)
		assert.Len(t, read(t, c, page.NextShardIterator).Records, 4)
	})
}

func TestPageHoldsTenThousandRecords(t *testing.T) {
	s, orders := newOrders(t, kinesistest.Config{NoLimits: true}, 1)
	for range 10_001 {
		_, err := orders.PutTo(shard0, "k", nil)
		require.NoError(t, err)
	}
	page := read(t, s.Client(), horizonOf(t, s.Client(), shard0))
	assert.Len(t, page.Records, 10_000)
	assert.Positive(t, *page.MillisBehindLatest)
	assert.Len(t, read(t, s.Client(), page.NextShardIterator).Records, 1)
}

func TestClosedShardEndsWithItsChildren(t *testing.T) {
	for _, together := range []bool{false, true} {
		t.Run(fmt.Sprintf("EndWithRecords=%v", together), func(t *testing.T) {
			s, orders := newOrders(t, kinesistest.Config{NoLimits: true, EndWithRecords: together}, 1)
			c := s.Client()
			put(t, orders, shard0, "a", "b")
			_, _, err := orders.Split(shard0)
			require.NoError(t, err)

			out := read(t, c, horizonOf(t, c, shard0))
			assert.Equal(t, []string{"a", "b"}, dataOf(out))
			if !together {
				assert.Empty(t, out.ChildShards)
				out = read(t, c, out.NextShardIterator)
				assert.Empty(t, out.Records)
			}
			assert.Nil(t, out.NextShardIterator)
			assert.Zero(t, *out.MillisBehindLatest)
			require.Len(t, out.ChildShards, 2)
			assert.Equal(t, types.ChildShard{
				ShardId: new(shard1), ParentShards: []string{shard0}, HashKeyRange: &types.HashKeyRange{
					StartingHashKey: new("0"), EndingHashKey: new("170141183460469231731687303715884105727"),
				},
			}, out.ChildShards[0])
		})
	}
}

func TestMergedShardsNameBothParents(t *testing.T) {
	s, orders := newOrders(t, kinesistest.Config{NoLimits: true}, 2)
	c := s.Client()
	it := horizonOf(t, c, shard1)
	child, err := orders.Merge(shard0, shard1)
	require.NoError(t, err)
	out := read(t, c, it)
	assert.Nil(t, out.NextShardIterator)
	require.Len(t, out.ChildShards, 1)
	assert.Equal(t, child, *out.ChildShards[0].ShardId)
	assert.Equal(t, []string{shard0, shard1}, out.ChildShards[0].ParentShards)
}
