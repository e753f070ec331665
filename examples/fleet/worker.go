package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/dynamostore"
)

// delivery is a worker's report of an invocation: a line of JSON on its standard output.
type delivery struct {
	Worker  string    `json:"worker"`
	Shard   string    `json:"shard"`
	Time    time.Time `json:"time"`
	Records []record  `json:"records"`
}

// record is a record of the stream. Records are numbered in the order in which they are put.
type record struct {
	Key    string `json:"key"`
	Number int    `json:"number"`
}

// work is a worker's main function: it shares the stream's shards with the other workers, until it is asked to stop.
func work(ctx context.Context, o options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel() // the parent process is gone
	}()

	config := aws.Config{Region: region, Credentials: credentials.NewStaticCredentialsProvider("000000000000", "none", "")}
	store, err := dynamostore.NewFleet(dynamostore.Options{
		Client: dynamodb.NewFromConfig(config, func(d *dynamodb.Options) { d.BaseEndpoint = &o.dynamodb }),
		Worker: o.worker,
	})
	if err != nil {
		return err
	}
	out := reporter{worker: o.worker, lines: json.NewEncoder(os.Stdout)}
	m, err := mapping.New(mapping.Config{
		EventSourceARN:   o.stream,
		FunctionName:     "fleet",
		StartingPosition: mapping.TrimHorizon,
		Client:           kinesis.NewFromConfig(config, func(k *kinesis.Options) { k.BaseEndpoint = &o.kinesis }),
		Function:         invoke.Func(out.report),
		Store:            store, // a fleet store is all that is needed
		FailoverTime:     o.failover,
		Read:             mapping.ReadOptions{PollInterval: putInterval}, // shorter than the checkpoint interval, so that a kill shows its duplicates
	})
	if err != nil {
		return err
	}
	return m.Run(ctx)
}

// reporter writes the records that arrive. It writes the line before the invocation succeeds, so that the line counts
// after a kill -9.
type reporter struct {
	worker string
	mu     sync.Mutex
	lines  *json.Encoder
}

func (p *reporter) report(_ context.Context, e *invoke.Event) error {
	d := delivery{Worker: p.worker, Shard: e.Origin.ShardID, Time: time.Now()}
	for r := range e.Records() {
		number, err := strconv.Atoi(string(r.Data))
		if err != nil {
			return err
		}
		d.Records = append(d.Records, record{r.PartitionKey, number})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines.Encode(d)
}
