package poller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/batch"
)

const (
	// renewAfter is the age at which a subscription is replaced at the first moment without a pending event. Kinesis
	// ends it at 5 minutes, whatever it is sending then.
	renewAfter = 4*time.Minute + 45*time.Second
	// quickTimeout is the deadline of a SubscribeToShard while the shard is read in another way.
	quickTimeout = 5 * time.Second
	// halfOpenAfter is the silence that ends a subscription. Kinesis sends an event about every 5 s, records or none.
	halfOpenAfter = 35 * time.Second
)

var (
	errClosed  = errors.New("the reader is closed")
	errSilent  = fmt.Errorf("no event arrived for %v: the connection counts as dead", halfOpenAfter)
	errNoEvent = errors.New("the service ended the subscription before its first event")
)

// fanoutReader reads one shard of a Poller by enhanced fan-out. One goroutine uses it, and closes it.
//
// It has no goroutine of its own: all work is done within Next. While the caller is away, the SDK holds two decoded
// events, and the rest stays on the line, or with the service.
type fanoutReader struct {
	// reader has the read position, and polls from it in a fall-back.
	*reader

	// sub is the subscription, or nil while there is none.
	sub *subscription

	// due is when to subscribe next, if there is a reason to wait. turns may delay it further.
	due time.Time

	// failures counts the subscriptions since the last good event that were refused, broke off or brought unusable
	// events. lost is when the first of them was tried, zero while events arrive.
	failures int
	lost     time.Time

	// continued is the continuation at the read position.
	continued continuation

	// polling is set while the reader polls because it has no subscription.
	polling bool

	closed bool
}

func newFanoutReader(p *Poller, shard *Shard, from Start) *fanoutReader {
	return &fanoutReader{reader: newReader(p, shard, from)}
}

// Next implements Reader.
//
// It returns with each event. A subscription that ends normally, or is old enough, is renewed within Next; one that
// breaks off, is refused or falls silent is an error, and the next call subscribes again when it may.
func (f *fanoutReader) Next(ctx context.Context) (batch.Page, error) {
	switch {
	case f.closed:
		return batch.Page{}, f.subscribing().error(errClosed)
	case f.ended:
		return batch.Page{}, f.subscribing().error(errEnded)
	case ctx.Err() != nil:
		return batch.Page{}, context.Cause(ctx)
	case f.polling:
		return f.poll(ctx)
	}
	event, err := f.event(ctx)
	if err != nil {
		return batch.Page{}, f.failed(ctx, err)
	}
	return f.accept(ctx, event)
}

// Close ends the subscription, and returns when no part of it is left. Next must not be running.
func (f *fanoutReader) Close() error {
	f.closed = true
	f.drop()
	return nil
}

// event waits for the next event, over as many subscriptions as that takes.
func (f *fanoutReader) event(ctx context.Context) (*types.SubscribeToShardEvent, error) {
	for {
		if err := f.ensure(ctx); err != nil {
			return nil, err
		}
		if event, err := f.await(ctx); event != nil || err != nil {
			return event, err
		}
	}
}

// ensure subscribes unless there is a subscription.
func (f *fanoutReader) ensure(ctx context.Context) error {
	if f.sub != nil {
		return nil
	}
	if f.lost.IsZero() {
		f.lost = time.Now()
	}
	if err := waitUntil(ctx, f.due); err != nil {
		return err
	}
	sub, err := f.subscribe(ctx, f.poller.cfg.CallTimeout)
	if err != nil && f.distrust(ctx, err) {
		sub, err = f.subscribe(ctx, f.poller.cfg.CallTimeout)
	}
	f.sub = sub
	return err
}

// await waits for an event of the subscription. It returns nothing if there is another subscription now, or none.
func (f *fanoutReader) await(ctx context.Context) (*types.SubscribeToShardEvent, error) {
	s := f.sub
	renewal := later(s.opened.Add(renewAfter), f.due)
	event, err := s.next(ctx, min(halfOpenAfter-s.silent, time.Until(renewal)))
	switch {
	case event != nil:
		return event, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, f.brokeOff(ctx, err)
	case s.silent >= halfOpenAfter:
		return nil, f.brokeOff(ctx, s.silence())
	case !time.Now().Before(renewal):
		return nil, f.renew(ctx)
	}
	return nil, nil //nolint:nilnil // look again
}

