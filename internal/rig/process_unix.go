//go:build unix && !linux

package rig

import (
	"os/exec"
	"syscall"
)

// isolate gives the child a process group of its own, which kill ends as a whole.
func isolate(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
