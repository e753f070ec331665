package poller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller/internal/codec"
)

// Client is what a Poller needs of Kinesis. *kinesis.Client of the AWS SDK for Go v2 is one.
// Its methods may be called at the same time.
//
// A Poller passes options with every call that turn the SDK's retries of reads off and stand around Options.HTTPClient.
// A Client that wraps another one passes them on. One that speaks no HTTP may ignore them. Of a *kinesis.Client itself,
// and of no other, a Poller decodes the answers: see [Config.SDKDecoding].
type Client interface {
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
	GetShardIterator(context.Context, *kinesis.GetShardIteratorInput, ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error)
	GetRecords(context.Context, *kinesis.GetRecordsInput, ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error)
}

// wire sets the SDK up for one call, and knows afterwards whether an answer had begun. The zero wire is ready, and leaves
// the decoding to the SDK.
type wire struct {
	answered bool

	// http takes the place of the client's own, unless it is nil. alone keeps later requests off the connection.
	http  kinesis.HTTPClient
	alone bool

	// decode puts protocol before the SDK's.
	decode   bool
	protocol codec.Protocol
}

// wire returns one for a call of any kind.
func (p *Poller) wire() *wire {
	w := &wire{alone: p.suspect.Swap(false)}
	if p.http != nil {
		w.http = p.http
	}
	return w
}

// reading returns one for a read.
func (p *Poller) reading() *wire {
	w := p.wire()
	w.decode, w.protocol = p.decodes, codec.Protocol{CBOR: !p.inJSON.Load()}
	return w
}

// client stands around the HTTP client of a call.
func (w *wire) client(o *kinesis.Options) {
	client := o.HTTPClient
	if w.http != nil {
		client = w.http
	}
	if w.alone {
		client = &ownConnection{client: client}
	}
	o.HTTPClient = &wholeBody{client: client, wire: w}
}

// refused notes that the endpoint does not speak CBOR, and logs it once. err may be nil: an answer in JSON is good.
func (p *Poller) refused(ctx context.Context, err error) {
	if !p.inJSON.Swap(true) {
		p.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "the endpoint does not speak CBOR: reading in JSON", slog.Any("error", err))
	}
}

// list leaves the SDK's retries on: a listing has no cadence, and half of one is of no use.
func (w *wire) list(o *kinesis.Options) {
	w.client(o)
}

// poll turns the SDK's retries off: a poll that failed is made again when the pace of its shard allows,
// and not by a retryer whose tokens all shards share.
func (w *wire) poll(o *kinesis.Options) {
	o.Retryer = aws.NopRetryer{}
	w.client(o)
	if w.decode && w.protocol.Wrap(o.Protocol) {
		w.protocol.Direct = !watched(o)
		o.Protocol = &w.protocol
	}
}

// watched reports whether anyone may look at the output of a call, or change it, before it comes back.
func watched(o *kinesis.Options) bool {
	i := &o.Interceptors
	return len(o.APIOptions)+len(i.AfterDeserialization)+len(i.AfterAttempt)+len(i.AfterExecution) > 0
}

// records returns those of an answer, aggregates taken apart where d is not nil.
func (w *wire) records(out *kinesis.GetRecordsOutput, d *deaggregator) ([]batch.Record, error) {
	if w.protocol.Decoded && w.protocol.Direct {
		return expand(w.protocol.Records, d), nil
	}
	return convert(out.Records, d)
}

// callStack is a little less than the stack that a call of the SDK needs.
const callStack = 28 << 10

// timeoutError is a call that ran into its own deadline. It does not unwrap to context.DeadlineExceeded, so that
// nobody takes it for the end of his own context.
type timeoutError struct {
	after time.Duration
}

func (e *timeoutError) Error() string { return fmt.Sprintf("no whole answer within %v", e.after) }

// Timeout makes a timeoutError known as a time-out, as net.Error and the SDK have it.
func (e *timeoutError) Timeout() bool { return true }

// slots returns where a call counts while it runs.
func (p *Poller) slots(o operation) chan struct{} {
	if o == listShards {
		return p.listings
	}
	return p.calls
}

// call makes one call, with its deadline, when fewer than maxCalls run, or than maxListCalls of a listing, and returns what
// failed.
//
// It has a goroutine of its own, which the caller waits for: the SDK takes 32 KiB of stack, that thousands of readers need
// not keep while they wait for their next poll.
func (p *Poller) call(ctx context.Context, o operation, f func(ctx context.Context) error) error {
	slots := p.slots(o)
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-slots }()
	call, cancel := context.WithTimeoutCause(ctx, p.cfg.CallTimeout, &timeoutError{after: p.cfg.CallTimeout})
	defer cancel()
	var err error
	var done sync.WaitGroup
	done.Go(func() {
		stretch(0)
		err = f(call)
	})
	done.Wait()
	if err == nil {
		return nil
	}
	err = o.failed(ctx, call, err)
	if _, late := errors.AsType[*timeoutError](err); late {
		p.suspect.Store(true)
	}
	return err
}

// stretch grows the stack of its goroutine to what a call of the SDK needs, in one step while there is next to nothing on it.
// Grown in the midst of a call, as often as it is too small, it takes an eighth of the time of a poll that brings nothing.
//
//go:noinline
func stretch(i int) byte {
	var frame [callStack]byte
	return frame[i]
}

// operation is a kind of call, and the shard that it is about, if any.
type operation struct {
	name, shard string
}

// failed tells apart why a call failed: the caller's context ended, whose cause is then returned as it is, the call ran
// into its own deadline, or the service or the network said something, which goes before the deadline.
func (o operation) failed(caller, call context.Context, err error) error {
	if caller.Err() != nil {
		return context.Cause(caller)
	}
	if _, said := errors.AsType[smithy.APIError](err); call.Err() != nil && !said {
		err = context.Cause(call)
	}
	return o.error(err)
}

// error returns err as what this operation came to.
func (o operation) error(err error) *Error {
	class := Classify(err)
	if class == StreamGone && o.shard != "" {
		class = ShardGone
	}
	return &Error{Op: o.name, Shard: o.shard, Class: class, Err: err}
}