// brokeOff drops the subscription. It returns nil if the subscription delivered events and ended normally.
func (f *fanoutReader) brokeOff(ctx context.Context, err error) error {
	heard, age := f.sub.heard, time.Since(f.sub.opened)
	f.drop()
	if err == io.EOF { //nolint:errorlint // which next returns as it is; a wrapped one is of an event that is cut off
		if heard {
			f.log.LogAttrs(ctx, slog.LevelDebug, "subscription ended", slog.String("age", age.String()))
			return nil
		}
		err = errNoEvent
	}
	err = f.refused(f.subscribing().error(err))
	if !heard && f.distrust(ctx, err) {
		return nil
	}
	return err
}

// renew replaces the subscription. The service ends the old one when the new one begins. Events in the old one are sent
// again in the new one, which begins at the read position. If the new one is refused, the old one is read to its end.
func (f *fanoutReader) renew(ctx context.Context) error {
	sub, err := f.subscribe(ctx, min(quickTimeout, f.poller.cfg.CallTimeout))
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		f.distrust(ctx, err)
		f.due = time.Now().Add(subscribeInterval)
		f.log.LogAttrs(ctx, slog.LevelDebug, "subscription not renewed yet", slog.Any("error", err))
		return nil
	}
	f.drop()
	f.sub = sub
	return nil
}

// drop closes the subscription, if there is one.
func (f *fanoutReader) drop() {
	if f.sub != nil {
		f.sub.close()
		f.sub = nil
	}
}

// failed records an error of a subscription. The end of ctx is not an error.
func (f *fanoutReader) failed(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*Error](err); !ok {
		return err
	}
	f.failures++
	f.due = time.Now().Add(backoff(f.failures))
	f.considerPolling(ctx, err)
	return err
}

// accept turns an event into a page, and moves the read position to its continuation, which also moves while the shard
// is idle. An unusable event is requested again.
func (f *fanoutReader) accept(ctx context.Context, event *types.SubscribeToShardEvent) (batch.Page, error) {
	d, err := f.delivery(event)
	if err != nil {
		f.drop()
		return batch.Page{}, f.failed(ctx, f.subscribing().error(err))
	}
	if err := f.charge(ctx, d.records); err != nil {
		f.drop() // the event is not accepted: it is sent again
		return batch.Page{}, err
	}
	f.retreat()
	page, err := f.take(ctx, f.subscribing(), d)
	if err != nil {
		f.advance(&page, "")
		f.drop()
		return batch.Page{}, f.failed(ctx, err)
	}
	f.failures, f.lost = 0, time.Time{}
	f.advance(&page, aws.ToString(event.ContinuationSequenceNumber))
	if page.End || d.end {
		f.drop() // nothing follows in the old one
	}
	logPage(ctx, f.log, "event", &page)
	return page, nil
}

// delivery returns the content of an event of the subscription.
func (f *fanoutReader) delivery(event *types.SubscribeToShardEvent) (*delivery, error) {
	records, err := convert(event.Records, f.sub.overHTTP, f.members)
	if err != nil {
		return nil, err
	}
	children := childrenNamed(event.ChildShards, f.shard)
	d := &delivery{
		records:   records,
		listed:    event.Records != nil || !f.sub.overHTTP,
		suspected: &f.sub.suspected,
		behind:    event.MillisBehindLatest,
		began:     later(f.sub.opened, f.sub.fresh),
		asOf:      f.sentAfter(event),
		children:  children,
	}
	d.end = aws.ToString(event.ContinuationSequenceNumber) == "" || len(children) > 0 && !d.isBehind()
	return d, d.check()
}

// charge waits until the Budget has room for the records of an event, which have already arrived: it takes all of them,
// or none.
func (f *fanoutReader) charge(ctx context.Context, records []batch.Record) error {
	n := f.expected.saw(f.account, &f.poller.heaviest, records)
	size := int64(n)
	_, err := f.account.reserve(ctx, ask{want: size, modest: size, least: size, record: size})
	if err == nil {
		f.account.Received(n)
	}
	return err
}

// sentAfter returns a time, on the service's clock, after which an event was sent: the latest that is certain.
//
// The time at which the event is taken would be too late: it may have been in the SDK and on the line while the caller
// was away. It was sent after the call that began its subscription, and after its last record arrived. An event that
// Next had to wait for was sent during the wait, if its way took no longer than the wait.
func (f *fanoutReader) sentAfter(event *types.SubscribeToShardEvent) time.Time {
	at := f.poller.serviceTime(f.sub.opened)
	if !f.sub.fresh.IsZero() {
		at = later(at, f.poller.serviceTime(f.sub.fresh))
	}
	if n := len(event.Records); n > 0 {
		at = later(at, arrival(event.Records[n-1].ApproximateArrivalTimestamp))
	}
	return at
}

func (f *fanoutReader) subscribing() operation { return f.op("subscribe to shard") }

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
