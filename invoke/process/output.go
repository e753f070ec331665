package process

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"sync"
	"time"
)

// maxLine is the maximum length of a line in the log; the rest of a longer one follows as further lines.
const maxLine = 64 << 10

// output is the output of a process on its way to the log.
type output struct {
	pipes   []*os.File // our ends
	theirs  []*os.File // the process's ends, until it owns them
	reading sync.WaitGroup
}

// capture makes the log the standard output and standard error of cmd.
func (w *worker) capture(cmd *exec.Cmd) (*output, error) {
	o := &output{}
	stdout, err := o.pipe(w, "stdout")
	if err != nil {
		return nil, err
	}
	stderr, err := o.pipe(w, "stderr")
	if err != nil {
		o.passed()
		o.finish()
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return o, nil
}

// pipe returns the process's end of a pipe to the log.
func (o *output) pipe(w *worker, stream string) (*os.File, error) {
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	o.pipes, o.theirs = append(o.pipes, ours), append(o.theirs, theirs)
	o.reading.Go(func() { w.log(ours, stream) })
	return theirs, nil
}

// passed closes our copies of the ends that the process owns now.
func (o *output) passed() {
	for _, f := range o.theirs {
		_ = f.Close()
	}
}

// finish returns when all output is in the log. It does not wait for a descendant that left the group and holds the
// pipes open.
func (o *output) finish() {
	for _, f := range o.pipes {
		_ = f.SetReadDeadline(time.Now().Add(drainGrace))
	}
	o.reading.Wait()
	for _, f := range o.pipes {
		_ = f.Close()
	}
}

// log copies a pipe to the log, line by line, until its end.
func (w *worker) log(r *os.File, stream string) {
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
			w.line(stream, string(line))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// line logs one line, with the request ID of the process's last invocation, unless there is too much output.
func (w *worker) line(stream, text string) {
	if !w.fn.output.admit(len(text)) {
		return
	}
	w.fn.pool.mu.Lock()
	requestID := w.requestID
	w.fn.pool.mu.Unlock()
	w.fn.cfg.Logger.Info("function output", "line", text, "stream", stream, "requestId", requestID, "pid", w.id())
}
