package mapping_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// orders is a stream in this process, whose clock an example may set back while it puts records.
type orders struct {
	service *kinesistest.Service
	stream  *kinesistest.Stream
	ago     time.Duration
}

func newOrders() *orders {
	o := &orders{ago: 2 * time.Hour}
	o.service = kinesistest.New(kinesistest.Config{Now: func() time.Time { return time.Now().Add(-o.ago) }})
	var err error
	if o.stream, err = o.service.CreateStream("orders", 1); err != nil {
		panic(err)
	}
	o.ago = 0
	return o
}

func (o *orders) put(data ...string) {
	for _, d := range data {
		if _, _, err := o.stream.Put("customer", []byte(d)); err != nil {
			panic(err)
		}
	}
}

// config is what all examples of settings have in common.
func (o *orders) config(f invoke.Invoker) mapping.Config {
	return mapping.Config{
		EventSourceARN:   o.stream.ARN(),
		FunctionName:     "ship-orders",
		StartingPosition: mapping.TrimHorizon,
		Client:           o.service.Client(),
		Store:            mapping.NewMemoryStore(),
		Logger:           slog.New(slog.DiscardHandler),
		Function:         f,
	}
}

// run runs a mapping until ctx is done.
func run(ctx context.Context, cfg mapping.Config) *mapping.Mapping {
	m, err := mapping.New(cfg)
	if err != nil {
		panic(err)
	}
	if err := m.Run(ctx); err != nil {
		panic(err)
	}
	return m
}

// printUntil returns a function that prints the records, and stops the mapping at one of them.
func printUntil(last string, stop func()) invoke.Func {
	return func(_ context.Context, e *invoke.Event) error {
		for r := range e.Records() {
			fmt.Printf("%s\n", r.Data)
			if string(r.Data) == last {
				stop()
			}
		}
		return nil
	}
}

// LATEST begins at the first start of the mapping.
func ExampleConfig_latest() {
	o := newOrders()
	o.ago = time.Hour
	o.put("an hour old")
	o.ago = 0

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	cfg := o.config(printUntil("new", stop))
	cfg.StartingPosition = mapping.Latest
	cfg.Observer.ShardOpened = func(observe.ShardOpened) { o.put("new") }
	run(ctx, cfg)
	// Output: new
}

// A filter lets large orders through. What it does not let through is counted, and needs no invocation.
func ExampleConfig_filterCriteria() {
	o := newOrders()
	o.put(`{"price": 20}`, `{"price": 250}`, `no JSON`, `{"price": 300}`)

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	cfg := o.config(printUntil(`{"price": 300}`, stop))
	cfg.FilterCriteria.Filters = []mapping.Filter{{Pattern: `{"data": {"price": [{"numeric": [">", 100]}]}}`}}
	m := run(ctx, cfg)
	fmt.Println(m.Status().Counts.FilteredOut, "filtered out")
	// Output:
	// {"price": 250}
	// {"price": 300}
	// 2 filtered out
}

// A function names the record that failed, and is invoked again from there on.
func ExampleConfig_functionResponseTypes() {
	o := newOrders()
	o.put("one", "two", "three")

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	locked := true
	cfg := o.config(invoke.Func(func(_ context.Context, e *invoke.Event) error {
		for r := range e.Records() {
			if string(r.Data) == "two" && locked {
				locked = false
				fmt.Println("two fails")
				return &invoke.FailedItemsError{SequenceNumbers: []string{r.SequenceNumber}}
			}
			fmt.Printf("%s\n", r.Data)
			if string(r.Data) == "three" {
				stop()
			}
		}
		return nil
	}))
	cfg.FunctionResponseTypes = []mapping.FunctionResponseType{mapping.ReportBatchItemFailures}
	run(ctx, cfg)
	// Output:
	// one
	// two fails
	// two
	// three
}

// A tumbling window hands a state from one invocation to the next, and is closed by the first record behind its end.
func ExampleConfig_tumblingWindow() {
	o := newOrders()
	minute := time.Since(time.Now().Truncate(time.Minute)) // windows begin with the minute
	o.ago = minute + 10*time.Minute
	o.put("first", "second", "third")
	o.ago = minute + 8*time.Minute
	o.put("of a later window")
	o.ago = 0

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	type state struct{ Orders int }
	cfg := o.config(invoke.StateFunc(func(_ context.Context, e *invoke.Event, s state) (state, error) {
		s.Orders += e.Len()
		if e.Window.Final {
			fmt.Println(s.Orders, "orders in", e.Window.End.Sub(e.Window.Start))
			stop()
		}
		return s, nil
	}))
	cfg.BatchSize = 2
	cfg.TumblingWindow = time.Minute
	run(ctx, cfg)
	// Output: 3 orders in 1m0s
}

// What is given up goes to the on-failure destination: an SQS queue, an SNS topic or an S3 bucket, or, as here, a function.
func ExampleConfig_destinationConfig() {
	o := newOrders()
	o.put("one", "poison", "three")

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	cfg := o.config(invoke.Func(func(_ context.Context, e *invoke.Event) error {
		for r := range e.Records() {
			if string(r.Data) == "poison" {
				return errors.New("can't be shipped")
			}
		}
		return printUntil("three", stop)(ctx, e)
	}))
	cfg.BatchSize = 1
	cfg.MaximumRetryAttempts = new(0)
	cfg.DestinationConfig.OnFailure.Target = invoke.DestinationFunc(func(_ context.Context, f *invoke.Failure) error {
		fmt.Println("given up:", f.Condition, f.Event.Len())
		return nil
	})
	run(ctx, cfg)
	// Output:
	// one
	// given up: RetryAttemptsExhausted 1
	// three
}

// An Observer is told what happens while it happens.
func ExampleObserver() {
	o := newOrders()
	o.put("one", "two", "three")

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	cfg := o.config(printUntil("three", stop))
	cfg.BatchSize = 2
	cfg.Observer = observe.Observer{
		ShardOpened: func(e observe.ShardOpened) { fmt.Println(e.Shard, "opened at", e.From) },
		Invoking:    func(e observe.Invoking) { fmt.Println("invoking with", e.Records, "records") },
		Invoked:     func(e observe.Invoked) { fmt.Println(e.Outcome, e.Failed, "failed") },
		ShardClosed: func(e observe.ShardClosed) { fmt.Println(e.Shard, "closed, at its end:", e.End) },
	}
	run(ctx, cfg)
	// Output:
	// shardId-000000000000 opened at TRIM_HORIZON
	// invoking with 2 records
	// one
	// two
	// success 0 failed
	// invoking with 1 records
	// three
	// success 0 failed
	// shardId-000000000000 closed, at its end: false
}

// Status tells where a mapping stands, and why it does not move on.
func ExampleMapping_Status() {
	o := newOrders()
	o.put("one", "two")

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var m *mapping.Mapping
	cfg := o.config(invoke.Func(func(_ context.Context, e *invoke.Event) error {
		if string(e.At(0).Data) == "two" {
			st := m.Status()
			fmt.Println(st.LastProcessingResult, len(st.Shards), "shard,", st.Counts.Invocations, "invocation ended")
			stop()
		}
		return nil
	}))
	cfg.BatchSize = 1
	m, err := mapping.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := m.Run(ctx); err != nil {
		fmt.Println(err)
	}
	st := m.Status()
	fmt.Println(st.LastProcessingResult, st.Counts.Invoked, "records, running:", st.Running)
	// Output:
	// OK 1 shard, 1 invocation ended
	// OK 2 records, running: false
}
