//go:build unix

package process

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// shell is what starts the programs and guards them.
const shell = "/bin/sh"

// hasShell reports whether there is one: images made of a single program have none.
func hasShell() bool {
	info, err := os.Stat(shell)
	return err == nil && info.Mode()&0o111 != 0
}

// canLimitMemory reports whether MemoryLimit works here. Other systems know RLIMIT_DATA, but do not hold to it.
func canLimitMemory() bool { return runtime.GOOS == "linux" && hasShell() }

// held is a process that waits with running its program.
type held struct{ pipe *os.File } // nil: it does not wait

// release has it run the program.
func (h held) release() {
	if h.pipe != nil {
		_, _ = h.pipe.WriteString("\n") // it may be gone
		_ = h.pipe.Close()
	}
}

// start starts cmd in a process group of its own. Where there is a shell, the process waits to be released before it
// becomes the program, and ends when we end before that: so there is no time at which it runs without a guard.
func start(cmd *exec.Cmd, memoryLimit int64) (held, error) {
	cmd.SysProcAttr = attributes()
	if !hasShell() {
		return held{}, cmd.Start()
	}
	r, w, err := os.Pipe()
	if err != nil {
		return held{}, err
	}
	script := `IFS= read -r go && exec "$@" </dev/null`
	if memoryLimit > 0 {
		script = fmt.Sprintf("ulimit -d %d && ", memoryLimit>>10) + script
	}
	cmd.Args = append([]string{"sh", "-c", script, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = shell
	cmd.Stdin = r
	err = cmd.Start()
	_ = r.Close()
	if err != nil {
		_ = w.Close()
		return held{}, err
	}
	return held{w}, nil
}

// terminate asks a process and its group to end.
func terminate(pid int) { _ = syscall.Kill(-pid, syscall.SIGTERM) }

// kill ends a process and its group. It fails only where there is nothing left to kill.
func kill(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// sweep kills what is left of the group of a process that has ended.
func sweep(pid int) { kill(pid) }
