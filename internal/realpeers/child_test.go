package realpeers_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
)

// childEnv has the settings of a worker of ours: the test binary that finds it in its environment is that worker.
const childEnv = "SHARDMILL_REALPEERS_WORKER"

// child is a worker of ours in a process of its own. It prints lines as a KCL worker does, so that one witness listens to both.
type child struct {
	Worker, Source, Application string // its name, the stream's ARN, the name of the lease table
	Kinesis, DynamoDB           string // endpoints

	Alone    bool // has a dynamostore.Store for one process instead of a FleetStore
	Share    bool // Options.ShareWithKCL
	Failover time.Duration
}

// child returns the settings of a worker of ours in this world.
func (w *world) child(name, application string) child {
	return child{
		Worker: name, Source: w.stream.ARN(), Application: application,
		Kinesis: w.server.URL, DynamoDB: w.dynamo, Failover: 3 * time.Second,
	}
}

// startChild starts a worker of ours, which the witness listens to.
func (w *world) startChild(c child) *rig.Peer {
	w.Helper()
	settings, err := json.Marshal(c)
	if err != nil {
		w.Fatal(err)
	}
	return rig.Self(w, "worker "+c.Worker, []string{childEnv + "=" + string(settings)}, w.listen(c.Worker))
}

// runChild is the main function of a worker of ours. It stops when its input is closed.
func runChild(settings string) int {
	var c child
	if err := json.Unmarshal([]byte(settings), &c); err != nil {
		return fail(err)
	}
	p := &printer{out: bufio.NewWriter(os.Stdout)}
	store, err := c.store(p)
	if err != nil {
		return fail(err)
	}
	m, err := mapping.New(mapping.Config{
		EventSourceARN: c.Source, FunctionName: "orders-app", StartingPosition: mapping.TrimHorizon,
		Client: kinesis.NewFromConfig(rig.AWSConfig(c.Kinesis)), Store: store, FailoverTime: c.Failover,
		Read: mapping.ReadOptions{Deaggregate: true, PollInterval: 250 * time.Millisecond}, ShardRefreshInterval: time.Second,
		Logger:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Function: invoke.Func(p.invoke),
	})
	if err != nil {
		return fail(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var input sync.WaitGroup
	input.Go(func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	})
	p.say("UP")
	if err := m.Run(ctx); err != nil {
		return fail(err) // the process ends, and with it what reads the input
	}
	input.Wait()
	p.say("DOWN")
	return 0
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// store returns the worker's store, which prints its checkpoints.
func (c *child) store(p *printer) (driver.Store, error) {
	o := dynamostore.Options{
		Client: dynamodb.NewFromConfig(rig.AWSConfig(c.DynamoDB)), Worker: c.Worker, LeaseTable: func(string) string { return c.Application },
		ForeignTimeout: c.Failover, ShareWithKCL: c.Share,
	}
	if c.Alone {
		s, err := dynamostore.New(o)
		return &loudStore{s, p}, err
	}
	s, err := dynamostore.NewFleet(o)
	return &loudFleet{s, p}, err
}

// printer prints lines. What is delivered must be out before it is checkpointed, since the process may be killed.
type printer struct {
	mu  sync.Mutex
	out *bufio.Writer
}

func (p *printer) say(lines ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range lines {
		fmt.Fprintln(p.out, line)
	}
	_ = p.out.Flush() // it fails only when the test no longer reads, and the process is about to be killed
}

func (p *printer) invoke(_ context.Context, e *invoke.Event) error {
	lines := make([]string, 0, e.Len())
	for r := range e.Records() {
		lines = append(lines, fmt.Sprintf("REC %s %s %d - - %s %s", e.Origin.ShardID, r.SequenceNumber, r.SubSequence, url.QueryEscape(r.PartitionKey), hashOf(r.Data)))
	}
	p.say(lines...)
	return nil
}

func (p *printer) committed(shard string, at driver.Progress) {
	if at.End {
		p.say("CKPT " + shard + " SHARD_END 0")
	} else if s := at.Position.SequenceNumber; s != "" {
		p.say(fmt.Sprint("CKPT ", shard, " ", s, " ", at.Position.SubSequence))
	}
}

// loudStore prints the checkpoints of a Store.
type loudStore struct {
	*dynamostore.Store
	p *printer
}

func (s *loudStore) Commit(ctx context.Context, l driver.Lease, at driver.Progress) error {
	err := s.Store.Commit(ctx, l, at)
	if err == nil {
		s.p.committed(l.Shard, at)
	}
	return err
}

// loudFleet prints the checkpoints of a FleetStore. Its tables have all that those of a FleetStore can have.
type loudFleet struct {
	*dynamostore.FleetStore
	p *printer
}

func (s *loudFleet) Fleet(name string) driver.FleetTable {
	table := s.FleetStore.Fleet(name)
	lister, _ := table.(driver.FleetLister)
	loud := loudTable{FleetTable: table, lister: lister, p: s.p}
	if renewer, ok := table.(driver.FleetRenewer); ok {
		return &loudSharedTable{loud, renewer}
	}
	return &loud
}

type loudTable struct {
	driver.FleetTable
	lister driver.FleetLister
	p      *printer
}

func (t *loudTable) Listed(shards []driver.FleetShard) { t.lister.Listed(shards) }

func (t *loudTable) Commit(ctx context.Context, l driver.FleetLease, c driver.FleetCheckpoint) error {
	err := t.FleetTable.Commit(ctx, l, c)
	if at, ok := c.Value.(driver.Progress); err == nil && ok {
		t.p.committed(l.Shard, at)
	}
	return err
}

type loudSharedTable struct {
	loudTable
	renewer driver.FleetRenewer
}

func (t *loudSharedTable) Renew(ctx context.Context, leases []driver.FleetLease) ([]driver.FleetLease, error) {
	return t.renewer.Renew(ctx, leases)
}

var (
	_ driver.FleetRenewer = (*loudSharedTable)(nil)
	_ driver.FleetLister  = (*loudSharedTable)(nil)
	_ driver.FleetLister  = (*loudTable)(nil)
)
