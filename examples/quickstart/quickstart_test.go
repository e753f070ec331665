package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/mapping/boltstore"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// programs is the folder of the program that the tests run.
var programs string

// TestMain has four tests run in parallel, however few processors there are: their programs wait for reads and locks most of the time.
// Those with an emulator, which needs a processor, run one after the other.
func TestMain(m *testing.M) {
	flag.Parse()
	if n, _ := strconv.Atoi(flag.Lookup("test.parallel").Value.String()); n < 4 {
		_ = flag.Set("test.parallel", "4")
	}
	var err error
	if programs, err = os.MkdirTemp("", "quickstart"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(programs)
	os.Exit(code)
}

// built builds the program, once.
var built = sync.OnceValues(func() (string, error) {
	program := filepath.Join(programs, "quickstart")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput() //nolint:noctx // for all tests, whichever comes first
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return program, nil
})

// build returns the program as a file.
func build(t *testing.T) string {
	t.Helper()
	program, err := built()
	require.NoError(t, err)
	return program
}

var lastLine = regexp.MustCompile(`^put=(\d+) delivered=(\d+) lost=(\d+) duplicates=(\d+) out_of_order=(\d+) invocations=(\d+) polls=(\d+) shards=(\d+)$`)

// output runs the program and returns what it prints.
func output(t *testing.T, program string, args ...string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// runToEnd runs the program and returns the numbers of its last line.
func runToEnd(t *testing.T, program string, args ...string) (put, delivered, lost, duplicates, outOfOrder, invocations, polls, shards int) {
	t.Helper()
	lines := output(t, program, args...)
	m := lastLine.FindStringSubmatch(lines[len(lines)-1])
	require.NotNil(t, m, "%s", lines)
	var n [8]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1])
	}
	return n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]
}

func TestQuickstartDeliversEverythingInOrder(t *testing.T) {
	put, delivered, lost, duplicates, outOfOrder, invocations, polls, shards := runToEnd(t, build(t))
	assert.Equal(t, []int{5000, 5000, 0, 0, 0, 4}, []int{put, delivered, lost, duplicates, outOfOrder, shards})
	assert.Greater(t, invocations, 5*polls, "surplus is invoked back to back")
}

func TestKill9LosesNothingAndRepeatsOnlyWhatWasNotStored(t *testing.T) {
	t.Run("endpoint", func(t *testing.T) {
		t.Parallel()
		server := kinesistest.NewServer(kinesistest.New(kinesistest.Config{}))
		defer server.Close()
		killAndGoOn(t, "-endpoint", server.URL)
	})
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		killAndGoOn(t)
	})
	t.Run("emulator", func(t *testing.T) { killAndGoOn(t, "-endpoint", rig.Kinesis(t)) })
}

func TestQuickstartAgainstAKinesisThatOthersWrote(t *testing.T) {
	endpoint := rig.Kinesis(t)
	program := build(t)
	put, delivered, lost, duplicates, outOfOrder, invocations, polls, shards := runToEnd(t, program, "-endpoint", endpoint)
	assert.Equal(t, []int{5000, 5000, 0, 0, 0, 4}, []int{put, delivered, lost, duplicates, outOfOrder, shards})
	assert.Greater(t, invocations, polls)

	put, delivered, lost, _, outOfOrder, _, _, _ = runToEnd(t, program, "-endpoint", endpoint)
	assert.Equal(t, []int{5000, 5000, 0, 0}, []int{put, delivered, lost, outOfOrder}, "the stream is there already: nothing is put again")
}

// killAndGoOn kills the program in the middle and runs it again.
func killAndGoOn(t *testing.T, args ...string) {
	t.Helper()
	program, store := build(t), filepath.Join(t.TempDir(), "q.db")
	args = append(args, "-store", store, "-records", "2000", "-batch", "10", "-work", "20ms")

	first := exec.CommandContext(t.Context(), program, args...)
	require.NoError(t, first.Start())
	require.Eventually(t, func() bool { return len(deliveries(t, store)) > 600 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, first.Process.Kill()) // SIGKILL
	require.Error(t, first.Wait())

	before := len(deliveries(t, store))
	require.Less(t, before, 2000, "it was killed in the middle")
	stored := positions(t, store)
	require.NotEmpty(t, stored)

	put, delivered, lost, duplicates, outOfOrder, _, _, _ := runToEnd(t, program, args...)
	assert.Equal(t, []int{2000, 2000, 0, 0}, []int{put, delivered, lost, outOfOrder})
	again := deliveries(t, store)[before:]
	assert.Len(t, again, 2000-before+duplicates)
	for _, d := range again {
		require.Positive(t, batch.CompareSequenceNumbers(d.sequence, stored[d.shard]), "record %d lies at or below the stored checkpoint", d.number)
	}
	t.Logf("delivered before the kill: %d, seen again: %d", before, duplicates)
}

// delivery is a line of the file of deliveries.
type delivery struct {
	number          int
	sequence, shard string
}

// keys is the number of partition keys of the program's records.
const keys = 64

// deliveries reads the file next to the store. It leaves out an incomplete last line.
func deliveries(t *testing.T, store string) []delivery {
	t.Helper()
	text, err := os.ReadFile(store + ".delivered")
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	var all []delivery
	for line := range strings.Lines(string(text)) {
		var d delivery
		if n, err := fmt.Sscanf(line, "%d %s %s .", &d.number, &d.sequence, &d.shard); err == nil && n == 3 {
			all = append(all, d)
		}
	}
	return all
}

// positions returns the stored sequence number of each shard.
func positions(t *testing.T, name string) map[string]string {
	t.Helper()
	store, err := boltstore.Open(name)
	require.NoError(t, err)
	defer store.Close()
	var all map[string]driver.Progress
	for _, account := range []string{"123456789012", "000000000000"} {
		all, err = store.Progress(t.Context(), "arn:aws:kinesis:us-east-1:"+account+":stream/quickstart "+
			"arn:aws:lambda:us-east-1:"+account+":function:quickstart")
		require.NoError(t, err)
		if len(all) > 0 {
			break
		}
	}
	stored := map[string]string{}
	for shard, p := range all {
		stored[shard] = p.Position.SequenceNumber
	}
	return stored
}

// TestQuickstartOnMoreShardsThanAPageLists: a listing has 1,000 shards a page.
func TestQuickstartOnMoreShardsThanAPageLists(t *testing.T) {
	t.Parallel()
	put, delivered, lost, _, outOfOrder, _, _, shards := runToEnd(t, build(t), "-shards", "1200")
	assert.Equal(t, []int{5000, 5000, 0, 0, 1200}, []int{put, delivered, lost, outOfOrder, shards})
}
