package dynamostore_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// crew are workers of one mapping, each with a store of its own, and what they processed.
type crew struct {
	*testing.T
	db     *dynamodb.Client
	client *kinesistest.Client
	stream *kinesistest.Stream
	store  func() driver.Store // that a worker is given
	joined map[string]*mapping.Mapping

	mu     sync.Mutex
	seen   map[string]int
	shards map[string]map[string]bool // by worker, since it was last asked
	sent   int
}

func newCrew(t *testing.T, shards int) *crew {
	t.Helper()
	service := kinesistest.New(modeltest.Watch(t, kinesistest.Config{}))
	stream, err := service.CreateStream("orders", shards)
	require.NoError(t, err)
	c := &crew{
		T: t, db: server(t), client: service.Client(), stream: stream, joined: map[string]*mapping.Mapping{},
		seen: map[string]int{}, shards: map[string]map[string]bool{},
	}
	c.store = func() driver.Store { return openFleet(c, c.db) }
	return c
}

// join starts a worker and returns what stops it.
func (c *crew) join(name string) (stop func()) {
	c.Helper()
	m, err := mapping.New(mapping.Config{
		EventSourceARN: c.stream.ARN(), FunctionName: "ship-orders", StartingPosition: mapping.TrimHorizon, Client: c.client,
		Store: c.store(), FailoverTime: 2 * time.Second, Logger: slog.New(slog.DiscardHandler),
		Function: invoke.Func(func(_ context.Context, e *invoke.Event) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			for r := range e.Records() {
				c.seen[string(r.Data)]++
			}
			if c.shards[name] == nil {
				c.shards[name] = map[string]bool{}
			}
			c.shards[name][e.Origin.ShardID] = true
			return nil
		}),
	})
	require.NoError(c, err)
	c.joined[name] = m
	ctx, cancel := context.WithCancel(c.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			assert.NoError(c, <-done)
		})
	}
	c.Cleanup(stop)
	return stop
}

// round sends records, waits until they are processed, and returns how many shards each worker had.
func (c *crew) round() map[string]int {
	c.Helper()
	c.mu.Lock()
	clear(c.shards)
	c.mu.Unlock()
	for range 40 {
		_, err := c.client.PutRecord(c.Context(), &kinesis.PutRecordInput{
			StreamName: aws.String("orders"), PartitionKey: aws.String(fmt.Sprint(c.sent)), Data: fmt.Append(nil, c.sent),
		})
		require.NoError(c, err)
		c.sent++
	}
	require.Eventually(c, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.seen) == c.sent
	}, 20*time.Second, 10*time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	n := map[string]int{}
	for name, shards := range c.shards {
		n[name] = len(shards)
	}
	return n
}

// settle sends rounds until the workers share the shards as wanted.
func (c *crew) settle(want map[string]int) {
	c.Helper()
	deadline := time.Now().Add(30 * time.Second)
	got := c.round()
	for !assert.ObjectsAreEqual(want, got) && time.Now().Before(deadline) {
		got = c.round()
	}
	require.Equal(c, want, got)
}

func TestWorkersOfAFleetShareShardsAndTakeThemOverWithoutADuplicate(t *testing.T) {
	c := newCrew(t, 4)
	stopA := c.join("a")
	c.settle(map[string]int{"a": 4})
	stopB := c.join("b")
	c.settle(map[string]int{"a": 2, "b": 2})
	stopA()
	c.settle(map[string]int{"b": 4})
	stopB()
	for record, n := range c.seen {
		assert.Equal(t, 1, n, record)
	}

	name, err := mapping.StoreKey(c.stream.ARN(), "ship-orders")
	require.NoError(t, err)
	rows := scan(t, c.db, dynamostore.LeaseTableName(name))
	require.Len(t, rows, 4)
	for _, row := range rows {
		assert.NotContains(t, row, "leaseOwner")
		assert.Less(t, size(row), 1024, "a write of a larger one costs double")
	}
	for _, w := range workers(t, openFleet(t, c.db).Fleet(name)) {
		assert.True(t, w.Closed, w.Incarnation)
	}

	// One process goes on with a plain Store where the fleet stopped.
	all, err := open(t, c.db, "alone").Progress(t.Context(), name)
	require.NoError(t, err)
	assert.Len(t, all, 4)
}
