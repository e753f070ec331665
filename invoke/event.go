package invoke

import (
	"iter"

	"github.com/shardmill/shardmill/batch"
)

// Origin is the part that all events of one shard share. It is read-only once an event refers to it.
type Origin struct {
	// ShardID is the shard's ID, such as "shardId-000000000000". Together with a sequence number it forms an event ID.
	ShardID string
	// EventSourceARN is the stream's ARN, or the consumer's under enhanced fan-out.
	EventSourceARN string
	// Region is the stream's, such as "us-east-1".
	Region string
	// InvokeIdentityARN is the ARN of the execution role (not of its session); empty without one.
	InvokeIdentityARN string
}

// Event is the input of a function: records of one shard, in order. It is read-only, and so is everything reachable
// from it. It stays valid for as long as it is referenced.
type Event struct {
	// Origin says where the records come from. It is never nil.
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

// At returns the record at index i, counted from 0 in the order of the stream. It panics if i is not below Len.
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
