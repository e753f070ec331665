package invoke

import (
	"slices"
	"strconv"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// The constant pieces of an on-failure document, in the order in which AWS writes them.
const (
	failureRequest   = `{"requestContext":{"requestId":`
	failureFunction  = `,"functionArn":`
	failureCondition = `,"condition":`
	failureCount     = `,"approximateInvokeCount":`
	failureStatus    = `},"responseContext":{"statusCode":`
	failureExecuted  = `,"executedVersion":`
	failureError     = `,"functionError":`
	failureVersion   = `},"version":"1.0"`
	failurePayload   = `,"payload":`
	failureTime      = `,"timestamp":"`
	failureShard     = `","KinesisBatchInfo":{"shardId":`
	failureStart     = `,"startSequenceNumber":`
	failureEnd       = `,"endSequenceNumber":`
	failureFirst     = `,"approximateArrivalOfFirstRecord":"`
	failureLast      = `","approximateArrivalOfLastRecord":"`
	failureSize      = `","batchSize":`
	failureStream    = `,"streamArn":`
	failureWindow    = `},"timeWindowInfo":{"window":{"start":"`
	failureClose     = `}}`

	failureStamp = "2006-01-02T15:04:05.000Z"

	// failureRoom is the size of a document without its payload, 600 to 950 bytes as a rule; a longer one grows its
	// buffer.
	failureRoom = 1024
)

// AppendJSON appends the document for queues and topics in AWS Lambda's form, byte for byte, and returns the extended
// buffer. It says where the records are, and contains none of their data.
//
// The timestamp always has three decimals. An arrival time has them unless all are zero, as recorded. Where the
// recorded documents leave a choice: decimals are cut and not rounded; there is no HTML escaping, as in
// Event.AppendJSON.
func (f *Failure) AppendJSON(dst []byte) []byte {
	return f.appendRest(f.appendContext(slices.Grow(dst, failureRoom)))
}

// AppendJSONWithPayload appends the document for objects in S3: that of AppendJSON, with the event of the invocation,
// as Event.AppendJSON writes it, as one JSON string.
func (f *Failure) AppendJSONWithPayload(dst []byte) []byte {
	payload := string(f.Event.AppendJSON(nil))
	dst = f.appendContext(slices.Grow(dst, failureRoom+textSize(payload)))
	dst = appendString(append(dst, failurePayload...), payload)
	return f.appendRest(dst)
}

// appendContext appends the part before the payload.
func (f *Failure) appendContext(dst []byte) []byte {
	dst = appendString(append(dst, failureRequest...), f.RequestID)
	dst = appendString(append(dst, failureFunction...), f.FunctionARN)
	dst = appendString(append(dst, failureCondition...), string(f.Condition))
	dst = strconv.AppendInt(append(dst, failureCount...), int64(f.Invocations), 10)
	if f.Response != nil {
		dst = f.Response.append(dst)
	}
	return append(dst, failureVersion...)
}

func (r *FailureResponse) append(dst []byte) []byte {
	status, version := r.StatusCode, r.ExecutedVersion
	if status == 0 {
		status = statusOK
	}
	if version == "" {
		version = latestVersion
	}
	dst = strconv.AppendInt(append(dst, failureStatus...), int64(status), 10)
	dst = appendString(append(dst, failureExecuted...), version)
	dst = append(dst, failureError...)
	if r.FunctionError == "" {
		return append(dst, "null"...)
	}
	return appendString(dst, r.FunctionError)
}

// appendRest appends the part after the payload.
func (f *Failure) appendRest(dst []byte) []byte {
	dst = appendStamp(append(dst, failureTime...), f.Time)
	dst = appendString(append(dst, failureShard...), f.Event.Origin.ShardID)
	if rs := f.Event.records; rs.Len() > 0 {
		dst = appendExtent(dst, rs)
	}
	dst = appendString(append(dst, failureStream...), f.Event.Origin.EventSourceARN)
	if w := f.Event.Window; w != nil {
		dst = w.Start.UTC().AppendFormat(append(dst, failureWindow...), windowTime)
		dst = w.End.UTC().AppendFormat(append(dst, windowEnd...), windowTime)
		dst = strconv.AppendBool(append(append(dst, `"}`...), windowFinal...), w.Final)
		dst = strconv.AppendBool(append(dst, windowEarly...), w.TerminatedEarly)
	}
	return append(dst, failureClose...)
}

// appendExtent appends the place of the records in their shard.
func appendExtent(dst []byte, rs batch.Records) []byte {
	first, last := rs.At(0), rs.At(rs.Len()-1)
	dst = appendString(append(dst, failureStart...), first.SequenceNumber)
	dst = appendString(append(dst, failureEnd...), last.SequenceNumber)
	dst = appendArrival(append(dst, failureFirst...), first.ArrivalTime)
	dst = appendArrival(append(dst, failureLast...), last.ArrivalTime)
	return strconv.AppendInt(append(dst, failureSize...), int64(rs.Len()), 10)
}

// appendArrival appends t as AWS writes arrival times: 2026-09-19T09:11:30.123Z, and a whole second as 2026-09-19T09:11:30Z.
func appendArrival(dst []byte, t time.Time) []byte {
	if t.Nanosecond() < int(time.Millisecond) {
		return t.UTC().AppendFormat(dst, windowTime)
	}
	return appendStamp(dst, t)
}

// appendStamp appends t as AWS writes the time of a document: 2026-09-19T09:11:30.123Z.
func appendStamp(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, failureStamp)
}
