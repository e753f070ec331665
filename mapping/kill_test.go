package mapping_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/boltstore"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// The environment of the process that TestKillInTheMiddleOfAWindowLeavesItsStateAsIfNothingHadHappened kills.
const (
	childServer = "SHARDMILL_TEST_SERVER"
	childStore  = "SHARDMILL_TEST_STORE"
)

// seen is the state of a window: the sequence numbers of its records, so that one that comes twice counts once.
type seen struct {
	Records map[string]bool `json:"records"`
}

// final is a line that the process prints at the end of a window.
type final struct {
	Start   int64
	Records map[string]bool
}

// aggregate is that process: it runs a mapping with windows of 1 s until it is killed.
func aggregate(url, file string) {
	store, err := boltstore.Open(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	client := kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	})
	m, err := mapping.New(mapping.Config{
		EventSourceARN: streamARN, FunctionName: "count", StartingPosition: mapping.TrimHorizon,
		BatchSize: 3, TumblingWindow: time.Second, TumblingWindowGrace: time.Second, Read: mapping.ReadOptions{PollInterval: 200 * time.Millisecond},
		Client: client, Store: store,
		Function: invoke.StateFunc(func(_ context.Context, e *invoke.Event, s seen) (seen, error) {
			if s.Records == nil {
				s.Records = map[string]bool{}
			}
			for r := range e.Records() {
				s.Records[r.SequenceNumber] = true
			}
			if e.Window.Final {
				line, _ := json.Marshal(final{Start: e.Window.Start.Unix(), Records: s.Records})
				fmt.Printf("%s\n", line)
			}
			return s, nil
		}),
	})
	if err == nil {
		err = m.Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// finals gathers what the processes print.
type finals struct {
	mu      sync.Mutex
	windows map[int64]map[string]bool
}

func (f *finals) get(start int64) map[string]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.windows[start]
}

// start starts the process. What it prints is gathered until it ends.
func (f *finals) start(t *testing.T, url, file string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childServer+"="+url, childStore+"="+file)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	go func() {
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var line final
			if json.Unmarshal(lines.Bytes(), &line) != nil {
				continue // cut short by the kill
			}
			f.mu.Lock()
			f.windows[line.Start] = line.Records
			f.mu.Unlock()
		}
	}()
	return cmd
}

func TestKillInTheMiddleOfAWindowLeavesItsStateAsIfNothingHadHappened(t *testing.T) {
	t.Parallel()
	service := kinesistest.New(kinesistest.Config{NoLimits: true})
	stream, err := service.CreateStream("orders", 1)
	require.NoError(t, err)
	server := kinesistest.NewServer(service)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "windows.db")
	f := &finals{windows: map[int64]map[string]bool{}}

	cmd := f.start(t, server.URL, file)
	for range 4 {
		until := time.Now().Add(time.Second + rand.N(500*time.Millisecond)) // any instant is the point
		for time.Now().Before(until) {
			_, _, err := stream.Put("a", []byte("x"))
			require.NoError(t, err)
			<-time.After(10 * time.Millisecond)
		}
		require.NoError(t, cmd.Process.Kill()) // SIGKILL
		require.Error(t, cmd.Wait())
		cmd = f.start(t, server.URL, file)
	}

	want := arrivals(t, service)
	require.Greater(t, len(want), 3)
	for start, records := range want {
		require.Eventually(t, func() bool { return f.get(start) != nil }, 30*time.Second, 20*time.Millisecond, "window %d", start)
		assert.Equal(t, records, f.get(start), "window %d", start)
	}
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
}

// arrivals returns the sequence numbers of all records by the second of their arrival.
func arrivals(t *testing.T, service *kinesistest.Service) map[int64]map[string]bool {
	t.Helper()
	it, err := service.Client().GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
		StreamName: aws.String("orders"), ShardId: aws.String("shardId-000000000000"), ShardIteratorType: "TRIM_HORIZON",
	})
	require.NoError(t, err)
	page, err := service.Client().GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
	require.NoError(t, err)
	want := map[int64]map[string]bool{}
	for _, r := range page.Records {
		second := r.ApproximateArrivalTimestamp.Unix()
		if want[second] == nil {
			want[second] = map[string]bool{}
		}
		want[second][*r.SequenceNumber] = true
	}
	return want
}
