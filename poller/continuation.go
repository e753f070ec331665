package poller

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/batch"
)

// continuation is a place to go on from that an event named, and that no record stands for. It keeps the read position of an
// idle shard within what the stream has not trimmed. It is a promise, and there are services that break it: some refuse what
// they named, some name what is no number at all. So it only says where the next subscription begins: what comes is new if
// it lies behind the last record.
type continuation struct {
	// number is where the read position is, or empty where that is behind a record, or at the start.
	number string
	// proved is the read position without it.
	proved Start
	// refused is the last that the service would not go on from.
	refused string
}

// retreat moves the read position to where it is proved, until advance.
func (f *fanoutReader) retreat() {
	if f.continued.number != "" {
		f.from = f.continued.proved
	}
}

// advance moves the read position, which a page has moved behind its records, to the place that an event names, if that is
// one, and lies ahead; else back to the one before, unless that was passed.
func (f *fanoutReader) advance(page *batch.Page, number string) {
	c := &f.continued
	if len(page.Records) > 0 {
		c.number = ""
	}
	at := cmp.Or(c.number, f.from.Position.SequenceNumber)
	if isSequenceNumber(number) && batch.CompareSequenceNumbers(number, at) > 0 && number != c.refused {
		c.number, c.proved = number, f.from
	}
	if c.number != "" {
		f.from = Start{Type: AtPosition, Position: batch.Position{SequenceNumber: c.number}}
	}
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
