package process

import "syscall"

// attributes give a process a group of its own, and have it killed when the thread ends that started it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
