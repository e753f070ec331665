package process_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// status returns the state of a process, a letter such as R, S or Z, and its parent; nothing if it is gone.
func status(pid int) (state string, parent int) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	parent, _ = strconv.Atoi(fields[1])
	return fields[0], parent
}

// alive reports whether a process runs. A process that was not waited for yet does not.
func alive(pid int) bool {
	state, _ := status(pid)
	return state != "" && state != "Z" && state != "X"
}

// descendants returns the processes below one.
func descendants(t *testing.T, of int) (below []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, stat := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		require.NoError(t, err)
		if _, parent := status(pid); parent == of {
			below = append(append(below, pid), descendants(t, pid)...)
		}
	}
	return below
}
