package boltstore_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/boltstore"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"
)

// The test binary is its own second process: with these variables set it opens the store at the path and does
// one of the jobs below until it is killed.
const (
	childJob  = "BOLTSTORE_TEST_JOB"
	childPath = "BOLTSTORE_TEST_PATH"
)

func TestMain(m *testing.M) {
	if job := os.Getenv(childJob); job != "" {
		if err := runChild(job, os.Getenv(childPath)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// child is a running second process.
type child struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

// startChild starts the job and kills it at the end of the test at the latest.
func startChild(t *testing.T, job, path string) *child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childJob+"="+job, childPath+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	_, err = cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return &child{cmd: cmd, lines: bufio.NewScanner(out)}
}

// line returns the next line that the child printed.
func (c *child) line(t *testing.T) string {
	t.Helper()
	require.True(t, c.lines.Scan(), "the child has ended: %v", c.lines.Err())
	return c.lines.Text()
}

// kill ends the child as kill -9 does, and returns what it had printed and nobody has read.
func (c *child) kill(t *testing.T) (rest []string) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Kill())
	for c.lines.Scan() {
		rest = append(rest, c.lines.Text())
	}
	require.Error(t, c.cmd.Wait(), "the child has ended by itself")
	return rest
}

// childShards is the number of shards that the commit job writes at the same time.
const childShards = 4

func runChild(job, path string) error {
	fmt.Println("open")
	store, err := boltstore.Open(path)
	if err != nil {
		return err
	}
	switch job {
	case "hold":
		fmt.Println("held")
		_, err := io.Copy(io.Discard, os.Stdin) // until the parent is gone, or kills it
		return err
	case "commit":
		var g errgroup.Group
		for i := range childShards {
			g.Go(func() error { return commitForEver(store, strconv.Itoa(i)) })
		}
		return g.Wait()
	}
	return fmt.Errorf("unknown job %s", job)
}

// commitForEver commits positions that grow by one and prints each that is acknowledged.
func commitForEver(store driver.Store, shard string) error {
	ctx := context.Background()
	lease, p, err := store.Acquire(ctx, "m", shard, "child")
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(p.Position.SequenceNumber) // empty at first
	for v := uint64(1); ; v++ {
		n++
		p := driver.Progress{Version: v, Position: batch.Position{SequenceNumber: strconv.Itoa(n)}}
		if err := store.Commit(ctx, lease, p); err != nil {
			return err
		}
		if _, err := fmt.Printf("%s %d\n", shard, n); err != nil {
			return err
		}
	}
}
