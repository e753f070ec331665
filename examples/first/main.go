// First answers: what is the smallest program that invokes a function with the records of a stream?
// Run it with the ARN of a stream, and AWS credentials in the environment.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/boltstore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) != 2 {
		log.Fatal("usage: first STREAM-ARN")
	}
	if err := run(ctx, os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, stream string) error {
	awsConfig, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	store, err := boltstore.Open("orders.db") // progress: a restart resumes after it
	if err != nil {
		return err
	}
	defer store.Close()

	m, err := mapping.New(mapping.Config{
		EventSourceARN:   stream,
		FunctionName:     "ship-orders",
		StartingPosition: mapping.TrimHorizon,
		BatchSize:        500,

		Client: kinesis.NewFromConfig(awsConfig),
		Function: invoke.Func(func(ctx context.Context, e *invoke.Event) error {
			for r := range e.Records() {
				fmt.Printf("%s %s %s\n", e.Origin.ShardID, r.PartitionKey, r.Data)
			}
			return nil // on error the batch is retried
		}),
		Store: store,
	})
	if err != nil {
		return err
	}
	return m.Run(ctx) // blocks; when ctx is cancelled it drains, checkpoints, and returns nil
}
