package kinesistest

import (
	"slices"
	"time"
)

// Call is one call of the API, as Config.OnCall and Service.Calls show it.
type Call struct {
	// Op is the operation.
	Op Op

	// Stream is the stream's name, empty if the call names none.
	Stream string

	// Shard is the shard that the call names, or its iterator; empty for all others.
	Shard string

	// CBOR is set if the request was sent over HTTP as application/x-amz-cbor-1.1.
	CBOR bool

	// Time is when the call arrived, on the service's clock.
	Time time.Time

	// Err is the call's answer, nil for success. Config.OnCall does not see it yet.
	Err error

	// Records counts the records that GetRecords returned.
	Records int
}

// Answered is a call with its input and its answer, as Config.OnAnswer shows it. What the pointers point at must not be changed.
type Answered struct {
	// Call has the error of an answer that is one.
	Call

	// Input is the SDK's input of the operation, such as a *kinesis.GetRecordsInput. It is nil for SubscribeToShardEvent.
	Input any

	// Output is the SDK's output, such as a *kinesis.GetRecordsOutput; for SubscribeToShardEvent, an event of a subscription,
	// it is a *types.SubscribeToShardEvent. It is nil with an error, and for SubscribeToShard.
	Output any

	// Disturbed says that the test had a part in the answer: by mischief, by a fault's error, or by the error of OnCall.
	Disturbed bool
}

// maxCalls bounds the log: enough for hours of polling under a fake clock, some MB of memory.
const maxCalls = 1 << 16

// callLog holds the last maxCalls calls in the order in which they were answered.
type callLog struct{ calls []Call }

func (l *callLog) add(c Call) {
	if len(l.calls) == maxCalls {
		l.calls = slices.Delete(l.calls, 0, maxCalls/2) // half of them together, so that adding stays cheap
	}
	l.calls = append(l.calls, c)
}

// Calls returns the calls of the given operations, or of all when none is given, in the order in which they were
// answered. Only the last 32,768 calls or more of all operations are kept.
func (s *Service) Calls(ops ...Op) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Call
	for _, c := range s.calls.calls {
		if len(ops) == 0 || slices.Contains(ops, c.Op) {
			out = append(out, c)
		}
	}
	return out
}

// ClearCalls empties the log.
func (s *Service) ClearCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls.calls = nil
}
