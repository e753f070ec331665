package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// startAttempts is how often a start is tried: another process may take the port between the moment when it was
	// found free and the moment when the emulator binds it.
	startAttempts = 3

	// startTimeout is how long an emulator may take until it answers. It takes less than a second on an idle machine.
	startTimeout = time.Minute

	// pollInterval is how often a starting emulator is asked whether it answers.
	pollInterval = 20 * time.Millisecond

	// pipeDelay is how long the pipes of a child that is gone may be held open by a process that it left behind.
	pipeDelay = 5 * time.Second
)

// emulator says how one server is started: node with script, or Python with module, and what args and env give for a port.
type emulator struct {
	name   string
	script string // a path below .ci/rig
	module string // the name of a Python module, in place of script
	args   func(port int) []string
	env    func(port int) []string
}

// bound returns what the server says on standard error when it listens on the port.
func (e emulator) bound(port int) string {
	if e.module != "" {
		return fmt.Sprintf("Running on http://127.0.0.1:%d\n", port) // werkzeug's words
	}
	return fmt.Sprintf("loopback: listening on 127.0.0.1:%d\n", port)
}

// process is a running emulator.
type process struct {
	port   int
	cmd    *exec.Cmd
	output tail

	// exited is closed, by the one goroutine of group, when the child has been reaped.
	exited chan struct{}
	group  errgroup.Group
}

// start runs e until t ends, and returns its endpoint.
func start(t testing.TB, e emulator) string {
	t.Helper()
	command, dir := locate(t, e)
	var errs []error
	for range startAttempts {
		p, err := launch(t.Context(), e, command, dir)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		// Not tied to t.Context, which ends before the cleanups do that still want to talk to the emulator.
		t.Cleanup(func() { p.finish(t, e.name) })
		return p.endpoint()
	}
	t.Fatalf("rig: %s did not start: %v", e.name, errors.Join(errs...))
	return ""
}

// launch starts e once and returns when it answers. If it does not, nothing is left running.
func launch(ctx context.Context, e emulator, command []string, dir string) (*process, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	args := slices.Clone(command[1:])
	if e.args != nil {
		args = append(args, e.args(port)...)
	}
	p := &process{port: port, cmd: exec.Command(command[0], args...), exited: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = withoutAWS()
	if e.env != nil {
		p.cmd.Env = append(p.cmd.Env, e.env(port)...)
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.WaitDelay = pipeDelay
	isolate(p.cmd)

	if err := p.run(); err != nil {
		return nil, err
	}
	if err := p.ready(ctx, e.bound(port)); err != nil {
		p.stop()
		return nil, fmt.Errorf("port %d: %w\n%s", port, err, p.output.String())
	}
	return p, nil
}

// run starts the child, and a goroutine that waits for its end.
func (p *process) run() error {
	started := make(chan error, 1)
	p.group.Go(func() error {
		defer close(p.exited)
		// Linux sends the parent's death signal when the thread ends that the child was forked from,
		// so this goroutine keeps its thread for as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return err
		}
		return p.cmd.Wait()
	})
	return <-started
}

// ready returns when the child listens and answers. It asks only once the child itself has said that the port is bound:
// before that, an answer might come from somebody else who took the port.
func (p *process) ready(ctx context.Context, bound string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("no answer after %s", startTimeout))
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-p.exited:
			return fmt.Errorf("exited: %w", p.group.Wait())
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
			if strings.Contains(p.output.String(), bound) && answers(ctx, p.endpoint()) {
				return nil
			}
		}
	}
}

// answers reports whether an HTTP server is there, whatever it says.
func answers(ctx context.Context, endpoint string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, http.NoBody)
	if err != nil {
		return false
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil
}

// finish stops the child when the test ends, and tells why the test may have failed.
func (p *process) finish(t testing.TB, name string) {
	t.Helper()
	select {
	case <-p.exited:
		t.Errorf("rig: %s died while the test ran: %v", name, p.group.Wait())
	default:
		p.stop()
	}
	if output := p.output.String(); t.Failed() && output != "" {
		t.Logf("rig: %s said:\n%s", name, output)
	}
}

// stop kills the child, with whatever it started, and returns when it is gone.
func (p *process) stop() {
	select {
	case <-p.exited:
		return // its process id may be somebody else's by now
	default:
	}
	kill(p.cmd.Process)
	_ = p.group.Wait() // it was killed, and says so
}

func (p *process) endpoint() string { return fmt.Sprintf("http://127.0.0.1:%d", p.port) }

// freePort returns a TCP port of the loopback interface that nobody listens on.
func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.Join(fmt.Errorf("%v is no TCP address", listener.Addr()), listener.Close())
	}
	return address.Port, listener.Close()
}
