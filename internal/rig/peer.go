package rig

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// stopTimeout is how long a Peer may take to stop by itself. A KCL worker releases its leases meanwhile.
const stopTimeout = 3 * time.Minute

// Peer is a running program around a third-party library. Its methods are for one goroutine at a time.
type Peer struct {
	name    string
	process process
	input   io.WriteCloser
}

// startPeer runs a command until t ends. Its environment is the one of this process without AWS variables, then the
// command's own. Each line that it prints is passed to line, in order, before the Peer counts as ended; line must not block
// for long.
func startPeer(t testing.TB, name string, cmd *exec.Cmd, line func(string)) *Peer {
	t.Helper()
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatalf("rig: %s: %v", name, err)
	}
	p := &Peer{name: name, input: input, process: process{cmd: cmd, exited: make(chan struct{})}}
	cmd.Env = slices.Concat(withoutAWS(), []string{"AWS_EC2_METADATA_DISABLED=true"}, cmd.Env)
	cmd.Stdout = &lines{each: line}
	cmd.Stderr = &p.process.output
	cmd.WaitDelay = pipeDelay
	isolate(cmd)
	if err := p.process.run(); err != nil {
		t.Fatalf("rig: %s did not start: %v", name, err)
	}
	t.Cleanup(func() {
		p.process.stop()
		_ = p.input.Close()
		if output := p.process.output.String(); t.Failed() && output != "" {
			t.Logf("rig: %s said:\n%s", name, output)
		}
	})
	return p
}

// withoutAWS returns this process's environment without the user's own settings for AWS.
func withoutAWS() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "AWS_") })
}

// Exited is closed when the Peer has ended, for any reason, and all of its output was passed on.
func (p *Peer) Exited() <-chan struct{} { return p.process.exited }

// Write writes to the Peer's input.
func (p *Peer) Write(b []byte) (int, error) { return p.input.Write(b) }

// Stop makes the Peer stop by itself, by closing its input, and waits for it. A Peer that does not stop, or that ends
// with an error, fails the test.
func (p *Peer) Stop(t testing.TB) {
	t.Helper()
	_ = p.input.Close()
	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	select {
	case <-p.process.exited:
		if err := p.process.group.Wait(); err != nil {
			t.Errorf("rig: %s ended: %v\n%s", p.name, err, p.process.output.String())
		}
	case <-timeout.C:
		t.Errorf("rig: %s did not stop within %s", p.name, stopTimeout)
		p.process.stop()
	}
}

// Kill kills the Peer, as kill -9 does, and waits until it is gone.
func (p *Peer) Kill() { p.process.stop() }

// Suspend stops the Peer's processes where they are, as a machine that is paused does, until Resume. A system that has no way
// to do so skips the test.
func (p *Peer) Suspend(t testing.TB) {
	t.Helper()
	p.signal(t, suspend)
}

// Resume lets the Peer continue after Suspend.
func (p *Peer) Resume(t testing.TB) {
	t.Helper()
	p.signal(t, resume)
}

func (p *Peer) signal(t testing.TB, send func(*os.Process) error) {
	t.Helper()
	err := send(p.process.cmd.Process)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("rig: %s: %v", p.name, err)
	}
	if err != nil {
		t.Fatalf("rig: %s: %v", p.name, err)
	}
}

// lines is a Writer that passes on whole lines, without their ends.
type lines struct {
	each func(string)
	rest []byte // of a line that has no end yet
}

// Write implements io.Writer. It never fails.
func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(b), nil
		}
		l.each(string(line))
		l.rest = append(l.rest[:0], rest...)
	}
}
