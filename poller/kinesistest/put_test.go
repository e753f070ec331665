package kinesistest_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

func TestRecordsComeBackAsTheyWerePut(t *testing.T) {
	onBoth(t, kinesistest.Config{NoLimits: true}, func(t *testing.T, s *kinesistest.Service, c api) {
		_, err := s.CreateStream("orders", 1)
		require.NoError(t, err)
		keys := []string{"plain", "qu\"ote\\", "new\nline\x01", "mañana 世界 🙂", strings.Repeat("x", 256), "<&>"}
		for i, key := range keys {
			data := bytes.Repeat([]byte{0, 255, byte(i)}, i)
			if i == 0 {
				data = []byte{}
			}
			out, err := c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: new("orders"), PartitionKey: &key, Data: data})
			require.NoError(t, err)
			assert.Equal(t, shard0, *out.ShardId)
		}
		page := read(t, c, horizonOf(t, c, shard0))
		require.Len(t, page.Records, len(keys))
		last := ""
		for i, r := range page.Records {
			assert.Equal(t, keys[i], *r.PartitionKey)
			assert.True(t, bytes.Equal(bytes.Repeat([]byte{0, 255, byte(i)}, i), r.Data))
			assert.Len(t, *r.SequenceNumber, 56)
			assert.Greater(t, *r.SequenceNumber, last)
			last = *r.SequenceNumber
			assert.Zero(t, r.ApproximateArrivalTimestamp.Nanosecond()%1e6, "milliseconds")
		}
	})
}

func TestKeysMapToShardsByMD5(t *testing.T) {
	s, _ := newOrders(t, kinesistest.Config{}, 4)
	// md5("a") is 0cc1…, md5("b") 92eb…, md5("c") 4a8a…, md5("user-1") 8f1b…, md5("f") 8fa1…, md5("e") e167…
	for key, shard := range map[string]string{"a": shard0, "b": shard2, "c": shard1, "e": shard3, "f": shard2} {
		got, _, err := s.Stream("orders").Put(key, nil)
		require.NoError(t, err)
		assert.Equal(t, shard, got, key)
	}
}

func TestExplicitHashKey(t *testing.T) {
	s, _ := newOrders(t, kinesistest.Config{}, 2)
	put := func(hashKey string) (*kinesis.PutRecordOutput, error) {
		return s.Client().PutRecord(t.Context(), &kinesis.PutRecordInput{
			StreamName: new("orders"), PartitionKey: new("k"), Data: []byte("x"), ExplicitHashKey: &hashKey,
		})
	}
	for key, shard := range map[string]string{
		"0": shard0, "170141183460469231731687303715884105727": shard0,
		"170141183460469231731687303715884105728": shard1, "340282366920938463463374607431768211455": shard1,
	} {
		out, err := put(key)
		require.NoError(t, err)
		assert.Equal(t, shard, *out.ShardId, key)
	}
	_, err := put("340282366920938463463374607431768211456")
	requireAPIError(t, err, "InvalidArgumentException", "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "+
		"Specified value was 340282366920938463463374607431768211456")
}

func TestPutRecords(t *testing.T) {
	onBoth(t, kinesistest.Config{NoLimits: true}, func(t *testing.T, s *kinesistest.Service, c api) {
		_, err := s.CreateStream("orders", 2)
		require.NoError(t, err)
		in := &kinesis.PutRecordsInput{StreamName: new("orders")}
		for i := range 500 {
			in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: new(fmt.Sprint(i)), Data: fmt.Append(nil, i)})
		}
		out, err := c.PutRecords(t.Context(), in)
		require.NoError(t, err)
		assert.Zero(t, *out.FailedRecordCount)
		require.Len(t, out.Records, 500)
		total := len(read(t, c, horizonOf(t, c, shard0)).Records) + len(read(t, c, horizonOf(t, c, shard1)).Records)
		assert.Equal(t, 500, total)

		s.Inject(kinesistest.Fault{Op: kinesistest.PutRecords, Shard: shard1, Throttle: true})
		out, err = c.PutRecords(t.Context(), in)
		require.NoError(t, err, "a partial failure is no error")
		assert.NotZero(t, *out.FailedRecordCount)
		assert.Less(t, *out.FailedRecordCount, int32(500))
		for _, r := range out.Records {
			if r.ErrorCode != nil {
				assert.Nil(t, r.SequenceNumber)
				assert.Equal(t, "ProvisionedThroughputExceededException", *r.ErrorCode)
				assert.Equal(t, "Rate exceeded for shard shardId-000000000001 in stream orders under account 123456789012.", *r.ErrorMessage)
			}
		}
	})
}

