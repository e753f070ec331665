package main

import (
	"fmt"
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
	for name, c := range map[string]struct {
		emulator bool
		flags    []string
	}{
		"embedded":                      {},
		"embedded, aggregates":          {flags: []string{"-aggregate"}},
		"embedded, fan-out":             {flags: []string{"-fanout"}},
		"embedded, fan-out, aggregates": {flags: []string{"-fanout", "-aggregate"}},
		"emulator":                      {emulator: true},
		"emulator, aggregates":          {emulator: true, flags: []string{"-aggregate"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.emulator {
				c.flags = append(c.flags, "-endpoint", rig.Kinesis(t))
			} else {
				t.Parallel()
			}
			reshardAll(t, program, c.flags...)
		})
	}
}

// reshardAll runs the program with -reshard, and checks the reshards that it prints and the deliveries that it writes.
func reshardAll(t *testing.T, program string, flags ...string) {
	t.Helper()
	store := filepath.Join(t.TempDir(), "q.db")
	lines := output(t, program, append(flags, "-reshard", "-records", "2000", "-store", store)...)
	assert.Equal(t, allReshards(), reshardsIn(lines))
	assert.Regexp(t, fmt.Sprintf(`^put=2000 delivered=2000 lost=0 duplicates=0 out_of_order=0 .* shards=%d$`, everyShard), lines[len(lines)-1])

	read := map[string]bool{}
	last := map[int]int{}
	for _, d := range deliveries(t, store) {
		read[d.shard] = true
		key := d.number % keys
		before, seen := last[key]
		require.True(t, !seen || before < d.number, "record %d came after record %d of the same key", d.number, before)
		last[key] = d.number
	}
	assert.Len(t, read, everyShard, "each shard, split, half or merged, brought records")
}

// allReshards are those of a stream of 4 shards.
func allReshards() (all []string) {
	id := func(n int) string { return fmt.Sprintf("shardId-%012d", n) }
	for i := range 4 {
		next := 4 + 3*i
		all = append(all, fmt.Sprintf("split %s into %s and %s", id(i), id(next), id(next+1)),
			fmt.Sprintf("merged %s and %s into %s", id(next), id(next+1), id(next+2)))
	}
	return all
}

// reshardsIn returns the lines about reshards, without their times.
func reshardsIn(lines []string) (found []string) {
	for _, line := range lines {
		if fields := strings.Fields(line); slices.Contains(fields, "into") {
			found = append(found, strings.Join(fields[1:], " "))
		}
	}
	return found
}

func TestAggregatesAreTakenApart(t *testing.T) {
	t.Parallel()
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

func TestFanoutSubscribesAndNeverPolls(t *testing.T) {
	t.Parallel()
	service := kinesistest.New(kinesistest.Config{})
	server := kinesistest.NewServer(service)
	defer server.Close()
	program := build(t)
	put, delivered, lost, duplicates, outOfOrder, _, _, shards := runToEnd(t, program, "-endpoint", server.URL, "-fanout")
	assert.Equal(t, []int{5000, 5000, 0, 0, 0, 4}, []int{put, delivered, lost, duplicates, outOfOrder, shards})
	assert.Empty(t, service.Calls(kinesistest.GetRecords))
	assert.Len(t, service.Calls(kinesistest.SubscribeToShard), 4)

	put, delivered, lost, duplicates, outOfOrder, _, _, _ = runToEnd(t, program, "-endpoint", server.URL, "-fanout")
	assert.Equal(t, []int{5000, 5000, 0, 0, 0}, []int{put, delivered, lost, duplicates, outOfOrder}, "the consumer is there already")
}

func TestReshardingGoesOnAfterKill9(t *testing.T) {
	t.Parallel()
	program := build(t)
	for _, way := range []string{"-fanout=false", "-fanout"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			killAmidReshards(t, program, way)
		})
	}
}

func killAmidReshards(t *testing.T, program string, flags ...string) {
	t.Helper()
	store := filepath.Join(t.TempDir(), "q.db")
	flags = append(flags, "-reshard", "-aggregate", "-work", "20ms", "-store", store) // parents that lag behind
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
