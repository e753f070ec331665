package poller

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/batch"
)

// continuation is a place to go on from that an event named, and that no record stands for. It keeps the read position of an
// idle shard within what the stream has not trimmed. It is a promise, and there are services that break it: some refuse what
// they named, some name what is no number at all.
type continuation struct {
	// number is where the read position is, or empty where that is behind a record, or at the start.
	number string
	// proved is the read position without it.
	proved Start
	// refused is the last that the service would not go on from.
	refused string
}

// advance moves the read position to the place that an event names, if that is one, and lies ahead. The event's page counts
// as read.
func (f *fanoutReader) advance(page *batch.Page, number string) {
	c := &f.continued
	if len(page.Records) > 0 {
		c.number = ""
	}
	ahead := isSequenceNumber(number) && batch.CompareSequenceNumbers(number, f.from.Position.SequenceNumber) > 0
	if !ahead || number == c.refused {
		return
	}
	if c.number == "" {
		c.proved = f.from
	}
	c.number = number
	f.from = Start{Type: AtPosition, Position: batch.Position{SequenceNumber: number}}
}

// distrust moves the read position back to the last place that is proved, if the service refuses to go on from the one that
// it named, and reports whether it did. Nothing lies between the two that was read.
func (f *fanoutReader) distrust(ctx context.Context, err error) bool {
	c := &f.continued
	if c.number == "" || !f.refusesPlace(err) {
		return false
	}
	f.log.LogAttrs(ctx, slog.LevelWarn, "the service refuses the continuation that it named: going back",
		slog.String("continuation", c.number), slog.Any("from", c.proved), slog.Any("error", err))
	f.from, c.refused, c.number = c.proved, c.number, ""
	return true
}

// refusesPlace reports whether an error may be about the place. What the service calls a fault of its own may be so when it
// comes again.
func (f *fanoutReader) refusesPlace(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	if e.Class == Stop || e.Class == ShardGone {
		return true
	}
	said, ok := errors.AsType[smithy.APIError](err)
	return ok && e.Class == Retry && said.ErrorCode() != "ResourceInUseException" && f.failures > 0
}