func TestPutsThatAreRefused(t *testing.T) {
	s, _ := newOrders(t, kinesistest.Config{}, 1)
	c := s.Client()
	mib := bytes.Repeat([]byte("x"), 1<<20)
	tests := []struct {
		name          string
		in            kinesis.PutRecordInput
		code, message string
	}{
		{"no data", kinesis.PutRecordInput{PartitionKey: new("k")}, "ValidationException", "'data'"},
		{"no key", kinesis.PutRecordInput{Data: []byte("x")}, "ValidationException", "'partitionKey'"},
		{"empty key", kinesis.PutRecordInput{Data: []byte("x"), PartitionKey: new("")}, "ValidationException", "'partitionKey'"},
		{"long key", kinesis.PutRecordInput{Data: []byte("x"), PartitionKey: new(strings.Repeat("k", 257))}, "ValidationException", "less than or equal to 256"},
		{"large", kinesis.PutRecordInput{Data: mib, PartitionKey: new("k")}, "ValidationException", "less than or equal to 1048576"},
		{"bad order", kinesis.PutRecordInput{Data: []byte("x"), PartitionKey: new("k"), SequenceNumberForOrdering: new("1")}, "InvalidArgumentException", "ExclusiveMinimumSequenceNumber 1"},
		{"dry run", kinesis.PutRecordInput{Data: []byte("x"), PartitionKey: new("k"), DryRun: new(true)}, "DryRunOperationException", "would have succeeded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.StreamName = new("orders")
			_, err := c.PutRecord(t.Context(), &tt.in)
			requireAPIError(t, err, tt.code, tt.message)
		})
	}
	entry := types.PutRecordsRequestEntry{PartitionKey: new("k"), Data: mib[1:]}
	for _, tt := range []struct {
		n             int
		code, message string
	}{{0, "ValidationException", "'records'"}, {501, "ValidationException", "less than or equal to 500"}, {11, "InvalidArgumentException", "Records size exceeds 10 MB limit"}} {
		in := &kinesis.PutRecordsInput{StreamName: new("orders")}
		for range tt.n {
			in.Records = append(in.Records, entry)
		}
		_, err := c.PutRecords(t.Context(), in)
		requireAPIError(t, err, tt.code, tt.message)
	}
	assert.Empty(t, read(t, c, horizonOf(t, c, shard0)).Records, "nothing of it was put")
}

func TestRecordsOfTenMiB(t *testing.T) {
	now := time.Now() // which stands still: a slow machine would see the pause after a large page end
	s := kinesistest.New(kinesistest.Config{Now: func() time.Time { return now }})
	c := s.Client() // the race detector takes seconds for 10 MiB through the SDK
	_, err := c.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: new("orders"), ShardCount: new(int32(1)), MaxRecordSizeInKiB: new(int32(10240))})
	require.NoError(t, err)
	in := &kinesis.PutRecordInput{StreamName: new("orders"), PartitionKey: new("k"), Data: make([]byte, 10<<20)}
	_, err = c.PutRecord(t.Context(), in)
	requireAPIError(t, err, "ValidationException", "less than or equal to 10485760")
	in.Data = in.Data[1:]
	_, err = c.PutRecord(t.Context(), in)
	require.NoError(t, err)
	it := horizonOf(t, c, shard0)
	got := post(s.Handler(), "Kinesis_20131202.GetRecords", `{"ShardIterator":"`+*it+`"}`)
	assert.Greater(t, got.Body.Len(), 13<<20, "it fits in an answer")
	_, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
	requireAPIError(t, err, "ProvisionedThroughputExceededException", "")
}

func TestRecordsWithoutPartitionKey(t *testing.T) {
	onBoth(t, kinesistest.Config{NoLimits: true}, func(t *testing.T, s *kinesistest.Service, c api) {
		_, err := c.CreateStream(t.Context(), &kinesis.CreateStreamInput{
			StreamName: new("orders"), ShardCount: new(int32(2)), RecordDistributionStrategy: types.RecordDistributionStrategyAuto,
			StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand},
		})
		require.NoError(t, err)
		shards := map[string]int{}
		for range 4 {
			out, err := c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: new("orders"), Data: []byte("x")})
			require.NoError(t, err)
			shards[*out.ShardId]++
		}
		assert.Equal(t, map[string]int{shard0: 2, shard1: 2}, shards, "dealt out evenly")
		assert.Nil(t, read(t, c, horizonOf(t, c, shard0)).Records[0].PartitionKey)
	})
}

func TestPutToWithoutKeyInAnyStream(t *testing.T) {
	s, orders := newOrders(t, kinesistest.Config{}, 2)
	_, err := orders.PutTo(shard1, "", []byte("x"))
	require.NoError(t, err)
	page := read(t, s.Client(), horizonOf(t, s.Client(), shard1))
	assert.Nil(t, page.Records[0].PartitionKey)
	_, err = orders.PutTo(shard3, "", nil)
	require.ErrorContains(t, err, "Could not find shard")
	_, _, err = orders.Split(shard1)
	require.NoError(t, err)
	_, err = orders.PutTo(shard1, "", nil)
	require.Error(t, err, "a closed shard takes no records")
}

func TestClientDataBelongsToItsCaller(t *testing.T) {
	s, orders := newOrders(t, kinesistest.Config{}, 1)
	data := []byte("abc")
	_, _, err := orders.Put("k", data)
	require.NoError(t, err)
	data[0] = 'X'
	it := horizonOf(t, s.Client(), shard0)
	page := read(t, s.Client(), it)
	assert.Equal(t, "abc", string(page.Records[0].Data))
	page.Records[0].Data[0] = 'X'
	_ = append(page.Records[0].Data, "overrun"...)
	assert.Equal(t, "abc", string(read(t, s.Client(), it).Records[0].Data))
}
