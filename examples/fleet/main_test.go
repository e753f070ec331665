package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/rig"
)

var lastLine = regexp.MustCompile(`^put=(\d+) delivered=(\d+) lost=(\d+) out_of_order=(\d+) duplicates=(\d+) takeover_p99=(\d+\.\d)s$`)

func TestFleetLosesNothingAndKeepsTheOrder(t *testing.T) {
	program := build(t)
	url := rig.DynamoDB(t)
	for flag, check := range map[string]func(t *testing.T, duplicates int, takeover float64){
		"-kill": func(t *testing.T, _ int, takeover float64) {
			t.Helper()
			assert.Greater(t, takeover, 1.5, "it was silent for 3 s, of which a heartbeat's interval may lie before the kill")
			assert.Less(t, takeover, 15.0)
		},
		"-kill=false": func(t *testing.T, duplicates int, takeover float64) {
			t.Helper()
			assert.Zero(t, duplicates)
			assert.Zero(t, takeover)
		},
	} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), program, "-workers", "3", "-shards", "6", "-failover", "3s", "-dynamodb", url, flag).CombinedOutput()
			require.NoError(t, err, "%s", out)
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			m := lastLine.FindStringSubmatch(lines[len(lines)-1])
			require.NotNil(t, m, "%s", out)
			t.Logf("%s: %s", flag, m[0])
			var n [5]int
			for i := range n {
				n[i], err = strconv.Atoi(m[i+1])
				require.NoError(t, err)
			}
			assert.Greater(t, n[0], 500)
			assert.Equal(t, [4]int{n[0], n[0], 0, 0}, [4]int(n[:4]))
			takeover, err := strconv.ParseFloat(m[6], 64)
			require.NoError(t, err)
			check(t, n[4], takeover)
			assert.Contains(t, string(out), "start 2 more")
			assert.Equal(t, flag == "-kill", strings.Contains(string(out), "kill -9 w1"))
			said := regexp.MustCompile(`level=WARN msg="a worker of the fleet is gone.* worker=w\d+ gone=w1/\w+#1 shards=2\n`)
			assert.Len(t, said.FindAll(out, -1), map[string]int{"-kill": 1}[flag], "%s", out)
		})
	}
}

func TestMissingNodeHasExitCode2(t *testing.T) {
	program := build(t)
	command := exec.CommandContext(t.Context(), program)
	command.Env = []string{"PATH=" + t.TempDir()}
	out, err := command.CombinedOutput()
	require.Error(t, err)
	assert.Equal(t, 2, command.ProcessState.ExitCode())
	assert.Contains(t, string(out), "there is no node on PATH")

	command = exec.CommandContext(t.Context(), program, "-workers", "2")
	out, err = command.CombinedOutput()
	require.Error(t, err)
	assert.Equal(t, 2, command.ProcessState.ExitCode())
	assert.Contains(t, string(out), "-workers is 2")
}

// build returns the program as a file.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "fleet")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}
