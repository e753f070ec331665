package lambdago

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

// kinesisEvent converts e. It makes three allocations, however many records there are: the records, all their data,
// and all their event IDs.
func kinesisEvent(e *invoke.Event) events.KinesisEvent {
	dataLen, idsLen := 0, 0
	for r := range e.Records() {
		dataLen += len(r.Data)
		idsLen += len(e.Origin.ShardID) + len(":") + len(r.SequenceNumber)
	}
	data := make([]byte, 0, dataLen)
	ids := eventIDs(e, idsLen)
	records := make([]events.KinesisEventRecord, 0, e.Len())
	for r := range e.Records() {
		from := len(data)
		data = append(data, r.Data...)
		idLen := len(e.Origin.ShardID) + len(":") + len(r.SequenceNumber)
		records = append(records, kinesisRecord(e.Origin, r, data[from:len(data):len(data)], ids[:idLen]))
		ids = ids[idLen:]
	}
	return events.KinesisEvent{Records: records}
}

// eventIDs returns the concatenated event IDs of all records.
func eventIDs(e *invoke.Event, size int) string {
	var b strings.Builder
	b.Grow(size)
	for r := range e.Records() {
		b.WriteString(e.Origin.ShardID)
		b.WriteByte(':')
		b.WriteString(r.SequenceNumber)
	}
	return b.String()
}

func kinesisRecord(o *invoke.Origin, r *batch.Record, data []byte, eventID string) events.KinesisEventRecord {
	return events.KinesisEventRecord{
		AwsRegion:         o.Region,
		EventID:           eventID,
		EventName:         "aws:kinesis:record",
		EventSource:       "aws:kinesis",
		EventSourceArn:    o.EventSourceARN,
		EventVersion:      "1.0",
		InvokeIdentityArn: o.InvokeIdentityARN,
		Kinesis: events.KinesisRecord{
			// UTC is the local time of a function on Lambda.
			ApproximateArrivalTimestamp: events.SecondsEpochTime{Time: time.UnixMilli(r.ArrivalTime.UnixMilli()).UTC()},
			Data:                        data,
			PartitionKey:                r.PartitionKey,
			SequenceNumber:              r.SequenceNumber,
			KinesisSchemaVersion:        "1.0",
		},
	}
}

// timeWindowEvent converts e. Without a window its properties are empty, as through JSON.
func timeWindowEvent(e *invoke.Event) (events.KinesisTimeWindowEvent, error) {
	out := events.KinesisTimeWindowEvent{KinesisEvent: kinesisEvent(e)}
	w := e.Window
	if w == nil {
		return out, nil
	}
	out.TimeWindowProperties = events.TimeWindowProperties{
		Window: events.Window{
			Start: events.RFC3339EpochTime{Time: w.Start.UTC()},
			End:   events.RFC3339EpochTime{Time: w.End.UTC()},
		},
		State:                   map[string]string{},
		ShardID:                 e.Origin.ShardID,
		EventSourceARN:          e.Origin.EventSourceARN,
		IsFinalInvokeForWindow:  w.Final,
		IsWindowTerminatedEarly: w.TerminatedEarly,
	}
	if len(w.State) == 0 {
		return out, nil
	}
	if err := json.Unmarshal(w.State, &out.State); err != nil {
		return out, fmt.Errorf("lambdago: window state: %w", err)
	}
	return out, nil
}

// encodeState returns state as JSON as aws-lambda-go writes it, without HTML escaping; nil for nil.
func encodeState(state map[string]string) ([]byte, error) {
	if state == nil {
		return nil, nil
	}
	return encode(state)
}

// encode returns v as JSON in a buffer of its own, as aws-lambda-go writes an answer.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("lambdago: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
