package kinesistest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

// readAll returns the sequence numbers and data of all records, by shard.
func readAll(t *testing.T, s *kinesistest.Service, stream string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, shard := range s.Stream(stream).Shards() {
		it, err := s.Client().GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
			StreamName: &stream, ShardId: shard.ShardId, ShardIteratorType: "TRIM_HORIZON",
		})
		require.NoError(t, err)
		page, err := s.Client().GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
		require.NoError(t, err)
		for _, r := range page.Records {
			all[*shard.ShardId] = append(all[*shard.ShardId], *r.SequenceNumber+" "+string(r.Data))
		}
	}
	return all
}

func TestOpenHasTheSameStreamsAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "streams")
	s, err := kinesistest.Open(path, kinesistest.Config{NoLimits: true})
	require.NoError(t, err)
	orders, err := s.CreateStream("orders", 2)
	require.NoError(t, err)
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		_, _, err := orders.Put(key, []byte("first "+key))
		require.NoError(t, err)
	}
	low, _, err := orders.Split("shardId-000000000000")
	require.NoError(t, err)
	_, err = orders.PutTo(low, "", []byte("without a key"))
	require.NoError(t, err)
	require.NoError(t, orders.UpdateShardCount(5))
	_, err = orders.RegisterConsumer("audit")
	require.NoError(t, err)
	require.NoError(t, orders.DeregisterConsumer("audit"))
	billing, err := orders.RegisterConsumer("billing")
	require.NoError(t, err)
	_, err = s.CreateStream("gone", 1)
	require.NoError(t, err)
	name := "gone"
	_, err = s.Client().DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: &name})
	require.NoError(t, err)
	want, shards := readAll(t, s, "orders"), orders.Shards()
	require.Len(t, want, 3)
	_, err = kinesistest.Open(path, kinesistest.Config{})
	require.ErrorContains(t, err, "another Service has it")
	require.NoError(t, s.Close())

	again, err := kinesistest.Open(path, kinesistest.Config{NoLimits: true})
	require.NoError(t, err)
	assert.Equal(t, want, readAll(t, again, "orders"))
	assert.Equal(t, shards, again.Stream("orders").Shards())
	assert.Empty(t, again.Stream("gone").Shards())
	listed, err := again.Client().ListStreamConsumers(t.Context(), &kinesis.ListStreamConsumersInput{StreamARN: new(orders.ARN())})
	require.NoError(t, err)
	require.Len(t, listed.Consumers, 1)
	assert.Equal(t, billing, *listed.Consumers[0].ConsumerARN)
	_, _, err = again.Stream("orders").Put("a", []byte("more"))
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

func TestOpenPassesOverALineThatWasCutShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "streams")
	s, err := kinesistest.Open(path, kinesistest.Config{})
	require.NoError(t, err)
	orders, err := s.CreateStream("orders", 1)
	require.NoError(t, err)
	_, _, err = orders.Put("a", []byte("1"))
	require.NoError(t, err)
	_, _, err = orders.Put("a", []byte("2"))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text[:len(text)-5], 0o644))

	s, err = kinesistest.Open(path, kinesistest.Config{NoLimits: true})
	require.NoError(t, err)
	assert.Len(t, readAll(t, s, "orders")["shardId-000000000000"], 1)
	_, _, err = s.Stream("orders").Put("a", []byte("3"))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	s, err = kinesistest.Open(path, kinesistest.Config{NoLimits: true})
	require.NoError(t, err)
	assert.Len(t, readAll(t, s, "orders")["shardId-000000000000"], 2)
}

func TestOpenRefusesAFileThatIsNoJournal(t *testing.T) {
	for _, text := range []string{"garbage\n", "{}\n", `{"op":"GetRecords"}` + "\n", `{"records":[{"stream":"no"}]}` + "\n"} {
		path := filepath.Join(t.TempDir(), "streams")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		_, err := kinesistest.Open(path, kinesistest.Config{})
		require.ErrorContains(t, err, path+": line 1: ")
	}
}
