package wiretest

import (
	"testing"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// failure is a batch of records that was given up. Its key and its data are none that a protocol would leave alone.
func failure() *invoke.Failure {
	origin := &invoke.Origin{
		ShardID:        "shardId-000000000000",
		EventSourceARN: "arn:aws:kinesis:us-east-1:000000000000:stream/orders",
		Region:         "us-east-1",
	}
	arrived := time.UnixMilli(1545084650987)
	return &invoke.Failure{
		MappingUUID: "0b5e0f6a-3c1d-4f3e-9a44-5d0c8d0d1c77",
		RequestID:   "9c5e9d5a-0b8f-4c8e-9f57-3f7c0f1f2a11",
		FunctionARN: "arn:aws:lambda:us-east-1:000000000000:function:ship-orders:live",
		Condition:   batch.RetryAttemptsExhausted,
		Invocations: 4,
		Response:    &invoke.FailureResponse{FunctionError: "Unhandled"},
		Time:        time.Date(2026, 9, 19, 9, 11, 30, 123_000_000, time.UTC),
		Event: invoke.NewEvent(origin, batch.RecordsOf([]batch.Record{
			{SequenceNumber: "101", PartitionKey: "<a>&\"\\\n\x00 é世😀\u2028+%20", Data: []byte("\x00\xff"), ArrivalTime: arrived},
			{SequenceNumber: "102", PartitionKey: "bob", Data: []byte("milk"), ArrivalTime: arrived.Add(time.Second)},
		}), nil),
	}
}
