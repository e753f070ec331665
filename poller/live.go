package poller

import (
	"context"
	"fmt"
	"io"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// The bounds of a call as a whole, however steadily its answer arrives. A failing call ends after a time without a
// byte, Config.CallTimeout; these bounds prevent a trickle from blocking a shard for ever.
const (
	// slowAnswer is how many CallTimeouts an answer may take. A read that needs more is made smaller.
	slowAnswer = 4
	// slowRecord is the maximum time for the answer of a read of one record, which cannot be made smaller: a record of
	// 10 MiB, 14 MiB as JSON, passes at 32 kbit/s. An iterator that expires meanwhile does not affect a running answer.
	slowRecord = time.Hour
)

// live is the context of one call, which ends the call after a time without progress. It knows the progress of the
// call.
type live struct {
	context.Context
	cancel context.CancelCauseFunc

	gap, whole time.Duration // without a byte; in all
	end        time.Time     // when whole is over

	mu     sync.Mutex
	timer  *time.Timer
	last   time.Time // when the last byte came, or the call began
	closed bool      // nothing ends the call any more
	tracer *tracer   // nil before the first request
	place  place
}

// phase is what a request is waiting for.
type phase string

// The phases, in their order.
const (
	inCredentials phase = "credentials" // which the SDK waits for before it makes a request
	inLookup      phase = "lookup"
	inConnect     phase = "connect" // or waiting for a connection that others use
	inTLS         phase = "TLS"
	inHeaders     phase = "headers"
	inBody        phase = "body"
)

// place is the progress of a request. The zero place is that of a call that speaks no HTTP. Before there is a request
// it has no host.
type place struct {
	host    string // that of the request's URL
	address string // the dialled address
	phase   phase
	since   time.Time // of the phase
	bytes   int       // of the body
	dialled bool
}

// String describes the place of the request at a time.
func (p *place) String(now time.Time) string {
	if p.host == "" {
		return fmt.Sprintf("phase %s for %v, no request was made", p.phase, now.Sub(p.since).Round(time.Millisecond))
	}
	s := "host " + p.host
	if p.address != "" {
		s += " (" + p.address + ")"
	}
	if p.phase != "" {
		s += fmt.Sprintf(", phase %s for %v", p.phase, now.Sub(p.since).Round(time.Millisecond))
	}
	if p.phase == inBody {
		s += fmt.Sprintf(", %d bytes received", p.bytes)
	}
	return s
}

// timeoutError is a call that exceeded its own deadline. It does not unwrap to context.DeadlineExceeded, so that no
// caller mistakes it for the end of its own context.
type timeoutError struct {
	what    string
	where   string // empty where the call speaks no HTTP, as far as is known
	trickle bool   // an answer came all the time, but took too long
}

func (e *timeoutError) Error() string {
	if e.where == "" {
		return e.what
	}
	return e.what + ": " + e.where
}

// Timeout marks a timeoutError as a time-out, as in net.Error and the SDK.
func (e *timeoutError) Timeout() bool { return true }

type liveKey struct{}

// begins returns the first place of a call: before the SDK makes a request, it waits for credentials.
func (p *Poller) begins() place {
	if _, ok := p.cfg.Client.(*kinesis.Client); !ok {
		return place{}
	}
	return place{phase: inCredentials, since: time.Now()}
}

// newLive returns the context of a call that begins at a place. The call may wait for gap without a byte, and take
// whole in all. The context is closed when the call is over.
func newLive(ctx context.Context, gap, whole time.Duration, at place) *live {
	now := time.Now()
	l := &live{gap: gap, whole: whole, end: now.Add(whole), last: now, place: at}
	l.Context, l.cancel = context.WithCancelCause(ctx)
	l.mu.Lock() // the timer must not fire before the field is set
	defer l.mu.Unlock()
	l.timer = time.AfterFunc(min(gap, whole), l.expire)
	return l
}

// liveOf returns the call of a context, or nil.
func liveOf(ctx context.Context) *live {
	l, _ := ctx.Value(liveKey{}).(*live)
	return l
}

// Value implements context.Context.
func (l *live) Value(key any) any {
	if _, ok := key.(liveKey); ok {
		return l
	}
	return l.Context.Value(key)
}

// expire ends the call, unless there was progress in the meantime.
func (l *live) expire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	now := time.Now()
	due := l.last.Add(l.gap)
	if l.end.Before(due) {
		due = l.end
	}
	if due.After(now) {
		l.timer.Reset(due.Sub(now))
		return
	}
	l.cancel(l.late(now))
}

// late returns the error of the call.
func (l *live) late(now time.Time) *timeoutError {
	e := &timeoutError{what: fmt.Sprintf("no whole answer within %v", l.gap)}
	switch {
	case !now.Before(l.end):
		e.what, e.trickle = fmt.Sprintf("no whole answer within %v", l.whole), true
	case l.place.phase == inBody:
		e.what = fmt.Sprintf("no byte of an answer for %v", l.gap)
	}
	if l.place != (place{}) {
		e.where = l.place.String(now)
	}
	return e
}

// close ends the deadline. The context is otherwise unchanged.
func (l *live) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.timer.Stop()
	l.tracer.release(&l.place)
	l.tracer = nil
}

// follow begins a request to a host, and returns the context that follows it.
func (l *live) follow(ctx context.Context, host string) context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.place = place{host: host, dialled: l.place.dialled}
	if httptrace.ContextClientTrace(ctx) != nil {
		return httptrace.WithClientTrace(ctx, newTracer(l).trace) // which is changed by this: the user's is called too
	}
	if l.tracer == nil {
		l.tracer = takeTracer(l)
	}
	return httptrace.WithClientTrace(ctx, l.tracer.trace)
}

// answered notes the arrival of an answer's headers.
func (l *live) answered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = time.Now()
	l.place.phase, l.place.since = inBody, l.last
}

// came notes bytes of the body.
func (l *live) came(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = time.Now()
	l.place.bytes += n
}

// heard returns when the last byte of an answer came, even after the call was closed, or else when the call began.
func (l *live) heard() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// host returns the host of the last request, or nothing.
func (l *live) host() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.place.host
}

// flow is the body of an answer. Its reads show that the call is alive.
type flow struct {
	io.ReadCloser
	live *live
}

// Read implements io.Reader.
func (f *flow) Read(b []byte) (int, error) {
	n, err := f.ReadCloser.Read(b)
	if n > 0 {
		f.live.came(n)
	}
	return n, err
}
