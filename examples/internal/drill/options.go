package drill

import (
	"errors"
	"flag"
	"fmt"
	"time"
)

// Options are the flags of the program.
type Options struct {
	workers, shards int
	kill            bool

	DynamoDB string        // the URL of its endpoint
	Failover time.Duration // FailoverTime

	Worker          string // its name; empty: the program runs the drill
	Kinesis, Stream string // of a worker: the endpoint of the embedded server, and the ARN
}

// ErrBegin says that the flags are invalid, or that something is not installed.
var ErrBegin = errors.New("nothing was started")

// Parse reads the flags, and returns an error that names each invalid one with its bounds.
func Parse(args []string) (o Options, err error) {
	f := flag.NewFlagSet("fleet", flag.ContinueOnError)
	f.IntVar(&o.workers, "workers", 5, "worker processes at the beginning")
	f.IntVar(&o.shards, "shards", 40, "shards at the beginning")
	f.BoolVar(&o.kill, "kill", true, "kill a worker with -9; otherwise workers only stop and join")
	f.StringVar(&o.DynamoDB, "dynamodb", "", "`URL` of a DynamoDB endpoint, on which tables remain; empty: dynalite is started")
	f.DurationVar(&o.Failover, "failover", 10*time.Second, "FailoverTime: how long a worker may be silent before others take its shards")
	f.StringVar(&o.Worker, "worker", "", "run as the worker of this `name`: the program starts itself with this and the following flags")
	f.StringVar(&o.Kinesis, "kinesis", "", "a worker's Kinesis endpoint: `URL`")
	f.StringVar(&o.Stream, "stream", "", "`ARN` of a worker's stream")
	if err := f.Parse(args); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			err = fmt.Errorf("%w: %w", err, ErrBegin)
		}
		return o, err
	}
	var errs []error
	check := func(ok bool, format string, a ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, a...), ErrBegin)
		}
	}
	check(f.NArg() == 0, "unexpected argument %q", f.Arg(0))
	check(o.workers >= 3 && o.workers <= 20, "-workers is %d, must be between 3 and 20, because two of them end", o.workers)
	check(o.shards >= o.workers && o.shards <= 200, "-shards is %d, must be between -workers and 200", o.shards)
	check(o.Failover >= time.Second && o.Failover <= time.Hour, "-failover is %s, must be between 1s and 1h", o.Failover)
	return o, errors.Join(errs...)
}

// args returns the flags of a worker.
func (o *Options) args(worker string) []string {
	return []string{"-worker", worker, "-kinesis", o.Kinesis, "-stream", o.Stream, "-dynamodb", o.DynamoDB, "-failover", o.Failover.String()}
}
