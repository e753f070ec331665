//go:build !unix

package rig

import (
	"os"
	"os/exec"
)

// isolate does nothing: there are no process groups.
func isolate(*exec.Cmd) {}

// kill kills the process. It fails only if the process has ended already.
func kill(process *os.Process) { _ = process.Kill() }
