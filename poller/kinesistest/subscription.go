package kinesistest

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// The rules of a subscription. The size of the service's events is not documented. Source:
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_SubscribeToShard.html
const (
	subscriptionLife = 5 * time.Minute
	subscribeGap     = 5 * time.Second
	heartbeat        = 5 * time.Second
	maxEventBytes    = 1 << 20 // a single larger record is an event as well
)

// subscription is a granted one. It runs in the goroutine of its call. Service.mu guards the objects that its fields
// point to; position is its own.
type subscription struct {
	service  *Service
	stream   *stream
	consumer *consumer
	shard    *shard
	seat     *seat
	fault    Fault
	wake     chan struct{} // has room for one: something may have changed

	position uint64
	sent     int       // events
	beat     time.Time // when the next heartbeat is due
}

// step is a subscription's next step: send an event, which may be the last, or wait for a limited time.
type step struct {
	event *types.SubscribeToShardEvent
	call  Call  // that the event counts as
	fault Fault // in whose manner the event goes out
	last  bool
	wait  time.Duration
}

// run sends events until the subscription ends. Its error is for the other side: nil for a normal end, an API error for
// an exception; any other breaks the connection.
func (sub *subscription) run(ctx context.Context, send func(*types.SubscribeToShardEvent, *Fault) error) error {
	sub.watch()
	defer sub.leave()
	began := time.Now()
	sub.beat = began.Add(heartbeat)
	for {
		if done, err := sub.struck(ctx); done {
			return err
		}
		now := time.Now()
		left := subscriptionLife - now.Sub(began)
		if left <= 0 {
			return nil
		}
		do, err := sub.next(now)
		if err != nil {
			return err
		}
		if do.event == nil {
			if err := sub.rest(ctx, min(do.wait, left)); err != nil {
				return err
			}
			continue
		}
		if hook := sub.service.config.OnAnswer; hook != nil {
			hook(Answered{Call: do.call, Output: do.event, Disturbed: do.fault.isDeliberate()})
		}
		if err := send(do.event, &do.fault); err != nil || do.last {
			return err
		}
		sub.sent++
		sub.beat = time.Now().Add(heartbeat)
	}
}

// struck reports whether the fault ends the subscription now, and how.
func (sub *subscription) struck(ctx context.Context) (done bool, err error) {
	f := &sub.fault
	switch {
	case ctx.Err() != nil:
		return true, ctx.Err()
	case sub.sent < f.After:
		return false, nil
	case f.Silent:
		<-ctx.Done()
		return true, ctx.Err()
	}
	return f.End || f.EventErr != nil, f.EventErr
}

// rest lets d pass, or the shard change, or ctx end.
func (sub *subscription) rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-sub.wake:
	case <-timer.C:
	}
	return nil
}

// next decides the next step, and advances past the records that it returns. now is the time of timers.
func (sub *subscription) next(now time.Time) (step, error) {
	s := sub.service
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.config.Now()
	if err := sub.check(at); err != nil {
		return step{}, err
	}
	if debt := sub.seat.reads.debt(now); debt > 0 && !s.config.NoLimits {
		return step{wait: debt}, nil
	}
	sub.position = max(sub.position, sub.shard.first)
	c := cursor{sub.stream, sub.shard, sub.position, sub.shard.from(sub.position)}
	n, bytes, _ := c.measure(s.capped(maxPageRecords, sub.fault.MaxRecords), maxEventBytes)
	ended := !sub.shard.isOpen() && n == len(c.ahead) && (n == 0 || s.config.EndWithRecords)
	if n == 0 && !ended && now.Before(sub.beat) {
		return step{wait: sub.beat.Sub(now)}, nil
	}
	call := Call{Op: SubscribeToShardEvent, Stream: sub.stream.name, Shard: sub.shard.id, Time: at}
	fault := s.faultFor(call)
	if ended {
		_, endless := fault.lasting(EndlessShard)
		ended = !endless
		if endless && n == 0 && now.Before(sub.beat) {
			return step{wait: sub.beat.Sub(now)}, nil
		}
	}
	sub.position += uint64(n)
	sub.seat.reads.spend(now, bytes, false)
	event := sub.event(c, n, ended, at)
	fault.spoilEvent(event)
	return step{event: event, call: call, fault: fault, last: ended}, nil
}

// check returns why the subscription has ended, if it has.
func (sub *subscription) check(at time.Time) error {
	s := sub.service
	switch failure := s.journal.failed(); {
	case failure != nil:
		return failure
	case sub.stream.deleting:
		return s.streamNotFound(sub.stream.name)
	case sub.consumer.deleting:
		return s.consumerNotFound(sub.stream.name, sub.consumer.name)
	case sub.seat.holder != sub:
		return s.subscribed(sub.consumer, sub.shard)
	case sub.stream.shardAt(sub.shard.index, at) == nil: // it also trims
		return s.shardNotFound(sub.stream.name, sub.shard.id)
	}
	return nil
}

// event builds the event of the next n records.
func (sub *subscription) event(c cursor, n int, ended bool, at time.Time) *types.SubscribeToShardEvent {
	page, rest := c.ahead[:n], c.ahead[n:]
	out := &types.SubscribeToShardEvent{Records: pageOf(page), MillisBehindLatest: behind(rest, at)}
	if ended {
		// The end of a shard has nothing to continue from.
		out.ChildShards = sub.shard.describeChildren()
		return out
	}
	if sub.service.config.ChildrenEarly {
		out.ChildShards = sub.shard.describeChildren()
	}
	out.ContinuationSequenceNumber = new(sub.continuation(page, at))
	return out
}

// continuation is the number of the last record or, without one, a number at or after that of the previous record, and
// before the next: AFTER_SEQUENCE_NUMBER of it loses and repeats nothing. It grows with time on an idle shard.
func (sub *subscription) continuation(page []record, at time.Time) string {
	if len(page) > 0 {
		return page[len(page)-1].sequence
	}
	q := sequence{sub.shard.created, uint32(sub.shard.index), sub.position - 1, max(sub.shard.created, at.Unix())}
	return q.String()
}
