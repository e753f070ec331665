//go:build unix

package rig

import (
	"os"
	"syscall"
)

// kill kills the group that the process leads. It fails only if nothing is left.
func kill(process *os.Process) { _ = syscall.Kill(-process.Pid, syscall.SIGKILL) }
