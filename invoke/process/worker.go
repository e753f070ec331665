package process

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"github.com/shardmill/shardmill/invoke"
)

const (
	// stopGrace is what a process is given between the request to end and the kill, when nothing hurries. It is what
	// Lambda gives.
	stopGrace = 500 * time.Millisecond

	// drainGrace is how long the answers and the output are waited for that a process left on its way out. Only
	// descendants that have left its group can hold them open.
	drainGrace = time.Second
)

// worker is one process of the function, with the server that is the Lambda to it.
type worker struct {
	fn    *Function
	ended chan struct{} // closed when the process has been reaped, and what it said on its way out has been read

	// Set before the process starts.
	addr  string // the server's, host:port
	token string // that the credentials are asked for with

	exit *os.ProcessState // set before ended is closed

	answers tally // requests that bring an answer

	writing sync.Mutex // held by the one who writes an event: the next one may be there before its Write is back
	buffer  []byte     // for the event

	timer *time.Timer // calls expire; what that means depends on the state

	// Guarded by the pool's lock.
	state     state
	asking    *conn     // that waits for an invocation; nil while none does
	call      *call     // while it is running
	requestID string    // of the last invocation, for the log
	answered  time.Time // when it last answered; zero: never
	stopped   bool      // by us, and not for anything that it did
	failure   *InitError

	signals sync.Mutex // guards what is below, so that no signal goes to another process
	pid     int        // 0 until it has started
	reaped  bool
}

// newWorker returns a worker on which live is to be called.
func newWorker(f *Function) *worker {
	w := &worker{fn: f, ended: make(chan struct{})}
	w.timer = time.AfterFunc(f.cfg.InitTimeout, w.expire)
	return w
}

// live starts the process and returns when all of it is over.
func (w *worker) live() {
	// Linux sends the parent's death signal when the thread ends that the process was forked from, so this goroutine
	// keeps its thread for as long as the process lives.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := w.serve()
	w.timer.Stop()
	w.finish(err)
}

// serve runs the process with its server. A server of its own keeps other functions, and other processes of this one,
// away from its invocations: the Runtime API knows no other name for who asks than the address.
func (w *worker) serve() error {
	s, err := listen(w)
	if err != nil {
		close(w.ended)
		return err
	}
	w.addr = s.listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background()) //nolint:forbidigo // a process outlives the Invoke that it was started for
	defer cancel()
	var serving sync.WaitGroup
	serving.Go(func() { s.serve(ctx) })
	err = w.process()
	select {
	case <-w.answers.end():
	case <-time.After(drainGrace):
	}
	close(w.ended)
	cancel()
	s.close()
	serving.Wait()
	return err
}

// process runs the program. An error tells that it could not be started.
func (w *worker) process() error {
	cmd := exec.Command(w.fn.cfg.Command[0], w.fn.cfg.Command[1:]...)
	cmd.Dir = w.fn.cfg.Dir
	cmd.Env = w.environment()
	output, err := w.capture(cmd)
	if err != nil {
		return err
	}
	defer output.finish()
	held, err := start(cmd, w.fn.cfg.MemoryLimit)
	output.passed()
	if err != nil {
		return err
	}
	pid := cmd.Process.Pid
	w.fn.guard.add(pid)
	w.begun(pid)
	held.release()
	w.exit, err = cmd.Process.Wait()
	w.fn.pool.lost(w)
	w.reap()
	w.fn.guard.remove(pid)
	return err
}

// id returns the process's id, 0 before it has started.
func (w *worker) id() int {
	w.signals.Lock()
	defer w.signals.Unlock()
	return w.pid
}

// begun takes note that there is a process. One that is not wanted any more is killed.
func (w *worker) begun(pid int) {
	w.signals.Lock()
	w.pid = pid
	w.signals.Unlock()
	w.fn.pool.mu.Lock()
	late := w.stopped || w.failure != nil
	w.fn.pool.mu.Unlock()
	if late {
		w.kill()
	}
}

// reap ends what is left of the process's group, right behind the process itself: the id cannot be another group's
// while this one has members.
func (w *worker) reap() {
	w.signals.Lock()
	defer w.signals.Unlock()
	w.reaped = true
	sweep(w.pid)
}

// kill ends the process and its group at once.
func (w *worker) kill() {
	w.signals.Lock()
	defer w.signals.Unlock()
	if w.pid > 0 && !w.reaped {
		kill(w.pid)
	}
}

// stop asks the process and its group to end, and has them killed if they do not.
func (w *worker) stop() {
	w.timer.Reset(stopGrace)
	w.signals.Lock()
	defer w.signals.Unlock()
	if w.pid > 0 && !w.reaped {
		terminate(w.pid)
	}
}

// finish tells the log and the pool how it ended.
func (w *worker) finish(err error) {
	failure, stopped := w.outcome(err)
	log := w.fn.cfg.Logger
	switch {
	case failure != nil:
		log.Warn("function did not start", "pid", w.pid, "error", failure)
	case !stopped:
		log.Warn("function's process ended", "pid", w.pid, "state", w.exit.String())
	}
	w.fn.pool.gone(w, failure)
}

// outcome returns why the process never asked for an invocation, if so, and whether it was stopped.
func (w *worker) outcome(err error) (*InitError, bool) {
	w.fn.pool.mu.Lock()
	defer w.fn.pool.mu.Unlock()
	switch {
	case w.failure != nil || w.stopped:
		return w.failure, w.stopped
	case w.exit == nil:
		return &InitError{Err: err}, false
	case w.state == starting:
		return &InitError{Err: &ExitError{State: w.exit}}, false
	}
	return nil, false
}

// wasStopped reports whether the process ended because it was not wanted any more.
func (w *worker) wasStopped() bool {
	w.fn.pool.mu.Lock()
	defer w.fn.pool.mu.Unlock()
	return w.stopped
}

// expire does what is due when the time of a state is up.
func (w *worker) expire() {
	at := w.expired()
	switch at {
	case idle:
		w.stop()
	case starting, settling, ending:
		w.kill()
	case granted, running:
		// It was the time of a state that is over.
	}
}

// expired returns the state whose time is up, and takes note of what comes of it.
func (w *worker) expired() state {
	p := &w.fn.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case w.stopped:
		return ending
	case w.state == starting && w.failure == nil:
		w.failure = &InitError{Err: &invoke.TimeoutError{Timeout: w.fn.cfg.InitTimeout}}
	case w.state == idle:
		p.drop(w)
		w.state, w.stopped = ending, true
		return idle
	}
	return w.state
}
