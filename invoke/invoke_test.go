package invoke_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files with what the tests got")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	_ invoke.Invoker = invoke.Func(nil)
	_ invoke.Invoker = invoke.ResponseFunc(nil)
	_ error          = (*invoke.FailedItemsError)(nil)
	_ error          = (*invoke.PanicError)(nil)
	_ error          = (*invoke.TimeoutError)(nil)
)

const (
	requestID   = "9c5e9d5a-0b8f-4c8e-9f57-3f7c0f1f2a11"
	functionARN = "arn:aws:lambda:us-east-1:111111111111:function:ship-orders"
)

// origin is that of the recorded event in the facts about AWS.
var origin = invoke.Origin{
	ShardID:           "shardId-000000000000",
	EventSourceARN:    "arn:aws:kinesis:us-east-1:111111111111:stream/orders",
	Region:            "us-east-1",
	InvokeIdentityARN: "arn:aws:iam::111111111111:role/NAME",
}

// record returns the n-th record of a stream.
func record(n int) batch.Record {
	return batch.Record{
		SequenceNumber: fmt.Sprintf("49590338271490256608559692538361571095921575989136588%03d", n),
		PartitionKey:   fmt.Sprintf("test_%d", n),
		Data:           []byte("Hello, this is a test."),
		ArrivalTime:    time.UnixMilli(1545084650987 + int64(n)),
	}
}

func records(n int) []batch.Record {
	rs := make([]batch.Record, n)
	for i := range rs {
		rs[i] = record(i)
	}
	return rs
}

func invocation(e *invoke.Event) *invoke.Invocation {
	return &invoke.Invocation{RequestID: requestID, FunctionARN: functionARN, Attempt: 1, Event: e}
}

// golden compares got with a file of testdata, byte for byte.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s:\n got %s\nwant %s", name, got, want)
	}
}
