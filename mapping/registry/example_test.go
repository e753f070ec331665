package registry_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping/registry"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

func Example() {
	service := kinesistest.New(kinesistest.Config{})
	stream, err := service.CreateStream("orders", 1)
	if err != nil {
		log.Fatal(err)
	}
	shipped := make(chan string)
	reg, err := registry.New(registry.Config{
		Functions: registry.Functions{"ship-orders": invoke.Func(func(_ context.Context, e *invoke.Event) error {
			for r := range e.Records() {
				shipped <- string(r.Data)
			}
			return nil
		})},
		Client: service.Client(), // or kinesis.NewFromConfig(awsConfig)
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	done := make(chan error)
	go func() { done <- reg.Run(ctx) }()

	c, err := reg.Create(ctx, registry.CreateInput{
		EventSourceARN:   "arn:aws:kinesis:us-east-1:123456789012:stream/orders",
		FunctionName:     "ship-orders",
		StartingPosition: "TRIM_HORIZON",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.State, c.BatchSize, c.LastProcessingResult)
	if _, _, err := stream.Put("customer-7", []byte("a book")); err != nil {
		log.Fatal(err)
	}
	fmt.Println("shipped", <-shipped)
	cancel()
	fmt.Println(<-done)
	// Output:
	// Creating 100 No records processed
	// shipped a book
	// <nil>
}
