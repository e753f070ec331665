package main

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"
)

// options are the program's flags.
type options struct {
	endpoint   string
	stream     string
	region     string
	shards     int
	records    int
	recordSize int
	batch      int
	window     time.Duration
	work       time.Duration
	reshard    bool
	fanout     bool
	aggregate  bool
	store      string
	json       bool
	patience   time.Duration // how long without arrivals until missing records count as lost
}

// smallest is the minimum size of a record: its number and the mark of this program.
const smallest = 32

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	f.StringVar(&o.endpoint, "endpoint", "", "`URL` of a running Kinesis endpoint; empty: an embedded server")
	f.StringVar(&o.stream, "stream", "quickstart", "`name` of the stream, which is created if it is missing")
	f.StringVar(&o.region, "region", "us-east-1", "AWS region")
	f.IntVar(&o.shards, "shards", 4, "shards of a new stream, 1 to 10000")
	f.IntVar(&o.records, "records", 5000, "records to put; those already in the stream are not put again")
	f.IntVar(&o.recordSize, "record-size", 200, "size of a record in bytes")
	f.IntVar(&o.batch, "batch", 25, "BatchSize: maximum records per invocation")
	f.DurationVar(&o.window, "window", 0, "MaximumBatchingWindow: how long to gather records for a batch")
	f.DurationVar(&o.work, "work", 2*time.Millisecond, "duration of the function per batch")
	f.BoolVar(&o.reshard, "reshard", false, "split each shard and merge its halves again while records are put")
	f.BoolVar(&o.fanout, "fanout", false, "read by enhanced fan-out; the consumer is registered if it is missing")
	f.BoolVar(&o.aggregate, "aggregate", false, "put KPL aggregates, and make the mapping deaggregate them")
	f.StringVar(&o.store, "store", "", "`FILE` for the progress, so that a second run resumes where the first was killed; FILE.delivered keeps the records that arrived, and FILE.stream the embedded stream")
	f.BoolVar(&o.json, "json", false, "print JSON lines")
	f.DurationVar(&o.patience, "patience", 60*time.Second, "how long without arrivals until missing records count as lost")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	var errs []error
	check := func(ok bool, format string, a ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, a...))
		}
	}
	check(f.NArg() == 0, "unexpected argument %q", f.Arg(0))
	check(o.stream != "", "-stream must not be empty")
	check(o.endpoint == "" || strings.HasPrefix(o.endpoint, "http://") || strings.HasPrefix(o.endpoint, "https://"),
		"-endpoint is %q, must be a URL such as http://127.0.0.1:4568", o.endpoint)
	check(o.batch >= 1 && o.batch <= 10_000, "-batch is %d, must be between 1 and 10000", o.batch)
	check(o.shards >= 1 && o.shards <= 10_000, "-shards is %d, must be between 1 and 10000", o.shards)
	check(o.records >= 1, "-records is %d, must be at least 1", o.records)
	check(o.recordSize >= smallest && o.recordSize <= 1<<20-256, "-record-size is %d, must be between %d and %d", o.recordSize, smallest, 1<<20-256)
	check(o.work >= 0, "-work is %s, must be at least 0", o.work)
	check(o.patience > 0, "-patience is %s, must be more than 0", o.patience)
	return o, errors.Join(errs...)
}
