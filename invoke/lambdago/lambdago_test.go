package lambdago_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/lambdago"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	_ invoke.Invoker = lambdago.Func(nil)
	_ invoke.Invoker = lambdago.ResponseFunc(nil)
	_ invoke.Invoker = lambdago.WindowFunc(nil)
)

const (
	requestID   = "9c5e9d5a-0b8f-4c8e-9f57-3f7c0f1f2a11"
	functionARN = "arn:aws:lambda:us-east-1:111111111111:function:ship-orders"
)

var origin = invoke.Origin{
	ShardID:           "shardId-000000000000",
	EventSourceARN:    "arn:aws:kinesis:us-east-1:111111111111:stream/orders",
	Region:            "us-east-1",
	InvokeIdentityARN: "arn:aws:iam::111111111111:role/NAME",
}

// event returns an event of n records, the first of which has no data.
func event(n int, w *batch.Window) *invoke.Event {
	records := make([]batch.Record, n)
	for i := range records {
		records[i] = batch.Record{
			SequenceNumber: fmt.Sprintf("49590338271490256608559692538361571095921575989136588%d", i),
			PartitionKey:   fmt.Sprintf("<key %d>", i),
			Data:           []byte(fmt.Sprintf("data of %d", i))[:min(i*10, 9)],
			ArrivalTime:    time.UnixMilli(1545084650987 + int64(i)),
		}
	}
	return invoke.NewEvent(&origin, batch.RecordsOf(records), w)
}

// run runs inv with item failures reported.
func run(ctx context.Context, inv invoke.Invoker, e *invoke.Event) (invoke.Result, batch.Outcome) {
	in := &invoke.Invocation{RequestID: requestID, FunctionARN: functionARN, Attempt: 1, Event: e}
	return invoke.Run(ctx, inv, in, invoke.Options{ReportBatchItemFailures: true, Timeout: time.Minute})
}
