package rig

import (
	"os/exec"
	"syscall"
)

// isolate gives the child a process group of its own, which kill ends as a whole, and makes it die with us: a test
// binary that is killed, by a time-out or by hand, runs no cleanup.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
