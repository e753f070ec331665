package audit

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"
)

// Options are the flags of the program.
type Options struct {
	Endpoint   string
	Stream     string
	Region     string
	Shards     int
	Records    int
	RecordSize int
	Batch      int
	Window     time.Duration
	Work       time.Duration
	Reshard    bool
	Fanout     bool
	Aggregate  bool
	Store      string
	JSON       bool
	Patience   time.Duration // how long without arrivals until missing records count as lost
}

// smallest is the minimum size of a record: its number and the mark of this program.
const smallest = 32

// Parse reads the flags, and returns an error that names each invalid one with its bounds.
func Parse(args []string) (Options, error) {
	var o Options
	f := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	f.StringVar(&o.Endpoint, "endpoint", "", "`URL` of a running Kinesis endpoint; empty: an embedded server")
	f.StringVar(&o.Stream, "stream", "quickstart", "`name` of the stream, which is created if it is missing")
	f.StringVar(&o.Region, "region", "us-east-1", "AWS region")
	f.IntVar(&o.Shards, "shards", 4, "shards of a new stream, 1 to 10000")
	f.IntVar(&o.Records, "records", 5000, "records to put; those already in the stream are not put again")
	f.IntVar(&o.RecordSize, "record-size", 200, "size of a record in bytes")
	f.IntVar(&o.Batch, "batch", 25, "BatchSize: maximum records per invocation")
	f.DurationVar(&o.Window, "window", 0, "MaximumBatchingWindow: how long to gather records for a batch")
	f.DurationVar(&o.Work, "work", 2*time.Millisecond, "duration of the function per batch")
	f.BoolVar(&o.Reshard, "reshard", false, "split each shard and merge its halves again while records are put")
	f.BoolVar(&o.Fanout, "fanout", false, "read by enhanced fan-out; the consumer is registered if it is missing")
	f.BoolVar(&o.Aggregate, "aggregate", false, "put KPL aggregates, and make the mapping deaggregate them")
	f.StringVar(&o.Store, "store", "", "`FILE` for the progress, so that a second run resumes where the first was killed; FILE.delivered keeps the records that arrived, and FILE.stream the embedded stream")
	f.BoolVar(&o.JSON, "json", false, "print JSON lines")
	f.DurationVar(&o.Patience, "patience", 60*time.Second, "how long without arrivals until missing records count as lost")
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
	check(o.Stream != "", "-stream must not be empty")
	check(o.Endpoint == "" || strings.HasPrefix(o.Endpoint, "http://") || strings.HasPrefix(o.Endpoint, "https://"),
		"-endpoint is %q, must be a URL such as http://127.0.0.1:4568", o.Endpoint)
	check(o.Batch >= 1 && o.Batch <= 10_000, "-batch is %d, must be between 1 and 10000", o.Batch)
	check(o.Shards >= 1 && o.Shards <= 10_000, "-shards is %d, must be between 1 and 10000", o.Shards)
	check(o.Records >= 1, "-records is %d, must be at least 1", o.Records)
	check(o.RecordSize >= smallest && o.RecordSize <= 1<<20-256, "-record-size is %d, must be between %d and %d", o.RecordSize, smallest, 1<<20-256)
	check(o.Work >= 0, "-work is %s, must be at least 0", o.Work)
	check(o.Patience > 0, "-patience is %s, must be more than 0", o.Patience)
	return o, errors.Join(errs...)
}
