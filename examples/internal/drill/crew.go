package drill

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// patience is how long a worker may take to stop.
const patience = 15 * time.Second

// crew are the worker processes. Its methods, except listen, belong to one goroutine.
type crew struct {
	options   Options
	ledger    *ledger
	fail      context.CancelCauseFunc // called for a worker that ended unexpectedly
	listeners sync.WaitGroup
	started   int
	running   []*worker
}

// worker is one process.
type worker struct {
	name   string
	cmd    *exec.Cmd
	stop   context.CancelFunc // sends SIGTERM
	asked  func() bool        // to stop
	killed atomic.Bool
}

// start starts n workers. They stop when ctx ends.
func (c *crew) start(ctx context.Context, n int) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	for range n {
		c.started++
		w := &worker{name: "w" + strconv.Itoa(c.started)}
		ctx, stop := context.WithCancel(ctx)
		w.stop, w.asked = stop, func() bool { return ctx.Err() != nil }
		w.cmd = exec.CommandContext(ctx, program, c.options.args(w.name)...)
		w.cmd.Cancel = func() error { return w.cmd.Process.Signal(syscall.SIGTERM) }
		w.cmd.WaitDelay, w.cmd.Stderr = patience, os.Stderr
		_, err1 := w.cmd.StdinPipe() // its end signals the end of this process
		out, err2 := w.cmd.StdoutPipe()
		if err := errors.Join(err1, err2, w.cmd.Start()); err != nil {
			stop()
			return fmt.Errorf("start worker %s: %w", w.name, err)
		}
		c.running = append(c.running, w)
		c.listeners.Go(func() {
			if err := c.listen(w, out); err != nil {
				c.fail(fmt.Errorf("worker %s: %w", w.name, err))
			}
		})
	}
	return nil
}

// listen reads a worker's output to its end, and returns an error if the worker ended unexpectedly.
func (c *crew) listen(w *worker, out io.Reader) error {
	var wrong error
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break // an incomplete line does not count: its invocation did not succeed
		}
		var d Delivery
		if err := json.Unmarshal(line, &d); err != nil {
			wrong = errors.Join(wrong, err)
			continue
		}
		c.ledger.delivered(d)
	}
	err := w.cmd.Wait()
	switch state := w.cmd.ProcessState; {
	case w.killed.Load():
		return wrong
	case !w.asked():
		return errors.Join(wrong, fmt.Errorf("ended by itself: %s", state))
	case !state.Success():
		return errors.Join(wrong, fmt.Errorf("did not stop properly: %w", err))
	}
	return wrong
}

// kill kills a running worker with -9.
func (c *crew) kill(w *worker) error {
	c.leave(w)
	w.killed.Store(true)
	return w.cmd.Process.Kill()
}

// release asks a running worker to stop.
func (c *crew) release(w *worker) {
	c.leave(w)
	w.stop()
}

func (c *crew) leave(w *worker) {
	c.running = slices.DeleteFunc(c.running, func(other *worker) bool { return other == w })
}

// close asks all running workers to stop, and returns when they have.
func (c *crew) close() {
	for _, w := range c.running {
		w.stop()
	}
	c.listeners.Wait()
}

// even reports whether the running workers have all the shards, and no two differ by more than one.
func (c *crew) even(shards int) bool {
	of := c.ledger.shards()
	total, least, most := 0, shards, 0
	for _, w := range c.running {
		n := len(of[w.name])
		total, least, most = total+n, min(least, n), max(most, n)
	}
	return total == shards && most-least <= 1
}
