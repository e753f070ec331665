package invoke

import (
	"slices"
	"strconv"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// The constant pieces of an event, in the order in which AWS writes them.
const (
	eventOpen  = `{"Records":[`
	eventClose = `]}`

	recordKey      = `{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":`
	recordSequence = `,"sequenceNumber":`
	recordData     = `,"data":"`
	recordTime     = `","approximateArrivalTimestamp":`
	recordID       = `},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"`
	recordIdentity = `","eventName":"aws:kinesis:record","invokeIdentityArn":`
	recordRegion   = `,"awsRegion":`
	recordSource   = `,"eventSourceARN":`

	windowShard  = `,"shardId":`
	windowSource = `,"eventSourceARN":`
	windowStart  = `,"window":{"start":"`
	windowEnd    = `","end":"`
	windowState  = `"},"state":`
	windowFinal  = `,"isFinalInvokeForWindow":`
	windowEarly  = `,"isWindowTerminatedEarly":`

	windowTime = "2006-01-02T15:04:05Z" // whole seconds
	emptyState = "{}"
	noKey      = "null"
)

// AppendJSON appends the event in the form that AWS Lambda passes to a function, byte for byte, and returns the
// extended buffer.
//
// Where the recorded events leave a choice: there is no HTML escaping (see appendString); without a role
// invokeIdentityArn is present and empty, because every recorded event has the key; encryptionType is omitted, because
// none has it; the arrival time always has three decimals (see appendMillis).
func (e *Event) AppendJSON(dst []byte) []byte {
	dst = slices.Grow(dst, e.Size())
	dst = append(dst, eventOpen...)
	var same frame
	for i, r := range e.records.All() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.Origin.appendRecord(dst, r, &same)
	}
	if e.Window == nil {
		return append(dst, eventClose...)
	}
	dst = append(dst, ']')
	dst = e.Origin.appendWindow(dst, e.Window)
	return append(dst, '}')
}

// MarshalJSON returns the output of AppendJSON. Note that json.Marshal escapes <, > and & in the output of a
// MarshalJSON.
func (e *Event) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

// frame holds the offsets of the parts of the first record that all records of an event share, so that the others copy
// them from there.
type frame struct {
	shard, shardEnd   int // from the end of the arrival time up to the shard's part of the event ID
	origin, originEnd int // from the end of the event ID to that of the record
}

func (o *Origin) appendRecord(dst []byte, r *batch.Record, same *frame) []byte {
	dst = appendKey(append(dst, recordKey...), r.PartitionKey)
	dst = append(append(dst, recordSequence...), '"')
	from := len(dst)
	dst = appendText(dst, r.SequenceNumber)
	to := len(dst)
	dst = appendData(append(append(dst, '"'), recordData...), r.Data)
	dst = appendMillis(append(dst, recordTime...), r.ArrivalTime)
	if same.originEnd > 0 {
		dst = append(dst, dst[same.shard:same.shardEnd]...)
		dst = append(dst, dst[from:to]...)
		return append(dst, dst[same.origin:same.originEnd]...)
	}
	same.shard = len(dst)
	dst = append(appendText(append(dst, recordID...), o.ShardID), ':')
	same.shardEnd = len(dst)
	dst = append(dst, dst[from:to]...)
	same.origin = len(dst)
	dst = appendString(append(dst, recordIdentity...), o.InvokeIdentityARN)
	dst = appendString(append(dst, recordRegion...), o.Region)
	dst = append(appendString(append(dst, recordSource...), o.EventSourceARN), '}')
	same.originEnd = len(dst)
	return dst
}

// appendKey appends a partition key: null if the record has none (Kinesis guide, record distribution AUTO).
func appendKey(dst []byte, key string) []byte {
	if key == "" {
		return append(dst, noKey...)
	}
	return appendString(dst, key)
}

// appendWindow appends the members that tumbling windows add, in the order in which AWS writes them.
func (o *Origin) appendWindow(dst []byte, w *batch.Window) []byte {
	dst = appendString(append(dst, windowShard...), o.ShardID)
	dst = appendString(append(dst, windowSource...), o.EventSourceARN)
	dst = w.Start.UTC().AppendFormat(append(dst, windowStart...), windowTime)
	dst = w.End.UTC().AppendFormat(append(dst, windowEnd...), windowTime)
	dst = append(dst, windowState...)
	if len(w.State) == 0 {
		dst = append(dst, emptyState...)
	}
	dst = append(dst, w.State...)
	dst = strconv.AppendBool(append(dst, windowFinal...), w.Final)
	return strconv.AppendBool(append(dst, windowEarly...), w.TerminatedEarly)
}

// appendMillis appends t as seconds with exactly three decimals: 1545084650.987, .980 and .000. That is AWS's form: the
// developer guide's window example has "approximateArrivalTimestamp": 1607497475.000, and so has the test data of
// aws-lambda-go. It uses no float, so nothing is rounded.
func appendMillis(dst []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms < 0 {
		dst, ms = append(dst, '-'), -ms
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	ms %= 1000
	return append(dst, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
}
