package observe_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

func Example() {
	service := kinesistest.New(kinesistest.Config{}) // elsewhere: kinesis.NewFromConfig(awsConfig)
	stream, err := service.CreateStream("orders", 1)
	if err != nil {
		panic(err)
	}
	if _, _, err := stream.Put("customer", []byte("o-1")); err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	m, err := mapping.New(mapping.Config{
		EventSourceARN:       stream.ARN(),
		FunctionName:         "ship-orders",
		StartingPosition:     mapping.TrimHorizon,
		MaximumRetryAttempts: new(int),
		Client:               service.Client(),
		Logger:               slog.New(slog.DiscardHandler),
		Function: invoke.Func(func(context.Context, *invoke.Event) error {
			return errors.New("no carrier")
		}),
		Observer: observe.Observer{
			Invoked: func(e observe.Invoked) {
				fmt.Printf("attempt %d of %d record: %s (%v)\n", e.Attempt, e.Records, e.Outcome, e.Err)
			},
			Discarded: func(e observe.Discarded) {
				fmt.Printf("discarded after %d invocation: %s\n", e.Invocations, e.Condition)
				stop()
			},
		},
	})
	if err != nil {
		panic(err)
	}
	if err := m.Run(ctx); err != nil {
		panic(err)
	}
	// Output:
	// attempt 1 of 1 record: function-error (no carrier)
	// discarded after 1 invocation: RetryAttemptsExhausted
}
