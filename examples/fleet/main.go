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
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	o, err := parse(os.Args[1:])
	ok := true
	switch {
	case err != nil:
	case o.worker != "":
		err = work(ctx, o)
	default:
		ok, err = run(ctx, o)
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "fleet:", err)
	}
	os.Exit(exitCode(ok, err))
}

// errBegin says that the flags are invalid, or that something is not installed.
var errBegin = errors.New("nothing was started")

func exitCode(ok bool, err error) int {
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errBegin):
		return 2
	case err != nil || !ok:
		return 1
	}
	return 0
}
