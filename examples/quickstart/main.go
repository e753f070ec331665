// Quickstart answers: does every record that is put into a stream arrive at the function, in order, and how fast?
//
// It starts an embedded Kinesis server (or uses the one at -endpoint), puts records through the AWS SDK over HTTP, runs
// a mapping on the stream, and checks every record. Its last line is
//
//	put=5000 delivered=5000 lost=0 duplicates=0 out_of_order=0 invocations=N polls=M shards=4
//
// and its exit code is 1 if a record is lost or out of order.
//
// The flags -reshard, -aggregate and -fanout can be combined. They test a stream whose shards are split and merged
// meanwhile, aggregates, whose members are counted, and enhanced fan-out, where polls= counts events.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/shardmill/shardmill/examples/internal/audit"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/boltstore"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/observe"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := audit.Parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(2)
	}
	ok, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// run puts, processes and checks, and reports whether all is well.
func run(ctx context.Context, o audit.Options) (ok bool, err error) {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	var store driver.Store = mapping.NewMemoryStore()
	if o.Store != "" {
		file, err := boltstore.Open(o.Store) // first: its lock keeps a second run away from all the files
		if err != nil {
			return false, err
		}
		defer file.Close()
		store = file
	}
	checks, err := audit.Open(ctx, o)
	if err != nil {
		return false, err
	}
	defer checks.Close()

	var polls, invocations atomic.Int64
	m, err := mapping.New(mapping.Config{
		EventSourceARN:        checks.Source(),
		FunctionName:          "quickstart",
		StartingPosition:      mapping.TrimHorizon,
		BatchSize:             o.Batch,
		MaximumBatchingWindow: o.Window,
		Read:                  mapping.ReadOptions{Deaggregate: o.Aggregate},
		Client:                checks.Client(),
		Store:                 store,
		Function: invoke.Func(func(ctx context.Context, e *invoke.Event) error {
			if err := checks.Work(ctx); err != nil {
				return err
			}
			return checks.Deliver(e)
		}),
		Observer: observe.Observer{
			Polled:  func(observe.Polled) { polls.Add(1) },
			Invoked: func(observe.Invoked) { invocations.Add(1) },
		},
	})
	if err != nil {
		return false, err
	}
	err = checks.Run(ctx, m)

	s := checks.Summary()
	s.Invocations, s.Polls = invocations.Load(), polls.Load()
	s.Print(o.JSON)
	return err == nil && s.Good(), err
}
