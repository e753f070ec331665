package httpfunc

import (
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/shardmill/shardmill/invoke"
)

// buffers holds buffers of events that are no longer read. A buffer that has grown is 3 times as fast as a new one.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// payload is an event as JSON. net/http may read a request's body after Do has returned. So the bytes are read only
// through payload's readers, under its lock, and only until the readers are closed. The buffer returns to the pool when
// the invocation has released it and every reader is closed; if one never is, the buffer is garbage.
type payload struct {
	mu     sync.Mutex
	buffer *[]byte // nil once it is back in the pool
	users  int     // the invocation and the readers that are open
}

// newPayload encodes e.
func newPayload(e *invoke.Event) *payload {
	buffer, _ := buffers.Get().(*[]byte)
	*buffer = e.AppendJSON((*buffer)[:0])
	return &payload{buffer: buffer, users: 1}
}

func (p *payload) size() int { return len(*p.buffer) }

// errReleased is the error of a reader that is opened after the invocation.
var errReleased = errors.New("httpfunc: the invocation is over")

// reader returns the bytes from their beginning. It is a request's GetBody.
func (p *payload) reader() (io.ReadCloser, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.buffer == nil {
		return nil, errReleased
	}
	p.users++
	return &reader{payload: p}, nil
}

// release ends one user's use.
func (p *payload) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.releaseLocked()
}

func (p *payload) releaseLocked() {
	if p.users--; p.users == 0 {
		buffers.Put(p.buffer)
		p.buffer = nil
	}
}

// reader reads a payload. Its fields are under the payload's lock.
type reader struct {
	payload *payload
	read    int // the number of bytes read
	closed  bool
}

// Read copies the next bytes.
func (r *reader) Read(dst []byte) (int, error) {
	r.payload.mu.Lock()
	defer r.payload.mu.Unlock()
	if r.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	rest := (*r.payload.buffer)[r.read:]
	if len(rest) == 0 {
		return 0, io.EOF
	}
	n := copy(dst, rest)
	r.read += n
	return n, nil
}

// Close ends the reader's use. net/http closes a body more than once.
func (r *reader) Close() error {
	r.payload.mu.Lock()
	defer r.payload.mu.Unlock()
	if !r.closed {
		r.closed = true
		r.payload.releaseLocked()
	}
	return nil
}
