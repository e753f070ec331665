package dynamostore_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
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

// TestMappingGoesOnWhereTheProcessBeforeStopped runs one mapping three times: a run that is stopped, one whose process
// is gone without a word, and one that takes over.
func TestMappingGoesOnWhereTheProcessBeforeStopped(t *testing.T) {
	const perRun = 20
	db := server(t)
	service := kinesistest.New(modeltest.Watch(t, kinesistest.Config{}))
	stream, err := service.CreateStream("orders", 2)
	require.NoError(t, err)
	client := service.Client()

	var mu sync.Mutex
	seen := map[string]int{}
	total := func() int { mu.Lock(); defer mu.Unlock(); return len(seen) }
	run := func(store driver.Store, want int) {
		t.Helper()
		for i := range perRun {
			_, err := client.PutRecord(t.Context(), &kinesis.PutRecordInput{
				StreamName: aws.String("orders"), PartitionKey: aws.String(fmt.Sprint(i)), Data: fmt.Appendf(nil, "%d/%d", want, i),
			})
			require.NoError(t, err)
		}
		m, err := mapping.New(mapping.Config{
			EventSourceARN: stream.ARN(), FunctionName: "ship-orders", StartingPosition: mapping.TrimHorizon, Client: client, Store: store,
			Logger: slog.New(slog.DiscardHandler),
			Function: invoke.Func(func(_ context.Context, e *invoke.Event) error {
				mu.Lock()
				defer mu.Unlock()
				for r := range e.Records() {
					seen[string(r.Data)]++
				}
				return nil
			}),
		})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- m.Run(ctx) }()
		require.Eventually(t, func() bool { return total() == want }, 20*time.Second, 10*time.Millisecond)
		cancel()
		require.NoError(t, <-done)
	}
	run(open(t, db, "a"), perRun)
	run(keeper{open(t, db, "a")}, 2*perRun)
	run(open(t, db, "a"), 3*perRun)
	for record, n := range seen {
		assert.Equal(t, 1, n, record)
	}

	name, err := mapping.StoreKey(stream.ARN(), "ship-orders")
	require.NoError(t, err)
	rows := scan(t, db, dynamostore.LeaseTableName(name))
	require.Len(t, rows, 2)
	for _, row := range rows {
		assert.NotContains(t, row, "leaseOwner")
		assert.Equal(t, num(3), row["sm_epoch"])
		assert.Less(t, size(row), 1024, "a write of a larger one costs double")
	}
}

// keeper gives no lease back, as a process that is killed.
type keeper struct{ *dynamostore.Store }

func (keeper) Release(context.Context, driver.Lease) error { return nil }

// size is about what DynamoDB counts of an item.
func size(i item) int {
	n := 0
	for name, v := range i {
		n += len(name)
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			n += len(v.Value)
		case *types.AttributeValueMemberN:
			n += len(v.Value)/2 + 2
		default:
			n++
		}
	}
	return n
}
