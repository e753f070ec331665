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

// convert returns the records as a page has them, in one allocation. Their data stays where the SDK put it.
func convert(in []types.Record) ([]batch.Record, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := make([]batch.Record, len(in))
	for i := range in {
		r := &in[i]
		if r.SequenceNumber == nil {
			return nil, errNoSequenceNumber
		}
		out[i] = batch.Record{
			SequenceNumber: *r.SequenceNumber,
			PartitionKey:   aws.ToString(r.PartitionKey), // absent where the stream distributes its records itself
			Data:           r.Data[:len(r.Data):len(r.Data)],
			ArrivalTime:    arrival(r.ApproximateArrivalTimestamp),
		}
	}
	return out, nil
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
