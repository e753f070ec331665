package poller

import (
	"bytes"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/batch"
)

// convert returns the records for a page, in one allocation. Their data stays in the SDK's memory. d deaggregates,
// unless it is nil. strict refuses a record whose data is nil.
func convert(in []types.Record, strict bool, d *deaggregator) ([]batch.Record, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := make([]batch.Record, 0, len(in))
	for i := range in {
		r := &in[i]
		if err := usable(r, strict); err != nil {
			return nil, err
		}
		out = append(out, batch.Record{
			SequenceNumber: *r.SequenceNumber,
			PartitionKey:   aws.ToString(r.PartitionKey), // absent if the stream distributes its records itself
			Data:           r.Data[:len(r.Data):len(r.Data)],
			ArrivalTime:    arrival(r.ApproximateArrivalTimestamp),
		})
	}
	return expand(out, d), nil
}

// usable returns why a record is unusable; nil if it is usable.
func usable(r *types.Record, strict bool) error {
	switch {
	case aws.ToString(r.SequenceNumber) == "":
		return errNoSequenceNumber
	case !isSequenceNumber(*r.SequenceNumber):
		return errSequenceNumber
	case strict && r.Data == nil:
		return errNoData
	}
	return nil
}

// expand deaggregates records: one allocation if there are aggregates, and one more for the keys of each.
func expand(records []batch.Record, d *deaggregator) []batch.Record {
	if d == nil {
		return records
	}
	n := d.find(records)
	if len(d.aggregates) == 0 {
		return records
	}
	out := make([]batch.Record, 0, n)
	next := 0
	for _, i := range d.aggregates {
		out = append(out, records[next:i]...)
		out = d.takeApart(out, &records[i])
		next = i + 1
	}
	return append(out, records[next:]...)
}

// filtered counts the skipped records.
func filtered(records []batch.Record) (n int) {
	for i := range records {
		if records[i].Filtered {
			n++
		}
	}
	return n
}

// arrival returns when a record arrived, or the zero time if that is not known. Nothing arrived in 1970 or before: the
// service wrote 0 for an unknown time, or mistook the unit.
func arrival(t *time.Time) time.Time {
	if t == nil || t.UTC().Year() <= 1970 {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

// notBehind returns how many records at the beginning of a page are not after the position: members of an aggregate
// that are resolved when a read begins AT a sequence number, or records that a service sent twice.
func notBehind(records []batch.Record, p batch.Position) int {
	for i := range records {
		if r := &records[i]; batch.PositionOf(r).Compare(p) > 0 && !isLastPassed(r, p) {
			return i
		}
	}
	return len(records)
}

// withoutRepeats returns the rest of a page without the repeated records at or below a position: those that are at the
// head of the page too, with the same data. It keeps all others there, and the caller treats them as out of order.
func withoutRepeats(head, rest []batch.Record, p batch.Position) []batch.Record {
	repeats := func(r *batch.Record) bool {
		at := batch.PositionOf(r)
		return at.Compare(p) <= 0 && slices.ContainsFunc(head, func(h batch.Record) bool {
			return batch.PositionOf(&h) == at && bytes.Equal(h.Data, r.Data)
		})
	}
	if len(head) == 0 {
		return rest
	}
	out := rest
	for i := range rest {
		switch again := repeats(&rest[i]); {
		case again && len(out) == len(rest):
			out = append(make([]batch.Record, 0, len(rest)-1), rest[:i]...)
		case !again && len(out) < len(rest):
			out = append(out, rest[i])
		}
	}
	return out
}

// isLastPassed reports whether a position within a record is after all of it, because it names the last member. The
// program that stored the position may not have known that: KCL's checkpoints name a member and never say whether
// others follow. Of an aggregate that is read as one record, only the first member may be processed.
func isLastPassed(r *batch.Record, p batch.Position) bool {
	return p.Partial && !r.More && r.SubSequence == p.SubSequence && r.SequenceNumber == p.SequenceNumber &&
		(r.SubSequence > 0 || !isAggregate(r.Data) || !hasRightSum(r.Data))
}
