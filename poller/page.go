package poller

import (
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/batch"
)

// errNoSequenceNumber is an answer that cannot be used: without the number nobody knows where to go on.
var errNoSequenceNumber = errors.New("a record has no sequence number")

// convert returns the records as a page has them, in one allocation, and one more for the keys of each aggregate that
// d takes apart. Their data stays where the SDK put it. A nil d takes nothing apart.
func convert(in []types.Record, d *deaggregator) ([]batch.Record, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := make([]batch.Record, 0, room(in, d))
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
		if d != nil && isAggregate(r.Data) {
			out = d.expand(out)
		}
	}
	return out, nil
}

// room returns how many records come of an answer at most.
func room(in []types.Record, d *deaggregator) int {
	n := len(in)
	if d == nil {
		return n
	}
	for i := range in {
		if isAggregate(in[i].Data) {
			n += max(countMembers(in[i].Data)-1, 0)
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
