package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

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

func TestMissingNodeIsToldWithExitCode2(t *testing.T) {
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

func TestTallyCountsFirstDeliveriesInTheOrderOfTime(t *testing.T) {
	at := time.Unix(0, 0)
	l := newLedger()
	for number := range 6 {
		l.wasPut(number + 1)
	}
	// What w2 had later was heard of first.
	l.delivered(delivery{"w2", "b", at.Add(2), []record{{"k", 3}, {"j", 2}, {"j", 4}}})
	l.delivered(delivery{"w1", "a", at.Add(1), []record{{"k", 1}, {"j", 2}}})
	assert.Equal(t, tally{put: 6, delivered: 4, lost: 2, duplicates: 1}, l.tally())

	l.delivered(delivery{"w2", "b", at.Add(3), []record{{"k", 6}, {"k", 5}, {"k", 1}}})
	assert.Equal(t, tally{put: 6, delivered: 6, outOfOrder: 1, duplicates: 2}, l.tally())
}

func TestShardsBelongToWhoDeliveredLast(t *testing.T) {
	at := time.Unix(0, 0)
	l := newLedger()
	for i, shard := range []string{"b", "a", "c"} {
		l.delivered(delivery{"w1", shard, at.Add(time.Duration(i)), nil})
	}
	l.delivered(delivery{"w10", "c", at.Add(5 * time.Second), nil})
	l.delivered(delivery{"w2", "a", at.Add(7 * time.Second), nil})
	l.delivered(delivery{"w10", "a", at.Add(9 * time.Second), nil})
	assert.Equal(t, map[string][]string{"w1": {"b"}, "w10": {"a", "c"}}, l.shards())
	assert.Equal(t, []time.Duration{4 * time.Second, 6 * time.Second}, l.takeovers("w1", at.Add(time.Second), []string{"a", "b", "c"}))

	l.wasSplit("a", "a1", "a2")
	assert.Contains(t, l.shards()["w10"], "a", "its children wait for it")
	l.delivered(delivery{"w2", "a2", at.Add(10 * time.Second), nil})
	assert.Equal(t, "w1=1 w2=1 w10=1", owners(l.shards()))
}

func TestP99IsTheNearestRank(t *testing.T) {
	var waits []time.Duration
	assert.Zero(t, p99(waits))
	for i := range 200 {
		waits = append(waits, time.Duration(i+1))
		if i == 0 || i == 98 {
			assert.Equal(t, waits[i], p99(waits))
		}
	}
	assert.Equal(t, time.Duration(198), p99(waits))
}

// build returns the program as a file.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "fleet")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}
