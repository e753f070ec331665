//go:build !unix

package rig

import (
	"os"
	"os/exec"
)

// isolate has no process groups to offer here.
func isolate(*exec.Cmd) {}

// kill ends the process. It fails only where there is nothing left to kill.
func kill(process *os.Process) { _ = process.Kill() }
