package poller

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/batch"
)

// continuation is a place to resume from that an event named without a record. It keeps the read position of an idle
// shard within the retained part of the stream. It is a promise, and some services break it: they refuse their own
// continuation, or name one that is not a number. So it only decides where the next subscription begins: records after
// the last record are new.
type continuation struct {
	// number is the read position, or empty if that is after a record, or at the start.
	number string
	// proved is the read position without it.
	proved Start
	// refused is the last number that the service refused.
	refused string
}

// retreat moves the read position back to the proved place, until advance.
func (f *fanoutReader) retreat() {
	if f.continued.number != "" {
		f.from = f.continued.proved
	}
}

// advance moves the read position, which a page has moved after its records, to the place that an event names, if that
// is valid and ahead; else back to the previous one, unless that was passed.
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

// distrust moves the read position back to the last proved place if the service refuses to resume from the one that it
// named, and reports whether it did. Nothing between the two was read.
func (f *fanoutReader) distrust(ctx context.Context, err error) bool {
	c := &f.continued
	if c.number == "" || !f.refusesPlace(err) {
		return false
	}
	f.log.LogAttrs(ctx, slog.LevelWarn, "the service refuses its own continuation: resuming after the last record",
		slog.String("continuation", c.number), slog.Any("from", c.proved), slog.Any("error", err))
	f.from, c.refused, c.number = c.proved, c.number, ""
	return true
}

// refusesPlace reports whether an error may concern the place. An error that the service calls its own fault may do so
// when it is repeated.
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
