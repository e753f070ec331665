package mapping_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// A mapping on a stream in this process, which ends when it has seen all records.
func Example() {
	service := kinesistest.New(kinesistest.Config{}) // elsewhere: kinesis.NewFromConfig(awsConfig)
	stream, err := service.CreateStream("orders", 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, data := range []string{"one", "two", "three"} {
		if _, _, err := stream.Put("customer", []byte(data)); err != nil {
			fmt.Println(err)
			return
		}
	}

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m, err := mapping.New(mapping.Config{
		EventSourceARN:   stream.ARN(),
		FunctionName:     "ship-orders",
		StartingPosition: mapping.TrimHorizon,
		BatchSize:        2,
		Client:           service.Client(),
		Store:            mapping.NewMemoryStore(),
		Logger:           slog.New(slog.DiscardHandler),
		Function: invoke.Func(func(_ context.Context, e *invoke.Event) error {
			fmt.Println("a batch of", e.Len())
			for r := range e.Records() {
				fmt.Printf("%s\n", r.Data)
				if string(r.Data) == "three" {
					cancel()
				}
			}
			return nil
		}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Run(ctx), m.Status().LastProcessingResult)
	// Output:
	// a batch of 2
	// one
	// two
	// a batch of 1
	// three
	// <nil> OK
}
