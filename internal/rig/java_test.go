package rig_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/rig"
)

func TestMissingJavaIsSaid(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // no stand-in for java by a file of this name
	}
	start := func(t testing.TB) { rig.KCL{Version: rig.KCL2, Worker: "w"}.Start(t, func(string) {}) }
	for ci, want := range map[string]string{"": "skip", "true": "fatal"} {
		t.Setenv("CI", ci)
		t.Setenv("PATH", t.TempDir())
		got := ending(t, start)
		assert.Equal(t, want, got.kind, "with CI=%q", ci)
		assert.Contains(t, got.message, "there is no java on PATH")
		assert.Contains(t, got.message, ".ci/rig/java.sh")

		// A java that is there is not asked while the program is not built.
		bin := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(bin, "java"), []byte("#!/bin/sh\nexit 1\n"), 0o700)) //nolint:gosec // it must be a program
		t.Setenv("PATH", bin)
		got = ending(t, func(t testing.TB) { rig.KCL{Version: "0.0.0", Worker: "w"}.Start(t, func(string) {}) })
		assert.Equal(t, want, got.kind, "with CI=%q", ci)
		assert.Contains(t, got.message, "is not built from its present source")
	}
}
