//go:build unix

package rig

import (
	"os"
	"syscall"
)

// kill ends the group that the process leads. It fails only where there is nothing left to kill.
func kill(process *os.Process) { _ = syscall.Kill(-process.Pid, syscall.SIGKILL) }
