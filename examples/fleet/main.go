// Fleet answers: when the workers of a fleet are killed, stopped and added, and a shard is split, is each record still
// processed, in order, and how long does a killed worker's shard wait?
//
//	go run ./examples/fleet -workers 5 -shards 40
//
// It starts worker processes on an embedded Kinesis server and a DynamoDB, which is the endpoint of -dynamodb or
// dynalite (Node, and `npm ci --prefix .ci/rig`). While records are put to all shards it kills one worker with -9,
// stops one, adds two and splits a shard. Once a second it prints how many shards each worker delivers. The workers are
// called w1, w2 and so on, in the leases and in their log. The worker that notices the kill reports it on standard
// error, with level=WARN worker=w3 gone=w1/…#1 and the number of shards. The last line is
//
//	put=… delivered=… lost=0 out_of_order=0 duplicates=D takeover_p99=…s
//
// where out_of_order counts first deliveries, by partition key over the lineage of the shards; duplicates are the
// records that the killed worker had not checkpointed yet (none with -kill=false); and the takeover lasts from the kill
// until another worker delivers the shard. The exit code is 1 if a record is lost or out of order, or if the fleet gets
// stuck, and 2 if it cannot begin. The program is for Unix: elsewhere there is no SIGTERM to stop a worker.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/shardmill/shardmill/examples/internal/drill"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/dynamostore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	o, err := drill.Parse(os.Args[1:])
	ok := true
	switch {
	case err != nil:
	case o.Worker != "":
		err = work(ctx, o)
	default:
		ok, err = drill.Run(ctx, o)
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "fleet:", err)
	}
	os.Exit(exitCode(ok, err))
}

// work is a worker's main function: it shares the stream's shards with the other workers, until it is asked to stop.
func work(ctx context.Context, o drill.Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel() // the parent process is gone
	}()

	config := aws.Config{Region: drill.Region, Credentials: credentials.NewStaticCredentialsProvider("000000000000", "none", "")}
	store, err := dynamostore.NewFleet(dynamostore.Options{
		Client: dynamodb.NewFromConfig(config, func(d *dynamodb.Options) { d.BaseEndpoint = &o.DynamoDB }),
		Worker: o.Worker,
	})
	if err != nil {
		return err
	}
	m, err := mapping.New(mapping.Config{
		EventSourceARN:   o.Stream,
		FunctionName:     "fleet",
		StartingPosition: mapping.TrimHorizon,
		Client:           kinesis.NewFromConfig(config, func(k *kinesis.Options) { k.BaseEndpoint = &o.Kinesis }),
		Function:         invoke.Func(drill.NewReporter(o.Worker, os.Stdout).Report),
		Store:            store, // a fleet store is all that is needed
		FailoverTime:     o.Failover,
		Read:             mapping.ReadOptions{PollInterval: drill.PutInterval}, // shorter than the checkpoint interval, so that a kill shows its duplicates
	})
	if err != nil {
		return err
	}
	return m.Run(ctx)
}

func exitCode(ok bool, err error) int {
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, drill.ErrBegin):
		return 2
	case err != nil || !ok:
		return 1
	}
	return 0
}
