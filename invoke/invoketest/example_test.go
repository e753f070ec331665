package invoketest_test

import (
	"context"
	"fmt"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/invoketest"
)

// The first record's partition key says what the function is to do.
func ExampleHandler() {
	for _, verb := range []string{"last", "fail"} {
		e := invoke.NewEvent(&invoke.Origin{}, batch.RecordsOf([]batch.Record{
			{SequenceNumber: "101", PartitionKey: verb},
			{SequenceNumber: "102", PartitionKey: "ann"},
		}), nil)
		answer, err := invoketest.Handler{}.Invoke(context.Background(), e.AppendJSON(nil))
		fmt.Printf("%s: %s %v\n", verb, answer, err)
	}
	// Output:
	// last: {"batchItemFailures":[{"itemIdentifier":"102"}]} <nil>
	// fail:  the kettle is broken
}
