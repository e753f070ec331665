//go:build unix

package rig

import (
	"os"
	"syscall"
)

// suspend stops the group that the process leads, as kill -STOP does.
func suspend(process *os.Process) error { return syscall.Kill(-process.Pid, syscall.SIGSTOP) }

// resume lets it continue.
func resume(process *os.Process) error { return syscall.Kill(-process.Pid, syscall.SIGCONT) }
