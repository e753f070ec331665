package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/shardmill/shardmill/mapping"
)

// errUsage says that the flags are invalid.
var errUsage = errors.New("-h lists the flags")

// options are the flags.
type options struct {
	source, function, start, format, table, stream, app, file, leases string
	export, apply, allowBack, plain                                   bool
	patience                                                          time.Duration
}

func parse(args []string, out io.Writer) (o options, err error) {
	f := flag.NewFlagSet("migrate", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&o.source, "source", "", "`ARN` of the stream, or of the mapping's consumer")
	f.StringVar(&o.function, "function", "", "FunctionName of the mapping")
	f.StringVar(&o.start, "start", string(mapping.TrimHorizon), "StartingPosition of the mapping")
	f.StringVar(&o.format, "format", "", "the other program: kcl, vmware-go-kcl, kinesis-consumer or bento")
	f.StringVar(&o.table, "table", "", "`name` of its DynamoDB table")
	f.StringVar(&o.stream, "stream", "", "the `stream` in its table, if that has several: its name; with kcl account:name:epoch,\nby default that of -source, or - for rows without one")
	f.StringVar(&o.app, "app", "", "its application's name: kinesis-consumer only")
	f.StringVar(&o.file, "store", "", "`FILE` of boltstore that has the mapping's progress; empty: DynamoDB")
	f.StringVar(&o.leases, "leases", "", "the mapping's lease table in DynamoDB; empty: its usual one")
	f.BoolVar(&o.export, "export", false, "move the mapping's progress to the table, which must be KCL's")
	f.BoolVar(&o.apply, "apply", false, "carry out the plan; without it nothing is written")
	f.BoolVar(&o.allowBack, "allow-back", false, "allow positions to fall")
	f.BoolVar(&o.plain, "plain", false, "the stream has no KPL aggregates")
	f.DurationVar(&o.patience, "patience", 20*time.Second, "how long to watch KCL leases with an owner for activity")
	if err = f.Parse(args); err != nil {
		return o, fmt.Errorf("%w: %w", err, errUsage)
	}
	if o.source == "" || o.function == "" || o.format == "" || o.table == "" || f.NArg() > 0 {
		return o, fmt.Errorf("-source, -function, -format and -table are required, without further arguments: %w", errUsage)
	}
	return o, nil
}
