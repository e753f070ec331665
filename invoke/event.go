package invoke

import (
	"iter"

	"github.com/shardmill/shardmill/batch"
)

// Origin is what all events of one shard have in common. It is read-only once an event refers to it.
type Origin struct {
	// ShardID is the shard's, such as "shardId-000000000000". With a sequence number it makes an event ID.
	ShardID string
	// EventSourceARN is the stream's ARN, or the consumer's under enhanced fan-out.
	EventSourceARN string
	// Region is the stream's, such as "us-east-1".
	Region string
	// InvokeIdentityARN is the ARN of the execution role (not of its session); empty without one.
	InvokeIdentityARN string
}

// Event is what a function is given: records of one shard, in order. It is read-only, and so is all that it leads to;
// it stays valid for as long as it is referenced.
type Event struct {
	// Origin is where the records come from. It is never nil.
	Origin *Origin

	// Window is the tumbling window of the records, nil without tumbling windows.
	Window *batch.Window

	records batch.Records
}

// NewEvent returns the event of records.
func NewEvent(origin *Origin, records batch.Records, window *batch.Window) *Event {
	return &Event{Origin: origin, Window: window, records: records}
}

// Len returns the number of records.
func (e *Event) Len() int { return e.records.Len() }

// At returns the record at index i, counted from 0 in the order of the stream. It panics when i is not below Len.
func (e *Event) At(i int) *batch.Record { return e.records.At(i) }

// Records yields the records in the order of the stream.
func (e *Event) Records() iter.Seq[*batch.Record] {
	return func(yield func(*batch.Record) bool) {
		for _, r := range e.records.All() {
			if !yield(r) {
				return
			}
		}
	}
}

// EventID returns the record's eventID, such as "shardId-000000000000:4966…". The members of an aggregate share it.
func (e *Event) EventID(r *batch.Record) string { return e.Origin.ShardID + ":" + r.SequenceNumber }
