// Process answers: does a function built for AWS Lambda run here unchanged, in several processes of its own?
//
// It builds examples/lambdafunction, puts records into an embedded Kinesis server, runs a mapping that invokes the
// program over the Lambda Runtime API, and checks its output: every record, and in order. Its last line has the form of
// the quickstart's. The arguments can name another program:
//
//	go run ./examples/process -parallelization 4 -shards 2
//	go run ./examples/process node examples/process/testdata/bootstrap.mjs
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/shardmill/shardmill/examples/internal/transcript"
	"github.com/shardmill/shardmill/invoke/process"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// options are the program's flags.
type options struct {
	shards, parallelization, records, batch int
	patience                                time.Duration
	command                                 []string
	delivered                               string // the file that the function writes
}

func main() {
	var o options
	flag.IntVar(&o.shards, "shards", 2, "shards of the stream")
	flag.IntVar(&o.parallelization, "parallelization", 1, "ParallelizationFactor: concurrent invocations per shard, up to 10")
	flag.IntVar(&o.records, "records", 5000, "records to put")
	flag.IntVar(&o.batch, "batch", 25, "BatchSize: maximum records per invocation")
	flag.DurationVar(&o.patience, "patience", 60*time.Second, "how long without arrivals until missing records count as lost")
	flag.Parse()
	o.command = flag.Args()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "process:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// run puts, processes and checks, and reports whether all is well.
func run(ctx context.Context, o options) (bool, error) {
	dir, err := os.MkdirTemp("", "shardmill-process-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	if len(o.command) == 0 {
		program := filepath.Join(dir, "bootstrap")
		build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/shardmill/shardmill/examples/lambdafunction")
		if out, err := build.CombinedOutput(); err != nil {
			return false, fmt.Errorf("build the function: %w\n%s", err, out)
		}
		o.command = []string{program}
	}
	server := kinesistest.NewServer(kinesistest.New(kinesistest.Config{})) //nolint:contextcheck // it ends with Close
	defer server.Close()
	o.delivered = filepath.Join(dir, "delivered")
	ledger := transcript.New(o.delivered)
	arn, err := ledger.Fill(ctx, server.Client(), o.shards, o.records)
	if err != nil {
		return false, err
	}
	return drive(ctx, o, server.Client(), arn, ledger)
}

// drive runs a mapping of the stream to the program until everything has arrived, or nothing arrives any more.
func drive(ctx context.Context, o options, client *kinesis.Client, arn string, ledger *transcript.Ledger) (bool, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	function, err := process.New(process.Config{
		Command:      o.command,
		Environment:  map[string]string{"DELIVERED": o.delivered},
		MaxProcesses: o.shards * o.parallelization,
		Logger:       log,
	})
	if err != nil {
		return false, err
	}
	defer function.Close()

	watched := ledger.Watch(function)
	var polls atomic.Int64
	m, err := mapping.New(mapping.Config{
		EventSourceARN:        arn,
		FunctionName:          "lambdafunction",
		StartingPosition:      mapping.TrimHorizon,
		BatchSize:             o.batch,
		ParallelizationFactor: o.parallelization,
		FunctionTimeout:       30 * time.Second,
		Client:                client,
		Store:                 mapping.NewMemoryStore(),
		Function:              watched,
		Logger:                log,
		Observer:              observe.Observer{Polled: func(observe.Polled) { polls.Add(1) }},
	})
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- m.Run(ctx) }()
	err = ledger.Wait(ctx, o.patience)
	cancel()
	err = errors.Join(err, <-stopped)

	fmt.Printf("at most %d concurrent invocations, in up to %d processes\n", watched.Most(), o.shards*o.parallelization)
	return ledger.Summary(watched.Invocations(), polls.Load(), o.shards), err
}
