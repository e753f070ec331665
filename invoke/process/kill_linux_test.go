package process_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/process"
)

func TestKill9MidInvocationIsAFunctionErrorAndTheNextWorks(t *testing.T) {
	f := start(t, config("function"))
	pid := call(t, f, "say").Pid
	in := invocation("sleep 1m")
	var group errgroup.Group
	group.Go(func() error {
		r, outcome := invoke.Run(t.Context(), f, in, invoke.Options{})
		assert.Equal(t, batch.FunctionError, outcome.Kind)
		assert.Equal(t, fmt.Sprintf(`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: %s Error: Runtime exited with error: signal: killed"}`, in.RequestID), string(r.Payload))
		return nil
	})
	time.Sleep(50 * time.Millisecond) // let it have the invocation
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.NoError(t, group.Wait())
	assert.NotEqual(t, pid, call(t, f, "say").Pid)
}

func TestKill9OfAnIdleProcessIsNotNoticed(t *testing.T) {
	var l logs
	cfg := config("function")
	cfg.Logger = l.logger()
	f := start(t, cfg)
	for i := range 5 {
		pid := call(t, f, "say").Pid
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		require.Eventually(t, func() bool { return len(l.find(t, "function's process ended")) > i }, 5*time.Second, time.Millisecond)
	}
}

func TestGrandchildrenEndWithTheirProcess(t *testing.T) {
	f := start(t, config("function"))
	for _, order := range []string{"exit 1", "panic x"} {
		_, child := forked(t, f)
		fail(t.Context(), t, f, order)
		assert.Eventually(t, func() bool { return !alive(child) }, 5*time.Second, time.Millisecond, "grandchild %d is still there", child)
	}
	_, child := forked(t, f)
	require.NoError(t, f.Close())
	assert.Eventually(t, func() bool { return !alive(child) }, 5*time.Second, time.Millisecond, "grandchild %d is still there", child)
}

// forked has a function start a process, and returns its id and that process's.
func forked(t testing.TB, f *process.Function) (pid, child int) {
	t.Helper()
	r, err := f.Invoke(t.Context(), invocation("fork"))
	require.NoError(t, err)
	var pids []int
	require.NoError(t, json.Unmarshal(r.Payload, &pids), "%s", r.Payload)
	require.True(t, alive(pids[1]))
	return pids[0], pids[1]
}

func TestKill9OfTheHostLeavesNoOrphan(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"=host")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var pids []int
	for lines := bufio.NewScanner(out); len(pids) < 6 && lines.Scan(); {
		var pid, child int
		_, err := fmt.Sscan(lines.Text(), &pid, &child)
		require.NoError(t, err, lines.Text())
		pids = append(pids, pid, child)
	}
	require.Len(t, pids, 6)
	below := descendants(t, cmd.Process.Pid)
	require.Subset(t, below, pids)
	require.Len(t, below, 7, "three functions with a child each, and the guard")

	require.NoError(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)) // its group: the guard must not be in it
	require.Error(t, cmd.Wait())
	for _, pid := range below {
		assert.Eventually(t, func() bool { return !alive(pid) }, 5*time.Second, 5*time.Millisecond, "process %d is an orphan", pid)
	}
}

func TestMemoryLimit(t *testing.T) {
	cfg := config("function")
	cfg.MemoryLimit = 512 << 20
	f := start(t, cfg)
	call(t, f, "say")
	_, document := fail(t.Context(), t, f, "allocate")
	assert.Regexp(t, `Runtime exited with error: exit status \d+"}$`, document) // 2, or what the race detector ends with
	call(t, f, "say")
}
