package process

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/shardmill/shardmill/invoke"
)

// Function runs a program as a Lambda function. It is an invoke.Invoker, and safe for concurrent use.
type Function struct {
	cfg   Config
	env   []string // shared by all processes
	pool  pool
	guard guard

	output *outlet
	lives  sync.WaitGroup // of the workers and the outlet; Close waits for it
}

// New returns a Function that runs cfg's program. It starts nothing: Invoke starts processes, and Close ends them. Its
// error names all violations of cfg.
func New(cfg Config) (*Function, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := cfg.locate(); err != nil {
		return nil, err
	}
	f := &Function{cfg: cfg, env: cfg.environment()}
	f.guard.log = cfg.Logger
	f.output = newOutlet(cfg.Logger, &f.lives, cfg.OutputRate)
	f.pool = pool{max: cfg.MaxProcesses, spawn: f.spawn, all: map[*worker]struct{}{}}
	f.pool.timer = time.AfterFunc(time.Hour, f.pool.wake)
	f.pool.timer.Stop()
	return f, nil
}

// spawn starts a process. The pool calls it under its lock, and never after Close.
func (f *Function) spawn() *worker {
	w := newWorker(f)
	f.lives.Go(w.live)
	return w
}

// Invoke runs the function once: in a process that waits for an invocation, or in a new one.
//
// The function failed, with an error document in AWS's words as the Result's Payload, if it reported an error, if its
// process ended before it answered, if a process that was started for it did not request the invocation, or if it did
// not answer by ctx's deadline. In the last case its process is killed, and Invoke returns when it is gone. If ctx is
// cancelled the process is killed as well, and Invoke returns ctx's cause.
//
// The function has not run, so that errors.Is(err, invoke.ErrNotRun) holds, if ctx ends before a process had the event,
// if this process cannot start another one, or if Close was called.
func (f *Function) Invoke(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
	for {
		result, err := f.try(ctx, in)
		switch {
		case errors.Is(err, errGone):
			continue
		case err != nil:
			return nil, err
		}
		result.ExecutedVersion = f.cfg.FunctionVersion
		return result, nil
	}
}

// try runs the function in one process. It returns errGone if the process has ended without having seen the invocation.
func (f *Function) try(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
	w, err := f.pool.acquire(ctx)
	if failure, ok := errors.AsType[*InitError](err); ok {
		return failure.result(in.RequestID)
	}
	if err != nil {
		return nil, err
	}
	return w.run(ctx, in)
}

// Close stops all processes and returns when they are gone, with their groups. They have half a second to end by
// themselves. Running invocations are cut short and count as not run; later ones return ErrClosed. Close may be called
// more than once, and concurrently. Its error is always nil.
func (f *Function) Close() error {
	for _, w := range f.pool.close() {
		w.stop()
	}
	f.output.close()
	f.lives.Wait()
	f.output.flush()
	f.guard.close()
	return nil
}
