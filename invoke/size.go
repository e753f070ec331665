package invoke

import (
	"encoding/base64"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// The sizes of the constant pieces, with the quotes around the strings between them.
const (
	envelopeSize = len(eventOpen) + len(eventClose)

	recordSize = len(recordKey) + len(recordSequence) + 2 + len(recordData) + len(recordTime) +
		len(recordID) + len(":") + len(recordIdentity) + 2 + len(recordRegion) + 2 + len(recordSource) + 2 + len("}")

	windowSize = len(windowShard) + 2 + len(windowSource) + 2 + len(windowStart) + len(windowTime) +
		len(windowEnd) + len(windowTime) + len(windowState) + len(windowFinal) + len(windowEarly)
)

// Size returns the length of the output of AppendJSON. It encodes and allocates nothing.
func (e *Event) Size() int {
	n := e.Origin.EnvelopeSize() + max(0, e.records.Len()-1) + e.Origin.WindowSize(e.Window)
	sizer := e.Origin.Sizer()
	for _, r := range e.records.All() {
		n += sizer.SizeOf(r)
	}
	return n
}

// EnvelopeSize returns the length of an encoded event without records and without a window.
func (o *Origin) EnvelopeSize() int { return envelopeSize }

// Sizer measures the records of one Origin. It is small and passed by value; it is safe for concurrent use.
type Sizer struct {
	fixed int // shared by all records
}

// Sizer returns the Sizer of o's records, for measuring many of them.
func (o *Origin) Sizer() Sizer {
	return Sizer{recordSize + textSize(o.ShardID) + textSize(o.InvokeIdentityARN) + textSize(o.Region) + textSize(o.EventSourceARN)}
}

// SizeOf returns the length of r within an encoded event, without the comma between records: the value of Record.Size.
// It encodes and allocates nothing.
func (s Sizer) SizeOf(r *batch.Record) int {
	return s.fixed + keySize(r.PartitionKey) + 2*textSize(r.SequenceNumber) +
		base64.StdEncoding.EncodedLen(len(r.Data)) + millisSize(r.ArrivalTime)
}

// keySize returns the length of the output of appendKey.
func keySize(key string) int {
	if key == "" {
		return len(noKey)
	}
	return textSize(key) + 2
}

// WindowSize returns what a tumbling window adds to the length of an encoded event; 0 for nil. The years of its bounds
// have four digits.
func (o *Origin) WindowSize(w *batch.Window) int {
	if w == nil {
		return 0
	}
	n := len(w.State)
	if n == 0 {
		n = len(emptyState)
	}
	return n + windowSize + textSize(o.ShardID) + textSize(o.EventSourceARN) + boolSize(w.Final) + boolSize(w.TerminatedEarly)
}

func boolSize(b bool) int {
	if b {
		return len("true")
	}
	return len("false")
}

// millisSize returns the length of the output of appendMillis.
func millisSize(t time.Time) int {
	ms, n := t.UnixMilli(), len("0.000")
	if tenDigits := int64(1e12); ms >= tenDigits && ms < 10*tenDigits { // from 2001 to 2286
		return n + 9
	}
	if ms < 0 {
		ms, n = -ms, n+1
	}
	for s := ms / 1000; s >= 10; s /= 10 {
		n++
	}
	return n
}
