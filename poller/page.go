package poller

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/batch"
)

// convert returns the records as a page has them, in one allocation. Their data stays where the SDK put it.
// Aggregates are taken apart by d, or left alone where it is nil. strict refuses a record whose data is nil.
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
			PartitionKey:   aws.ToString(r.PartitionKey), // absent where the stream distributes its records itself
			Data:           r.Data[:len(r.Data):len(r.Data)],
			ArrivalTime:    arrival(r.ApproximateArrivalTimestamp),
		})
	}
	return expand(out, d), nil
}

// usable returns what keeps a record from being used.
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

// expand takes the aggregates among records apart: one allocation where there are any, and one more for the keys of each.
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

// filtered counts the records that are passed over.
func filtered(records []batch.Record) (n int) {
	for i := range records {
		if records[i].Filtered {
			n++
		}
	}
	return n
}

// arrival returns when a record arrived, or the zero time where that is not known. Nothing arrived in 1970, or before.
func arrival(t *time.Time) time.Time {
	if t == nil || t.UnixMilli() <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

// notBehind returns how many records at the head of a page do not lie behind the position: members of an aggregate
// that are done with when a read begins AT a sequence number, or records that a service gave twice.
func notBehind(records []batch.Record, p batch.Position) int {
	for i := range records {
		if r := &records[i]; batch.PositionOf(r).Compare(p) > 0 && !isLastPassed(r, p) {
			return i
		}
	}
	return len(records)
}

// isLastPassed reports whether a position within a record is behind all of it: the member that it names is the last one. Who
// stored the position may not have known that, as KCL, whose checkpoints name a member and never say whether others follow.
// Of an aggregate that is read as one record its first member alone may be done with.
func isLastPassed(r *batch.Record, p batch.Position) bool {
	return p.Partial && !r.More && r.SubSequence == p.SubSequence && r.SequenceNumber == p.SequenceNumber &&
		(r.SubSequence > 0 || !isAggregate(r.Data) || !hasRightSum(r.Data))
}
