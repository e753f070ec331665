package rig

import (
	"os"
	"os/exec"
	"testing"
)

// Self runs the test binary a second time, until t ends, with more environment variables ("name=value"), which make its
// TestMain run a worker instead of tests. Each line that it prints is passed to line. It is a process of its own, so that a
// worker of ours can be killed and suspended as a Java one can.
func Self(t testing.TB, name string, env []string, line func(string)) *Peer {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatalf("rig: %s: %v", name, err)
	}
	cmd := exec.Command(binary, "-test.run=^$")
	cmd.Env = env
	return startPeer(t, name, cmd, line)
}
