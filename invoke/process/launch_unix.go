//go:build unix

package process

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// shell starts the programs and guards them.
const shell = "/bin/sh"

// hasShell reports whether the shell exists: images with a single program have none.
func hasShell() bool {
	info, err := os.Stat(shell)
	return err == nil && info.Mode()&0o111 != 0
}

// canLimitMemory reports whether MemoryLimit works here. Other systems have RLIMIT_DATA, but do not enforce it.
func canLimitMemory() bool { return runtime.GOOS == "linux" && hasShell() }

// held is a process that waits before it runs its program.
type held struct{ pipe *os.File } // nil: it does not wait

// release makes it run the program.
func (h held) release() {
	if h.pipe != nil {
		_, _ = h.pipe.WriteString("\n") // it may be gone
		_ = h.pipe.Close()
	}
}

// start starts cmd in a process group of its own. If there is a shell, the process waits for release before it becomes
// the program, and ends if we end before that: so it never runs without a guard.
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

// kill ends a process and its group. It fails only if nothing is left.
func kill(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// sweep kills the rest of the group of a process that has ended.
func sweep(pid int) { kill(pid) }
