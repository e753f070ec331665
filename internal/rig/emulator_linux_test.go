package rig_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/rig"
)

// loopback is 127.0.0.1 as /proc/net/tcp writes it.
const loopback = "0100007F"

func TestEmulatorsListenOnLoopbackOnlyAndEndWithTheTest(t *testing.T) {
	for name, start := range map[string]func(testing.TB) string{"Kinesis": rig.Kinesis, "DynamoDB": rig.DynamoDB, "SQS": rig.SQS, "moto": rig.Moto} {
		t.Run(name, func(t *testing.T) {
			var pid int
			var endpoint string
			t.Run("while the test runs", func(t *testing.T) {
				before := children(t)
				endpoint = start(t)
				started := slices.DeleteFunc(children(t), func(pid int) bool { return slices.Contains(before, pid) })
				require.Len(t, started, 1)
				pid = started[0]

				addresses := listeners(t, pid)
				_, port, _ := strings.Cut(strings.TrimPrefix(endpoint, "http://"), ":")
				assert.Contains(t, addresses, hexAddress(t, loopback, port))
				for _, address := range addresses {
					assert.True(t, strings.HasPrefix(address, loopback+":"), "it also listens on %s", address)
				}
			})
			if pid == 0 {
				return // skipped
			}
			assert.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "process %d is still there", pid)
			assert.ErrorIs(t, syscall.Kill(-pid, 0), syscall.ESRCH, "somebody of group %d is still there", pid)
		})
	}
}

func TestEmulatorThatDiesFailsTheTest(t *testing.T) {
	before := children(t)
	var pid int
	got := ending(t, func(t testing.TB) { rig.DynamoDB(t) })
	if got.kind != "" {
		rig.DynamoDB(t) // skips or fails as the other did
	}
	for _, child := range children(t) {
		if !slices.Contains(before, child) {
			pid = child
		}
	}
	require.NotZero(t, pid)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	// Reaped by the rig, not by this test.
	require.Eventually(t, func() bool { return state(pid) == "" }, 10*time.Second, 10*time.Millisecond)
	<-time.After(500 * time.Millisecond) // the rig learns of its end a little later

	require.Len(t, got.cleanups, 1)
	got.cleanups[0]()
	assert.Equal(t, "error", got.kind)
	assert.Contains(t, got.message, "dynalite died while the test ran: signal: killed")
}

// helper makes TestHelperIsKilled, in a process of its own, the one that is killed.
const helper = "SHARDMILL_RIG_HELPER"

func TestEmulatorDiesWithAKilledTestBinary(t *testing.T) {
	rig.DynamoDB(t) // skips here rather than in the other process
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelperIsKilled$", "-test.timeout=1m")
	command.Env = append(os.Environ(), helper+"=1")
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())

	var pid int
	for lines := bufio.NewScanner(stdout); pid == 0 && lines.Scan(); {
		_, _ = fmt.Sscanf(lines.Text(), "emulator %d", &pid)
	}
	require.NoError(t, command.Process.Kill())
	require.Error(t, command.Wait())
	require.NotZero(t, pid)

	assert.Eventually(t, func() bool { return state(pid) == "" || state(pid) == "Z" }, 10*time.Second, 10*time.Millisecond,
		"emulator %d outlives the test binary that started it", pid)
}

func TestHelperIsKilled(t *testing.T) {
	if os.Getenv(helper) == "" {
		return // it has nothing to say by itself
	}
	rig.DynamoDB(t)
	pids := children(t)
	require.Len(t, pids, 1)
	fmt.Printf("emulator %d\n", pids[0])
	<-t.Context().Done()
}

// children returns the process ids of our children.
func children(t *testing.T) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	var pids []int
	for _, stat := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		require.NoError(t, err)
		if fields := status(pid); len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// status returns the fields of a process's stat from the third on: state, parent, …; none if it is gone.
func status(pid int) []string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	_, fields, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')'):]), " ")
	return strings.Fields(fields)
}

// state returns a process's state, a letter such as R, S or Z, or nothing if it is gone.
func state(pid int) string {
	if fields := status(pid); len(fields) > 0 {
		return fields[0]
	}
	return ""
}

// listeners returns the local addresses that a process listens on over TCP, as /proc writes them.
func listeners(t *testing.T, pid int) []string {
	t.Helper()
	descriptors, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	require.NoError(t, err)
	var sockets []string // inodes
	for _, descriptor := range descriptors {
		if target, err := os.Readlink(descriptor); err == nil && strings.HasPrefix(target, "socket:[") {
			sockets = append(sockets, strings.Trim(target, "socket:[]"))
		}
	}
	const listening = "0A"
	var addresses []string
	for _, table := range []string{"tcp", "tcp6"} {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if os.IsNotExist(err) {
			continue // no IPv6 here
		}
		require.NoError(t, err)
		for line := range strings.Lines(string(content)) {
			if fields := strings.Fields(line); len(fields) > 9 && fields[3] == listening && slices.Contains(sockets, fields[9]) {
				addresses = append(addresses, fields[1])
			}
		}
	}
	return addresses
}

// hexAddress writes an address as /proc does.
func hexAddress(t *testing.T, host, port string) string {
	t.Helper()
	number, err := strconv.ParseUint(port, 10, 16)
	require.NoError(t, err)
	return fmt.Sprintf("%s:%04X", host, number)
}
