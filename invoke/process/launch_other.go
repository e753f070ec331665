//go:build !unix

package process

import (
	"log/slog"
	"os"
	"os/exec"
)

const shell = "/bin/sh"

func canLimitMemory() bool { return false }

// held is a process that waits before it runs its program: none here.
type held struct{}

func (held) release() {}

// start starts cmd. There are no process groups.
func start(cmd *exec.Cmd, _ int64) (held, error) { return held{}, cmd.Start() }

// terminate kills: there is no signal to request an end.
func terminate(pid int) { kill(pid) }

// kill ends the process. It fails only if the process has ended already.
func kill(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
		_ = p.Release()
	}
}

// sweep does nothing: there are no process groups.
func sweep(int) {}

// guard does nothing: there are no process groups.
type guard struct{ log *slog.Logger }

func (*guard) add(int)    {}
func (*guard) remove(int) {}
func (*guard) close()     {}
