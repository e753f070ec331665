package poller

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/batch"
)

const (
	// pollAfter is how long subscriptions must have failed, and pollFailures how many of them, until a Reader that may
	// fall back polls. It is the length of several attempts, and no longer than a user would wait.
	pollAfter    = 30 * time.Second
	pollFailures = 2
	// regainAfter is the pause between the attempts to subscribe again. Each may delay the polls by quickTimeout.
	regainAfter = 30 * time.Second
)

// considerPolling begins to poll, from the read position, if that is allowed and due.
func (f *fanoutReader) considerPolling(ctx context.Context, err error) {
	if f.polling || !f.poller.cfg.FallBackToPolling || f.failures < pollFailures || time.Since(f.lost) < pollAfter {
		return
	}
	f.polling, f.iterator = true, ""
	f.due = time.Now().Add(regainAfter)
	f.log.LogAttrs(ctx, slog.LevelWarn, "unable to subscribe: polling until a subscription succeeds",
		slog.String("for", time.Since(f.lost).String()), slog.Any("error", err))
}

// poll reads with GetRecords, unless a subscription has an event. Such an event may begin before the read position,
// which the polls have moved since the subscription began; it never begins after it.
func (f *fanoutReader) poll(ctx context.Context) (batch.Page, error) {
	if event := f.regain(ctx); event != nil {
		page, err := f.accept(ctx, event)
		if err != nil {
			f.due = time.Now().Add(regainAfter)
			return page, err
		}
		f.polling = false
		f.log.LogAttrs(ctx, slog.LevelInfo, "subscribed again: polling ends")
		return page, nil
	}
	page, err := f.reader.Next(ctx)
	if len(page.Records) > 0 {
		f.continued.number = ""
	}
	if err != nil {
		f.distrust(ctx, err)
	}
	if page.End {
		f.drop()
	}
	return page, err
}

// regain returns the first event of a new subscription, if it has arrived. It never waits for it.
func (f *fanoutReader) regain(ctx context.Context) *types.SubscribeToShardEvent {
	if f.sub == nil && !f.resubscribe(ctx) {
		return nil
	}
	event, err := f.sub.next(ctx, 0)
	if err != nil || event == nil && time.Since(f.sub.opened) >= halfOpenAfter {
		f.drop()
		f.due = time.Now().Add(regainAfter)
		f.log.LogAttrs(ctx, slog.LevelDebug, "still no subscription", slog.Any("error", err))
	}
	return event
}

// resubscribe tries to subscribe, if that is due, and reports whether there is a subscription.
func (f *fanoutReader) resubscribe(ctx context.Context) bool {
	if time.Now().Before(f.due) {
		return false
	}
	sub, err := f.subscribe(ctx, min(quickTimeout, f.poller.cfg.CallTimeout))
	if err != nil {
		f.distrust(ctx, err)
		f.due = time.Now().Add(regainAfter)
		f.log.LogAttrs(ctx, slog.LevelDebug, "still no subscription", slog.Any("error", err))
		return false
	}
	f.sub = sub
	return true
}
