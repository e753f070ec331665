package main

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// everyShard is how many shards a stream of 4 has had when each was split and merged again.
const everyShard = 4 + 4*2 + 4

func TestReshardLosesNothingAndKeepsTheOrderOverTheLineage(t *testing.T) {
	program := build(t)
	for _, flags := range [][]string{{}, {"-aggregate"}} {
		t.Run("embedded "+strings.Join(flags, " "), func(t *testing.T) { reshardAll(t, program, flags...) })
		t.Run("emulator "+strings.Join(flags, " "), func(t *testing.T) {
			reshardAll(t, program, append(flags, "-endpoint", rig.Kinesis(t))...)
		})
	}
}

// reshardAll runs the program with -reshard, and looks at what it noted of its deliveries.
func reshardAll(t *testing.T, program string, flags ...string) {
	t.Helper()
	store := filepath.Join(t.TempDir(), "q.db")
	put, delivered, lost, duplicates, outOfOrder, _, _, shards := runToEnd(t, program, append(flags, "-reshard", "-store", store)...)
	assert.Equal(t, []int{5000, 5000, 0, 0, 0, everyShard}, []int{put, delivered, lost, duplicates, outOfOrder, shards})

	read := map[string]bool{}
	last := map[string]int{}
	for _, d := range deliveries(t, store) {
		read[d.shard] = true
		key := keyOf(d.number)
		before, seen := last[key]
		require.True(t, !seen || before < d.number, "record %d came behind record %d of the same key", d.number, before)
		last[key] = d.number
	}
	assert.Len(t, read, everyShard, "each shard, split, half or merged, brought records")
}

func TestAggregatesAreTakenApart(t *testing.T) {
	service := kinesistest.New(kinesistest.Config{})
	server := kinesistest.NewServer(service)
	defer server.Close()
	program := build(t)
	flags := []string{"-endpoint", server.URL, "-aggregate", "-records", "1000"}
	put, delivered, lost, duplicates, outOfOrder, _, _, _ := runToEnd(t, program, flags...)
	assert.Equal(t, []int{1000, 1000, 0, 0, 0}, []int{put, delivered, lost, duplicates, outOfOrder})

	entries := streamRecords(t, server.Client())
	assert.Len(t, entries, 2*keys, "two calls, each with an aggregate a key")
	for _, e := range entries {
		require.Equal(t, "\xF3\x89\x9A\xC2", string(e.Data[:4]))
	}
	put, delivered, lost, duplicates, outOfOrder, _, _, _ = runToEnd(t, program, flags...)
	assert.Equal(t, []int{1000, 1000, 0, 0, 0}, []int{put, delivered, lost, duplicates, outOfOrder})
	assert.Len(t, streamRecords(t, server.Client()), len(entries), "members that the stream has are not put again")
}

// streamRecords reads the program's stream.
func streamRecords(t *testing.T, client *kinesis.Client) (all []types.Record) {
	t.Helper()
	shards, err := client.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String("quickstart")})
	require.NoError(t, err)
	for _, s := range shards.Shards {
		it, err := client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
			StreamName: aws.String("quickstart"), ShardId: s.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		require.NoError(t, err)
		page, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
		require.NoError(t, err)
		all = append(all, page.Records...)
	}
	return all
}

func TestAggregateOfLargeRecordsStaysBelowItsLimit(t *testing.T) {
	numbers := []int{0, keys, 2 * keys, 3 * keys, 1}
	var got [][]int
	for _, e := range aggregates(numbers, maxAggregate/2) {
		got = append(got, e.numbers)
	}
	assert.Equal(t, [][]int{{0, keys}, {2 * keys, 3 * keys}, {1}}, got)
	assert.Len(t, aggregates(numbers, 1<<20), len(numbers), "a record that is larger goes alone")
}

func TestReshardingGoesOnAfterKill9(t *testing.T) {
	program, store := build(t), filepath.Join(t.TempDir(), "q.db")
	flags := []string{"-reshard", "-aggregate", "-store", store}
	first := exec.CommandContext(t.Context(), program, flags...)
	require.NoError(t, first.Start())
	require.Eventually(t, func() bool { return len(deliveries(t, store)) > 1000 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, first.Process.Kill())
	require.Error(t, first.Wait())

	before := len(deliveries(t, store))
	require.Less(t, before, 5000, "it was killed in the middle")
	put, delivered, lost, duplicates, outOfOrder, _, _, _ := runToEnd(t, program, flags...)
	assert.Equal(t, []int{5000, 5000, 0, 0}, []int{put, delivered, lost, outOfOrder})
	assert.Len(t, deliveries(t, store)[before:], 5000-before+duplicates)
}

func TestReshardTellsOfEachStep(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), build(t), "-reshard", "-shards=1", "-records=100").Output()
	require.NoError(t, err)
	var told []string
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); slices.Contains(fields, "into") {
			told = append(told, strings.Join(fields[1:], " "))
		}
	}
	assert.Equal(t, []string{
		"split shardId-000000000000 into shardId-000000000001 and shardId-000000000002",
		"merged shardId-000000000001 and shardId-000000000002 into shardId-000000000003",
	}, told)
}
