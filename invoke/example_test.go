package invoke_test

import (
	"context"
	"fmt"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

// orders is an event of three records, as a mapping would make it.
func orders() *invoke.Event {
	origin := &invoke.Origin{
		ShardID:        "shardId-000000000000",
		EventSourceARN: "arn:aws:kinesis:us-east-1:123456789012:stream/orders",
		Region:         "us-east-1",
	}
	arrived := time.UnixMilli(1545084650987)
	return invoke.NewEvent(origin, batch.RecordsOf([]batch.Record{
		{SequenceNumber: "101", PartitionKey: "ann", Data: []byte("tea"), ArrivalTime: arrived},
		{SequenceNumber: "102", PartitionKey: "bob", Data: []byte("???"), ArrivalTime: arrived},
		{SequenceNumber: "103", PartitionKey: "ann", Data: []byte("milk"), ArrivalTime: arrived},
	}), nil)
}

func ExampleFunc() {
	ship := invoke.Func(func(ctx context.Context, e *invoke.Event) error {
		for r := range e.Records() {
			fmt.Printf("%s %s: %s\n", e.EventID(r), r.PartitionKey, r.Data)
		}
		return nil
	})

	_, outcome := invoke.Run(context.Background(), ship, &invoke.Invocation{Event: orders()}, invoke.Options{})
	fmt.Println(outcome.Kind)
	// Output:
	// shardId-000000000000:101 ann: tea
	// shardId-000000000000:102 bob: ???
	// shardId-000000000000:103 ann: milk
	// success
}

// What fails is tried again, from the first failed record on; what came before it is not.
func ExampleFailedItemsError() {
	ship := invoke.Func(func(ctx context.Context, e *invoke.Event) error {
		for r := range e.Records() {
			if string(r.Data) == "???" {
				return &invoke.FailedItemsError{SequenceNumbers: []string{r.SequenceNumber}, Err: fmt.Errorf("order of %s is unreadable", r.PartitionKey)}
			}
		}
		return nil
	})

	opts := invoke.Options{ReportBatchItemFailures: true, Timeout: 3 * time.Second}
	result, outcome := invoke.Run(context.Background(), ship, &invoke.Invocation{Event: orders()}, opts)
	fmt.Println(outcome.Kind, outcome.FailedItems)
	fmt.Println(result.Err)
	// Output:
	// success [102]
	// invoke: 1 items failed: order of bob is unreadable
}

// With tumbling windows a function is given the state that it returned last.
func ExampleResponseFunc() {
	count := invoke.ResponseFunc(func(ctx context.Context, e *invoke.Event) (*invoke.Response, error) {
		fmt.Printf("%d records on top of %s\n", e.Len(), e.Window.State)
		return &invoke.Response{State: []byte(`{"orders":7}`)}, nil
	})

	e := orders()
	e.Window = &batch.Window{Start: time.Unix(1545084650, 0), End: time.Unix(1545084660, 0), State: []byte(`{"orders":4}`)}
	_, outcome := invoke.Run(context.Background(), count, &invoke.Invocation{Event: e}, invoke.Options{})
	fmt.Printf("%s %s\n", outcome.Kind, outcome.State)
	// Output:
	// 3 records on top of {"orders":4}
	// success {"orders":7}
}

func ExampleEvent_AppendJSON() {
	e := invoke.NewEvent(&invoke.Origin{ShardID: "shardId-000000000000", Region: "us-east-1"}, batch.Records{}, nil)
	fmt.Printf("%s\n", e.AppendJSON(nil))
	// Output:
	// {"Records":[]}
}
