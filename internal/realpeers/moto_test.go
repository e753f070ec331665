package realpeers_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
)

// moto is moto's server with a stream, and the witness of those who read it. Moto counts the records of each shard from 1, and
// a merge copies them into the new shard under new numbers: so a record's position is the number that is its data.
type moto struct {
	*testing.T
	endpoint string
	config   aws.Config
	kinesis  *kinesis.Client
	arn      string
	*witness
	put []record
}

// newMoto starts the server and makes a stream in it, named "orders".
func newMoto(t *testing.T, shards int32) *moto {
	t.Helper()
	m := &moto{T: t, endpoint: rig.Moto(t), witness: newWitness()}
	m.config = rig.AWSConfig(m.endpoint)
	m.kinesis = kinesis.NewFromConfig(m.config)
	_, err := m.kinesis.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: &shards})
	require.NoError(t, err)
	m.arn = fmt.Sprintf("arn:aws:kinesis:%s:%s:stream/orders", rig.Region, rig.Account)
	return m
}

// puts puts records first to last, of 100 keys, by the hash keys of these or all by one.
func (m *moto) puts(first, last int, hashKey *string) {
	m.Helper()
	for first <= last {
		var entries []types.PutRecordsRequestEntry
		for ; first <= last && len(entries) < 500; first++ {
			key, data := fmt.Sprint("customer ", first%100), []byte(strconv.Itoa(first))
			entries = append(entries, types.PutRecordsRequestEntry{PartitionKey: &key, Data: data, ExplicitHashKey: hashKey})
			m.put = append(m.put, record{seq: string(data), key: key, hash: hashOf(data)})
		}
		out, err := m.kinesis.PutRecords(m.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("orders"), Records: entries})
		require.NoError(m, err)
		require.Zero(m, *out.FailedRecordCount)
	}
}

// mapping returns a mapping of the stream. The witness notes the records of each invocation for which function returns nil.
func (m *moto) mapping(name string, function func(*invoke.Event) error, more ...func(*mapping.Config)) *mapping.Mapping {
	m.Helper()
	c := mapping.Config{
		EventSourceARN: m.arn, FunctionName: name, StartingPosition: mapping.TrimHorizon, Client: m.kinesis,
		Logger: slog.New(slog.DiscardHandler), Read: mapping.ReadOptions{PollInterval: 250 * time.Millisecond}, ShardRefreshInterval: time.Second,
		Function: invoke.Func(func(_ context.Context, e *invoke.Event) error {
			if err := function(e); err != nil {
				return err
			}
			m.delivered(name, e)
			return nil
		}),
	}
	for _, change := range more {
		change(&c)
	}
	made, err := mapping.New(c)
	require.NoError(m, err)
	return made
}

// delivered notes the records of an invocation.
func (m *moto) delivered(by string, e *invoke.Event) {
	var all []delivery
	for r := range e.Records() {
		all = append(all, delivery{record: record{seq: string(r.Data), key: r.PartitionKey, hash: hashOf(r.Data)}, by: by, shard: e.Origin.ShardID})
	}
	m.deliver(all...)
}

// succeeds is a function that does.
func succeeds(*invoke.Event) error { return nil }

// background runs a mapping, until the test ends or the returned function stops it.
func background(t *testing.T, m *mapping.Mapping) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { assert.NoError(t, m.Run(ctx)) })
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// The first example program, with all its own checks, on a Kinesis that others wrote.
func TestQuickstartOnMoto(t *testing.T) {
	t.Parallel()
	endpoint := rig.Moto(t)
	program := filepath.Join(t.TempDir(), "quickstart")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../examples/quickstart").CombinedOutput()
	require.NoError(t, err, "%s", out)
	records := many(2_000, 20_000)
	for _, flags := range [][]string{{"-stream", "plain"}, {"-stream", "aggregates", "-aggregate"}} {
		args := append(flags, "-endpoint", endpoint, "-records", strconv.Itoa(records))
		out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		last := lines[len(lines)-1]
		t.Logf("quickstart %s: %s", strings.Join(flags, " "), last)
		assert.True(t, strings.HasPrefix(last, fmt.Sprintf("put=%d delivered=%d lost=0 duplicates=0 out_of_order=0 ", records, records)), last)
	}
}

// Moto's closed shards never end: each answer has a next iterator. We end them by the listing, and read their children. Moto
// copies the records of merged shards into the new one, so those are delivered twice; all others once.
func TestReadsMotoAcrossAMerge(t *testing.T) {
	t.Parallel()
	m := newMoto(t, 2)
	n := many(1_000, 10_000)
	m.puts(1, n/2, nil)
	background(t, m.mapping("orders-app", succeeds))
	eventually(t, "some records", func() bool { return m.distinct() > n/10 })
	_, err := m.kinesis.MergeShards(t.Context(), &kinesis.MergeShardsInput{
		StreamName: aws.String("orders"), ShardToMerge: aws.String("shardId-000000000000"), AdjacentShardToMerge: aws.String("shardId-000000000001"),
	})
	require.NoError(t, err)
	m.puts(n/2+1, n, aws.String(m.onlyInTheChild()))
	eventually(t, "all records", func() bool { return m.distinct() >= n && m.total() >= n+n/2 })

	v := judge(m.put, m.all())
	assertNothingLost(t, v)
	assert.Equal(t, n/2, v.repeated, "just those that moto copied")
	m.assertOrderOfKeys()

	// What keeps the quickstart's -reshard from success on moto.
	out, err := m.kinesis.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("orders"), PartitionKey: aws.String("k"), Data: []byte("1")})
	require.NoError(t, err)
	assert.NotEqual(t, "shardId-000000000002", *out.ShardId, "moto no longer puts into shards that it has closed: let the quickstart run with -reshard")
}

// onlyInTheChild returns the one hash key that moto puts into the shard that a merge made: it looks through all shards, closed ones
// too, and takes a shard's last hash key for one beyond it.
func (m *moto) onlyInTheChild() string {
	m.Helper()
	out, err := m.kinesis.ListShards(m.Context(), &kinesis.ListShardsInput{StreamName: aws.String("orders")})
	require.NoError(m, err)
	for _, s := range out.Shards {
		if *s.ShardId == "shardId-000000000000" {
			return *s.HashKeyRange.EndingHashKey
		}
	}
	require.Fail(m, "no first shard")
	return ""
}

// assertOrderOfKeys checks that the records of each key came first in the order in which they were put.
func (m *moto) assertOrderOfKeys() {
	m.Helper()
	last := map[string]record{}
	seen := map[string]bool{}
	for _, d := range m.all() {
		if seen[d.seq] {
			continue
		}
		seen[d.seq] = true
		if before, ok := last[d.key]; ok {
			assert.Negative(m, compare(before, d.record), "%s: %s after %s", d.key, d.seq, before.seq)
		}
		last[d.key] = d.record
	}
}

// post posts to moto's own API, which sets how the server behaves.
func (m *moto) post(path, body string) {
	m.Helper()
	request, err := http.NewRequestWithContext(m.Context(), http.MethodPost, m.endpoint+"/moto-api/"+path, strings.NewReader(body))
	require.NoError(m, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(m, err)
	answer, err := io.ReadAll(response.Body)
	require.NoError(m, err)
	require.NoError(m, response.Body.Close())
	require.Less(m, response.StatusCode, 300, "%s", answer)
}
