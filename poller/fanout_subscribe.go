package poller

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/middleware"
)

// subscribe calls SubscribeToShard from the read position, in the shard's turn. The subscription outlives ctx.
func (f *fanoutReader) subscribe(ctx context.Context, timeout time.Duration) (*subscription, error) {
	if err := f.poller.turns.take(ctx, f.shard); err != nil {
		return nil, err
	}
	defer f.poller.turns.over(f.shard)
	life := newLive(context.WithoutCancel(ctx), timeout, timeout, f.poller.begins())
	undisturbed := context.AfterFunc(ctx, func() { life.cancel(context.Cause(ctx)) })
	begin, suspected := f.begin()
	sub, err := f.subscription(life, begin) //nolint:contextcheck // life outlives ctx
	life.close()                            // the deadline is that of the call
	if wanted := undisturbed(); err == nil && (!wanted || life.Err() != nil) {
		sub.close()
		err = context.Cause(life) //nolint:contextcheck // the same
	}
	if err != nil {
		err = f.refused(f.subscribing().failed(ctx, life, err))
		life.cancel(nil)
		return nil, err
	}
	sub.suspected = suspected
	f.log.LogAttrs(ctx, slog.LevelDebug, "subscribed", slog.Any("from", f.from))
	return sub, nil
}

// subscription makes the call of subscribe.
func (f *fanoutReader) subscription(life *live, begin Start) (*subscription, error) {
	w := f.poller.wire()
	sub := &subscription{cancel: life.cancel, life: life, opened: time.Now()}
	var md middleware.Metadata
	err := f.poller.unpanicked(life, f.subscribing(), func() (err error) {
		sub.stream, md, err = f.poller.subscribe(life, f.subscribeInput(begin), w.subscribe)
		return err
	})
	if err != nil {
		return nil, err
	}
	f.poller.clock.observe(md)
	sub.overHTTP, sub.host = overHTTP(md), life.host()
	return sub, nil
}

func (f *fanoutReader) subscribeInput(begin Start) *kinesis.SubscribeToShardInput {
	kind, sequence, timestamp := begin.iterator()
	return &kinesis.SubscribeToShardInput{
		ConsumerARN:      &f.poller.cfg.ConsumerARN,
		ShardId:          &f.shard,
		StartingPosition: &types.StartingPosition{Type: kind, SequenceNumber: sequence, Timestamp: timestamp},
	}
}

// refused corrects the class of an error of SubscribeToShard. ResourceNotFoundException may concern the stream, the
// consumer or the shard, and only its text says which. A missing consumer is not an end of the shard.
func (f *fanoutReader) refused(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	said := e.Err.Error()
	if e.Class == ShardGone && !strings.Contains(said, f.shard) && strings.Contains(strings.ToLower(said), "consumer") {
		e.Class = StreamGone
	}
	return f.iteratorError(err)
}
