// Partialfailure answers: what happens to a poison record among good ones?
//
// It puts four records into a stream in this process. The function cannot process the second and reports that. With one
// retry, bisection and partial failures, the good ones pass, and a destination gets one document about the bad one.
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.New(os.Stderr, "", 0).Fatal("partialfailure: ", err)
	}
}

func run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	service := kinesistest.New(kinesistest.Config{})
	stream, err := service.CreateStream("orders", 1)
	if err != nil {
		return err
	}
	for _, data := range []string{"order 1", "poison 2", "order 3", "order 4"} {
		if _, _, err := stream.Put("customer", []byte(data)); err != nil {
			return err
		}
	}
	left := 4
	resolved := func(n int) {
		if left -= n; left == 0 {
			cancel()
		}
	}
	m, err := mapping.New(mapping.Config{
		EventSourceARN:   stream.ARN(),
		FunctionName:     "ship-orders",
		StartingPosition: mapping.TrimHorizon,

		MaximumRetryAttempts:       new(1),
		BisectBatchOnFunctionError: true,
		FunctionResponseTypes:      []mapping.FunctionResponseType{mapping.ReportBatchItemFailures},
		DestinationConfig: mapping.DestinationConfig{OnFailure: mapping.OnFailure{
			Target: invoke.DestinationFunc(func(_ context.Context, f *invoke.Failure) error {
				fmt.Printf("document %s\n", f.AppendJSON(nil))
				return nil
			}),
		}},

		Client:   service.Client(),
		Function: invoke.Func(ship),
		Store:    mapping.NewMemoryStore(),
		Logger:   slog.New(slog.DiscardHandler),
		Observer: observe.Observer{
			Invoked:   func(e observe.Invoked) { resolved(e.Records - e.Failed) },
			Discarded: func(e observe.Discarded) { resolved(e.Records) },
		},
	})
	if err != nil {
		return err
	}
	return m.Run(ctx)
}

// ship processes the good records and names the others.
func ship(_ context.Context, e *invoke.Event) error {
	var failed []string
	fmt.Print("invoked ")
	for r := range e.Records() {
		fmt.Printf(" [%s]", r.Data)
		if r.Data[0] == 'p' {
			failed = append(failed, r.SequenceNumber)
		}
	}
	fmt.Println()
	if failed == nil {
		return nil
	}
	return &invoke.FailedItemsError{SequenceNumbers: failed}
}
