package poller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/schemas"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"

	"github.com/shardmill/shardmill/poller/internal/codec"
)

// Subscriber is an alternative to the SDK's SubscribeToShard, whose output only the SDK can create. With it, a Client
// that speaks no HTTP, such as a test's, can be subscribed to. If a Client has both, this one is used.
type Subscriber interface {
	// Subscribe calls SubscribeToShard, and returns its events once the service has accepted the subscription. The
	// context covers the whole subscription: its end ends the events.
	//
	// Events is closed when no event follows: the service has ended the subscription, and Err returns the reason, nil
	// if there was none; or Close was called, which is allowed at any time. One goroutine uses the events.
	Subscribe(context.Context, *kinesis.SubscribeToShardInput, ...func(*kinesis.Options)) (kinesis.SubscribeToShardEventStreamReader, error)
}

// sdkSubscriber is a *kinesis.Client, or a wrapper of one.
type sdkSubscriber interface {
	SubscribeToShard(context.Context, *kinesis.SubscribeToShardInput, ...func(*kinesis.Options)) (*kinesis.SubscribeToShardOutput, error)
}

// subscribeFunc begins a subscription.
type subscribeFunc func(context.Context, *kinesis.SubscribeToShardInput, ...func(*kinesis.Options)) (kinesis.SubscribeToShardEventStreamReader, middleware.Metadata, error)

// subscribeFuncOf returns how a Client subscribes, or nil if it cannot.
func subscribeFuncOf(c Client) subscribeFunc {
	switch c := c.(type) {
	case Subscriber:
		return func(ctx context.Context, in *kinesis.SubscribeToShardInput, opts ...func(*kinesis.Options)) (kinesis.SubscribeToShardEventStreamReader, middleware.Metadata, error) {
			events, err := c.Subscribe(ctx, in, opts...)
			if events == nil && err == nil {
				err = errNothing
			}
			return events, middleware.Metadata{}, err
		}
	case sdkSubscriber:
		return func(ctx context.Context, in *kinesis.SubscribeToShardInput, opts ...func(*kinesis.Options)) (kinesis.SubscribeToShardEventStreamReader, middleware.Metadata, error) {
			out, err := answered(c.SubscribeToShard(ctx, in, opts...))
			if err != nil {
				return nil, middleware.Metadata{}, err
			}
			if out.GetStream() == nil {
				return nil, out.ResultMetadata, errors.New("the answer has no stream of events")
			}
			return out.GetStream(), out.ResultMetadata, nil
		}
	}
	return nil
}

// subscribe configures the SDK for one subscription.
//
// The SDK has one protocol for all calls of a client. It decodes events with shared scratch memory, without a lock, so
// concurrent subscriptions race for it. Therefore each subscription gets a protocol of the same kind, behind one that
// resists every event: see codec.Events.
func (w *wire) subscribe(o *kinesis.Options) {
	o.Retryer = aws.NopRetryer{}
	if shared, ok := o.Protocol.(*awsjson.Protocol); ok && shared.ID().Name == "awsJson1_1" {
		o.Protocol = awsjson.New11(schemas.Kinesis_20131202)
	}
	if o.Protocol != nil {
		o.Protocol = &codec.Events{ClientProtocol: o.Protocol}
	}
	w.alone = true
	w.client(o)
}

// ownConnection is an HTTP client that keeps later requests off its connection.
//
// Over HTTP/2, net/http sends every request to a host over one connection, and does not notice that it is dead until
// the system closes it, a quarter of an hour later. The successor of a half-open subscription would hang on the same
// one.
type ownConnection struct {
	client kinesis.HTTPClient
}

// Do sends req.
func (c *ownConnection) Do(req *http.Request) (*http.Response, error) {
	shallow := req.WithContext(req.Context())
	shallow.Close = true
	return c.client.Do(shallow)
}

// freshWait is how long Next must have waited for an event to conclude that it was sent in the meantime. An idle
// subscription gets an event about every 5 s.
const freshWait = time.Second

// subscription is one SubscribeToShard that the service accepted. One goroutine uses it, and closes it.
type subscription struct {
	stream kinesis.SubscribeToShardEventStreamReader
	cancel context.CancelCauseFunc

	// overHTTP is set if the SDK decoded the events from HTTP. host is their origin, if known.
	overHTTP bool
	host     string

	// opened is when the call began. Every event was sent after it.
	opened time.Time

	// suspected is the suspicion of its first record.
	suspected suspicion

	// life is the call that began it, which sees each byte of an answer over HTTP.
	life *live

	// silent is how long its user has waited since the last event, or since the last byte of an unfinished one. The
	// time between the waits does not count.
	silent time.Duration

	// heard is set once an event arrived.
	heard bool

	// fresh is the beginning of the latest wait of freshWait or more that ended with an event. It is zero before the
	// first.
	fresh time.Time
}

// next returns the next event. It returns nothing if none arrived within the limit, or an unknown one; io.EOF if the
// service has ended the subscription without a reason; the cause of ctx's end.
func (s *subscription) next(ctx context.Context, limit time.Duration) (*types.SubscribeToShardEvent, error) {
	began := time.Now()
	select {
	case event, ok := <-s.stream.Events():
		return s.received(event, ok, began)
	default:
	}
	if limit <= 0 {
		return nil, nil //nolint:nilnil // neither an event nor the end
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case event, ok := <-s.stream.Events():
		return s.received(event, ok, began)
	case <-timer.C:
		s.waited(began)
		return nil, nil //nolint:nilnil // neither an event nor the end
	case <-ctx.Done():
		s.waited(began)
		return nil, context.Cause(ctx)
	}
}

// waited records a wait in which no event came. An event with a large record may take minutes on a slow line: while its
// bytes arrive, there is no silence.
func (s *subscription) waited(began time.Time) {
	if heard := s.life.heard(); heard.After(began) {
		s.silent, began = 0, heard
	}
	s.silent += time.Since(began)
}

func (s *subscription) received(event types.SubscribeToShardEventStream, ok bool, began time.Time) (*types.SubscribeToShardEvent, error) {
	if !ok {
		if err := s.stream.Err(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	}
	s.silent = 0
	e, ok := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent)
	if !ok {
		return nil, nil //nolint:nilnil // a kind of event that is not known is a sign of life, and no more
	}
	s.heard = true
	if time.Since(began) >= freshWait {
		s.fresh = began
	}
	return &e.Value, nil
}

// silence is the error of a subscription that fell silent.
func (s *subscription) silence() error {
	if s.host == "" {
		return errSilent
	}
	return fmt.Errorf("%w: host %s", errSilent, s.host)
}

// close ends the subscription, and returns when no event of it is left. It cancels first, so that the SDK does not wait
// for a dead connection.
func (s *subscription) close() {
	s.cancel(nil)
	_ = s.stream.Close() // returns what ended the events, which is known, or no longer matters
	for range s.stream.Events() {
	}
}
