//go:build unix

package process

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
)

// watch is the guard's script: it keeps a list of process groups, and kills those on the list when its input ends,
// which happens however this process ends.
const watch = `trap '' HUP INT QUIT TERM
groups=
while read -r op id; do
  case $op in
  +) groups="$groups $id" ;;
  -) left=
     for g in $groups; do [ "$g" = "$id" ] || left="$left $g"; done
     groups=$left ;;
  esac
done
for g in $groups; do kill -9 -"$g"; done 2>/dev/null
`

// guard is a process that outlives us for a moment and kills the process groups that we leave. It is a session of its
// own, so that a signal to our group or our terminal does not end it. It starts with the first group, and again if it
// was killed.
type guard struct {
	log *slog.Logger

	mu      sync.Mutex
	pipe    *os.File // its input; nil while there is no guard
	groups  []int
	waiting sync.WaitGroup
	warned  bool
}

// add makes the guard kill a group when this process ends.
func (g *guard) add(id int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.groups = append(g.groups, id)
	if g.pipe != nil && g.send('+', id) {
		return
	}
	if err := g.start(); err != nil && !g.warned {
		g.warned = true
		g.log.Warn("unable to start the guard of the function's processes: their descendants may outlive this process", "error", err)
	}
}

// remove releases a group from the guard.
func (g *guard) remove(id int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.groups, id); i >= 0 {
		g.groups = slices.Delete(g.groups, i, i+1)
	}
	if g.pipe != nil {
		g.send('-', id)
	}
}

// close ends the guard.
func (g *guard) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hangUp()
	g.waiting.Wait()
}

// start starts the guard, and sends it all groups.
func (g *guard) start() error {
	g.hangUp()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd := exec.Command(shell, "-c", watch, "shardmill-guard")
	cmd.Dir = "/"
	cmd.Env = []string{} // not nil, which would mean our own
	cmd.Stdin = r
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	_ = r.Close()
	if err != nil {
		_ = w.Close()
		return err
	}
	g.pipe = w
	g.waiting.Go(func() { _ = cmd.Wait() })
	for _, id := range g.groups {
		g.send('+', id)
	}
	return nil
}

// send writes one whole line to the pipe. It returns false if the guard is gone.
func (g *guard) send(op rune, id int) bool {
	_, err := fmt.Fprintf(g.pipe, "%c %d\n", op, id)
	return err == nil
}

// hangUp ends the guard's input.
func (g *guard) hangUp() {
	if g.pipe != nil {
		_ = g.pipe.Close()
		g.pipe = nil
	}
}
