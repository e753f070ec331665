//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package kinesistest

import (
	"os"
	"syscall"
)

// lock keeps other Services, of this process or another, away from a file until it is closed.
func lock(file *os.File) error { return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
