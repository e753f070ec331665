package poller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/aws/smithy-go"
)

// callStack is slightly less than the stack that a call of the SDK needs.
const callStack = 28 << 10

var (
	// errExited is the error of a call whose Client ended the goroutine.
	errExited = errors.New("the client ended its goroutine")
	// errNothing is the error of a call whose Client returned nil for both the answer and the error.
	errNothing = errors.New("the client returned neither an answer nor an error")
)

// answered returns an error if there is neither an answer nor an error.
func answered[T any](out *T, err error) (*T, error) {
	if out == nil && err == nil {
		err = errNothing
	}
	return out, err
}

// operation is a kind of call, with its shard, if any.
type operation struct {
	name, shard string

	patient bool // its answer may take as long as slowRecord
}

// slots returns the channel that counts the running calls of an operation's kind.
func (p *Poller) slots(o operation) chan struct{} {
	if o == listShards {
		return p.listings
	}
	return p.calls
}

// call makes one call, with its deadline, when fewer than maxCalls run, or maxListCalls for a listing, and returns its
// error.
//
// The call has a goroutine of its own, and the caller waits for it. The SDK takes 32 KiB of stack, which thousands of
// readers need not keep while they wait for their next poll.
func (p *Poller) call(ctx context.Context, o operation, f func(ctx context.Context) error) error {
	slots := p.slots(o)
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-slots }()
	whole := slowAnswer * p.cfg.CallTimeout
	if o.patient {
		whole = slowRecord
	}
	call := newLive(ctx, p.cfg.CallTimeout, whole, p.begins())
	defer call.cancel(nil)
	err := errExited
	var done sync.WaitGroup
	done.Go(func() {
		stretch(0)
		err = p.unpanicked(ctx, o, func() error { return f(call) }) //nolint:contextcheck // call is a child of ctx
	})
	done.Wait()
	call.close()
	if err == nil {
		return nil
	}
	err = o.failed(ctx, call, err)
	if _, late := errors.AsType[*timeoutError](err); late {
		p.suspect.Store(true)
	}
	return err
}

// unpanicked turns a panic, which some answers cause in the SDK, into an error of that one call.
func (p *Poller) unpanicked(ctx context.Context, o operation, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the client panicked: %v", v)
			p.cfg.Logger.LogAttrs(ctx, slog.LevelError, "the client panicked", slog.String("call", o.name), slog.String("shard", o.shard),
				slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
		}
	}()
	return f()
}

// stretch grows the stack of its goroutine to the size that a call of the SDK needs, in one step while the stack is
// almost empty. Growing it several times in the middle of a call takes an eighth of the time of an empty poll.
//
//go:noinline
func stretch(i int) byte {
	var frame [callStack]byte
	return frame[i]
}

// failed determines why a call failed. The caller's context ended: then its cause is returned unchanged. The call
// exceeded its own deadline. Or the service or the network returned an error, which has precedence over the deadline.
func (o operation) failed(caller, call context.Context, err error) error {
	if caller.Err() != nil {
		return context.Cause(caller)
	}
	if _, said := errors.AsType[smithy.APIError](err); call.Err() != nil && !said {
		err = context.Cause(call)
	}
	return o.error(err)
}

// error returns err as an error of this operation.
func (o operation) error(err error) *Error {
	class := Classify(err)
	if class == StreamGone && o.shard != "" {
		class = ShardGone
	}
	return &Error{Op: o.name, Shard: o.shard, Class: class, Err: err}
}
