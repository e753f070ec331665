package rig

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLaunchTellsWhatTheChildSaid(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "there is no node on PATH")
	}
	_, err = launch(t.Context(), emulator{name: "nothing"}, []string{node, "./absent.cjs"}, folder(t))
	require.Error(t, err)
	assert.Contains(t, err.Error(), "exit status 1")
	assert.Contains(t, err.Error(), "Cannot find module")
}

func TestTailKeepsTheEnd(t *testing.T) {
	var w tail
	for _, part := range []string{strings.Repeat("a", tailSize), "b", strings.Repeat("c", tailSize-1)} {
		n, err := w.Write([]byte(part))
		require.NoError(t, err)
		assert.Equal(t, len(part), n)
	}
	assert.Equal(t, "b"+strings.Repeat("c", tailSize-1), w.String())
}
