package boltstore_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/shardmill/shardmill/mapping/boltstore"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestKilledProcessLosesNothingAcknowledged kills a process that commits, again and again on the same file.
func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	acknowledged := map[string]int{}
	note := func(line string) {
		var shard string
		var n int
		_, err := fmt.Sscan(line, &shard, &n)
		require.NoError(t, err, "line %q", line)
		assert.Greater(t, n, acknowledged[shard], "shard %s went back over a restart", shard)
		acknowledged[shard] = n
	}
	for range 10 {
		c := startChild(t, "commit", path)
		require.Equal(t, "open", c.line(t))
		for range 1 + rand.IntN(100) {
			note(c.line(t))
		}
		for _, line := range c.kill(t) {
			note(line)
		}
		checkAcknowledged(t, path, acknowledged)
	}
}

// checkAcknowledged opens the store and compares what is stored with what was acknowledged: one commit may have been
// written whose acknowledgement was not printed any more. What is stored counts as acknowledged from then on: the next
// process begins there, and may be killed before it prints anything.
func checkAcknowledged(t *testing.T, path string, acknowledged map[string]int) {
	t.Helper()
	s, err := boltstore.Open(path)
	require.NoError(t, err)
	all, err := s.Progress(t.Context(), "m")
	require.NoError(t, err)
	for shard, want := range acknowledged {
		got, err := strconv.Atoi(all[shard].Position.SequenceNumber)
		require.NoError(t, err, "shard %s", shard)
		assert.GreaterOrEqual(t, got, want, "shard %s", shard)
		assert.LessOrEqual(t, got, want+1, "shard %s", shard)
		acknowledged[shard] = got
	}
	require.NoError(t, s.Close())
}

// TestKilledWhileTheFileIsMade kills a process in its first milliseconds, when there is no file yet.
func TestKilledWhileTheFileIsMade(t *testing.T) {
	t.Parallel()
	for range 15 {
		path := newPath(t)
		c := startChild(t, "commit", path)
		require.Equal(t, "open", c.line(t))
		<-time.After(rand.N(10 * time.Millisecond)) // no event to wait for: any instant is the point
		acknowledged := map[string]int{}
		for _, line := range c.kill(t) {
			var shard string
			var n int
			_, err := fmt.Sscan(line, &shard, &n)
			require.NoError(t, err, "line %q", line)
			acknowledged[shard] = n
		}
		checkAcknowledged(t, path, acknowledged)
	}
}
