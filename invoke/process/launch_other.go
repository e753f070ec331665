//go:build !unix

package process

import (
	"log/slog"
	"os"
	"os/exec"
)

const shell = "/bin/sh"

func canLimitMemory() bool { return false }

// held is a process that waits with running its program: none here.
type held struct{}

func (held) release() {}

// start starts cmd. There are no process groups.
func start(cmd *exec.Cmd, _ int64) (held, error) { return held{}, cmd.Start() }

// terminate has no way to ask.
func terminate(pid int) { kill(pid) }

// kill ends the process. It fails only where there is nothing left to kill.
func kill(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
		_ = p.Release()
	}
}

// sweep has no group to look for.
func sweep(int) {}

// guard has nothing to guard with.
type guard struct{ log *slog.Logger }

func (*guard) add(int)    {}
func (*guard) remove(int) {}
func (*guard) close()     {}
