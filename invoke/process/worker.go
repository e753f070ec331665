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
	// stopGrace is the time between the request to end and the kill, unless there is a hurry. It is Lambda's.
	stopGrace = 500 * time.Millisecond

	// drainGrace is how long the last answers and output of an ended process are waited for. Only descendants that left
	// its group can hold them open.
	drainGrace = time.Second
)

// worker is one process of the function, with the server that is Lambda to it.
type worker struct {
	fn    *Function
	ended chan struct{} // closed when the process has been reaped, and its last output has been read

	// Set before the process starts.
	addr  string // the server's, host:port
	token string // the token for the credentials

	exit *os.ProcessState // set before ended is closed

	answers tally // requests that contain an answer

	writing sync.Mutex // held while an event is written: the next one may be due before Write returns
	buffer  []byte     // for the event

	timer *time.Timer // calls expire; its meaning depends on the state

	// Guarded by the pool's lock.
	state     state
	asking    *conn     // the connection that waits for an invocation; nil without one
	call      *call     // while it is running
	requestID string    // of the last invocation, for the log
	answered  time.Time // when it last answered; zero: never
	stopped   bool      // by us, and not for anything that it did
	failure   *InitError

	signals sync.Mutex // guards the fields below, so that no signal goes to another process
	pid     int        // 0 until it has started
	reaped  bool
}

// newWorker returns a worker. The caller must call live.
func newWorker(f *Function) *worker {
	w := &worker{fn: f, ended: make(chan struct{})}
	w.timer = time.AfterFunc(f.cfg.InitTimeout, w.expire)
	return w
}

// live starts the process and returns when it has completely ended.
func (w *worker) live() {
	// Linux sends the parent's death signal when the thread that forked the process ends, so this goroutine keeps its
	// thread for as long as the process lives.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := w.serve()
	w.timer.Stop()
	w.finish(err)
}

// serve runs the process with its server. A server per process keeps other functions, and other processes of this one,
// away from its invocations: the Runtime API identifies a caller only by the address.
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

// process runs the program. An error says that it could not be started.
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

// begun notes that the process exists. A process that is no longer wanted is killed.
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

// reap kills the rest of the process's group, right after the process itself ended: the id cannot be another group's
// while this one has members.
func (w *worker) reap() {
	w.signals.Lock()
	defer w.signals.Unlock()
	w.reaped = true
	sweep(w.pid)
}

// kill kills the process and its group immediately.
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

// finish reports to the log and the pool how the process ended.
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

// outcome returns why the process never requested an invocation, if so, and whether it was stopped.
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

// wasStopped reports whether we stopped the process because it was no longer wanted.
func (w *worker) wasStopped() bool {
	w.fn.pool.mu.Lock()
	defer w.fn.pool.mu.Unlock()
	return w.stopped
}

// expire handles the end of a state's time.
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

// expired returns the state whose time is up, and applies the consequences.
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
