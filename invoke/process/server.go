package process

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// maxHeader bounds a request without its body.
	maxHeader = 1 << 20

	// maxDiscarded is how much of an oversized answer is still read, so that its sender receives our reply.
	maxDiscarded = 64 << 20

	// acceptPause is the pause after a connection that could not be accepted, for example because there are too many
	// open files.
	acceptPause = 10 * time.Millisecond
)

// server is the HTTP server that is Lambda to one process. It does not use net/http, for speed: a process that waits
// for its next invocation needs no goroutine that must be woken to write the event, because Invoke writes it itself.
type server struct {
	worker   *worker
	listener net.Listener

	mu      sync.Mutex
	conns   map[*conn]struct{}
	closed  bool
	serving sync.WaitGroup
}

// conn is one connection of the process. Its goroutine reads it all the time, and so notices when the process hangs up.
type conn struct {
	net.Conn
	in    *bufio.Reader
	left  int64  // how much may still be read
	out   []byte // the buffer of replies
	last  bool   // no request follows; owned by the goroutine, and guarded by the pool's lock while asked
	asked bool   // it waits for an invocation; guarded by the pool's lock
}

// listen returns a server of the worker on a free port of the loopback interface.
func listen(w *worker) (*server, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &server{worker: w, listener: listener, conns: map[*conn]struct{}{}}, nil
}

// serve serves until close. ctx covers all work for the process.
func (s *server) serve(ctx context.Context) {
	for {
		raw, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
			continue
		}
		c := &conn{Conn: raw}
		c.in = bufio.NewReader(c)
		s.begin(ctx, c)
	}
}

// begin serves a connection, in a goroutine that close waits for.
func (s *server) begin(ctx context.Context, c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return
	}
	s.conns[c] = struct{}{}
	s.serving.Go(func() {
		for s.worker.request(ctx, c) {
		}
		s.worker.fn.pool.hungUp(s.worker, c)
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		_ = c.Close()
	})
}

// close closes all connections, and returns when all goroutines have ended.
func (s *server) close() {
	_ = s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

// Read implements io.Reader, with a bound.
func (c *conn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooLarge
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// request serves one request, and reports whether another one may follow.
func (w *worker) request(ctx context.Context, c *conn) bool {
	c.left = maxHeader
	r, err := http.ReadRequest(c.in)
	if err != nil || w.fn.pool.isAsking(c) {
		return false // it hung up, or sends while it must wait
	}
	c.left, c.last = maxHeader+maxResponse+maxDiscarded, r.Close
	if r.Header.Get("Expect") != "" && r.ContentLength != 0 {
		if _, err := io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return false
		}
	}
	a := w.route(ctx, c, r)
	if a.status == 0 {
		return a.later
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		c.last = true
	}
	return c.write(a) == nil && !c.last
}

// reply is the answer to a request. One without a status is not written.
type reply struct {
	status int
	id     string // of an extension, for a header
	body   []byte // JSON
	later  bool   // without a status: another goroutine writes it; else the connection has broken
}

// write writes a reply.
func (c *conn) write(a reply) error {
	c.out = appendStatus(c.out[:0], a.status)
	if a.id != "" {
		c.out = appendField(c.out, "Lambda-Extension-Identifier", a.id)
	}
	c.out = append(appendLength(c.out, len(a.body), c.last), a.body...)
	_, err := c.Conn.Write(c.out)
	return err
}

// appendLength appends the last fields of a head, including the one that ends the connection if necessary.
func appendLength(dst []byte, length int, last bool) []byte {
	if last {
		dst = appendField(dst, "Connection", "close")
	}
	dst = appendField(dst, "Content-Type", "application/json")
	dst = appendField(dst, "Content-Length", strconv.Itoa(length))
	return append(dst, "\r\n"...)
}

func appendStatus(dst []byte, status int) []byte {
	dst = strconv.AppendInt(append(dst, "HTTP/1.1 "...), int64(status), 10)
	return append(append(append(dst, ' '), http.StatusText(status)...), "\r\n"...)
}

// lineBreaks keeps a value in its field.
var lineBreaks = strings.NewReplacer("\r", " ", "\n", " ")

func appendField(dst []byte, name, value string) []byte {
	dst = append(append(dst, name...), ": "...)
	return append(append(dst, lineBreaks.Replace(value)...), "\r\n"...)
}
