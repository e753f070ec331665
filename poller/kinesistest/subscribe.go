package kinesistest

import (
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// seat is a consumer's place in one shard: at most one subscription. It is guarded by Service.mu.
type seat struct {
	holder  *subscription // the last granted one, which may have ended
	granted time.Time
	reads   pace // of all subscriptions of the seat, in the time of timers
}

// subscribeToShard grants a subscription and ends the previous one of the seat.
func (s *Service) subscribeToShard(in *kinesis.SubscribeToShardInput, r *request) (*subscription, error) {
	st, c, sh, err := s.subscribable(in, r.now)
	if err != nil {
		return nil, err
	}
	from := in.StartingPosition
	position, err := s.startOf(st, sh, start{SubscribeToShard, from.Type, from.SequenceNumber, from.Timestamp}, r.now)
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	position = r.fault.before(sh, position)
	had := c.seats[sh.index]
	if had == nil {
		had = &seat{}
		c.seats[sh.index] = had
	} else if !s.config.SubscribeAtOnce && r.now.Sub(had.granted) < subscribeGap {
		return nil, s.subscribed(c, sh)
	}
	before := had.holder
	had.granted = r.now
	had.holder = &subscription{
		service: s, stream: st, consumer: c, shard: sh, seat: had,
		position: position, fault: r.fault, wake: make(chan struct{}, 1),
	}
	if before != nil {
		before.look()
	}
	return had.holder, nil
}

// subscribable returns the subject of a subscription: a consumer that is ACTIVE and a shard that exists.
func (s *Service) subscribable(in *kinesis.SubscribeToShardInput, now time.Time) (*stream, *consumer, *shard, error) {
	st, c, err := s.findConsumer(in.ConsumerARN, nil, nil, now)
	if err != nil {
		return nil, nil, nil, err
	}
	if _, err := s.live(&st.name, nil, now); err != nil {
		return nil, nil, nil, err
	}
	if c.status(now) != types.ConsumerStatusActive {
		return nil, nil, nil, s.consumerInUse(c, now)
	}
	sh := st.shard(*in.ShardId, now)
	if sh == nil {
		return nil, nil, nil, s.shardNotFound(st.name, *in.ShardId)
	}
	return st, c, sh, nil
}

// subscribed is the answer to a subscription that is too early, and to one that was taken over.
func (s *Service) subscribed(c *consumer, sh *shard) error {
	return &types.ResourceInUseException{Message: new(fmt.Sprintf(
		"Another active subscription exists for this consumer: %s:%s", c.arn, sh.id))}
}

// deregister begins the deletion of the consumer, which ends its subscriptions.
func (c *consumer) deregister(until time.Time) {
	c.deleting, c.until = true, until
	c.wake()
}

// wake makes the consumer's subscriptions check its state.
func (c *consumer) wake() {
	for _, seat := range c.seats {
		seat.holder.look()
	}
}

// watch makes the shard wake the subscription.
func (sub *subscription) watch() {
	sub.service.mu.Lock()
	defer sub.service.mu.Unlock()
	sub.shard.subscribers = append(sub.shard.subscribers, sub)
}

// leave ends what watch began.
func (sub *subscription) leave() {
	sub.service.mu.Lock()
	defer sub.service.mu.Unlock()
	sub.shard.subscribers = slices.DeleteFunc(sub.shard.subscribers, func(other *subscription) bool { return other == sub })
}

// look makes the subscription check its shard again.
func (sub *subscription) look() {
	select {
	case sub.wake <- struct{}{}:
	default: // it is about to
	}
}
