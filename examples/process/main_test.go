package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var end = regexp.MustCompile(`at most (\d+) concurrent invocations.*\nput=1000 delivered=1000 lost=0 duplicates=0 out_of_order=0 invocations=\d+ polls=\d+ shards=2\n$`)

// concurrent runs the program and returns how many invocations ran concurrently.
func concurrent(t *testing.T, args ...string) int {
	t.Helper()
	program := filepath.Join(t.TempDir(), "process")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	cmd := exec.CommandContext(t.Context(), program, append([]string{"-records", "1000", "-parallelization", "4", "-shards", "2"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err = cmd.Output()
	require.NoError(t, err, "%s", out)
	m := end.FindSubmatch(out)
	require.NotNil(t, m, "%s", out)
	n, err := strconv.Atoi(string(m[1]))
	require.NoError(t, err)
	return n
}

func TestFunctionInGoRunsInParallelAndInOrder(t *testing.T) {
	assert.Greater(t, concurrent(t), 2, "more than one for each shard")
}

func TestFunctionInNodeRunsInParallelAndInOrder(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no node on PATH: install Node 20 or later (CI=true, so this is a failure)")
		}
		t.Skip("there is no node on PATH: install Node 20 or later")
	}
	assert.Greater(t, concurrent(t, "node", "testdata/bootstrap.mjs"), 2, "more than one for each shard")
}
