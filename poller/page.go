package poller

import (
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/batch"
)

// errNoSequenceNumber is an answer that cannot be used: without the number nobody knows where to go on.
var errNoSequenceNumber = errors.New("a record has no sequence number")

// convert returns the records as a page has them, in one allocation. Their data stays where the SDK put it.
// Aggregates are taken apart by d, or left alone where it is nil.
func convert(in []types.Record, d *deaggregator) ([]batch.Record, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := make([]batch.Record, 0, len(in))
	for i := range in {
		r := &in[i]
		if r.SequenceNumber == nil {
			return nil, errNoSequenceNumber
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

// expand takes the aggregates among records apart: one allocation where there are any, and one more for the keys of each.
func expand(records []batch.Record, d *deaggregator) []batch.Record {
	if d == nil {
		return records
	}
	first := slices.IndexFunc(records, func(r batch.Record) bool { return isAggregate(r.Data) })
	if first < 0 {
		return records
	}
	out := append(make([]batch.Record, 0, room(records)), records[:first]...)
	for i := range records[first:] {
		out = d.expand(append(out, records[first+i]))
	}
	return out
}

// room returns how many records come of a page at most.
func room(records []batch.Record) int {
	n := len(records)
	for i := range records {
		if isAggregate(records[i].Data) {
			n += max(countMembers(records[i].Data)-1, 0)
		}
	}
	return n
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

func arrival(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

// notBehind returns how many records at the head of a page do not lie behind the position: members of an aggregate
// that are done with when a read begins AT a sequence number, or records that a service gave twice.
func notBehind(records []batch.Record, p batch.Position) int {
	for i := range records {
		if batch.PositionOf(&records[i]).Compare(p) > 0 {
			return i
		}
	}
	return len(records)
}
