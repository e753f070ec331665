package main

import (
	"errors"
	"flag"
	"fmt"
	"time"
)

// options are the program's flags.
type options struct {
	workers, shards int
	kill            bool
	dynamodb        string
	failover        time.Duration

	worker, kinesis, stream string // of a worker: its name, the endpoint of the embedded server, the ARN
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("fleet", flag.ContinueOnError)
	f.IntVar(&o.workers, "workers", 5, "worker processes at the beginning")
	f.IntVar(&o.shards, "shards", 40, "shards at the beginning")
	f.BoolVar(&o.kill, "kill", true, "kill a worker with -9; otherwise workers only stop and join")
	f.StringVar(&o.dynamodb, "dynamodb", "", "`URL` of a DynamoDB endpoint, on which tables remain; empty: dynalite is started")
	f.DurationVar(&o.failover, "failover", 10*time.Second, "FailoverTime: how long a worker may be silent before others take its shards")
	f.StringVar(&o.worker, "worker", "", "run as the worker of this `name`: the program starts itself with this and the following flags")
	f.StringVar(&o.kinesis, "kinesis", "", "a worker's Kinesis endpoint: `URL`")
	f.StringVar(&o.stream, "stream", "", "`ARN` of a worker's stream")
	if err := f.Parse(args); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			err = fmt.Errorf("%w: %w", err, errBegin)
		}
		return o, err
	}
	var errs []error
	check := func(ok bool, format string, a ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, a...), errBegin)
		}
	}
	check(f.NArg() == 0, "unexpected argument %q", f.Arg(0))
	check(o.workers >= 3 && o.workers <= 20, "-workers is %d, must be between 3 and 20, because two of them end", o.workers)
	check(o.shards >= o.workers && o.shards <= 200, "-shards is %d, must be between -workers and 200", o.shards)
	check(o.failover >= time.Second && o.failover <= time.Hour, "-failover is %s, must be between 1s and 1h", o.failover)
	return o, errors.Join(errs...)
}

// args returns the flags of a worker.
func (o *options) args(worker string) []string {
	return []string{"-worker", worker, "-kinesis", o.kinesis, "-stream", o.stream, "-dynamodb", o.dynamodb, "-failover", o.failover.String()}
}
