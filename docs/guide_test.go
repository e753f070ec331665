// Package docs_test compiles the listings of the guide.
package docs_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/destination/sqs"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// What the listings of the guide take for given.
var (
	shipOne   = func(context.Context, string, []byte) error { return nil }
	saveLost  = func(context.Context, batch.Condition, []byte) error { return nil }
	report    = func(context.Context, time.Time, int) error { return nil }
	awsConfig = aws.Config{Region: "us-east-1"}
)

func first(ctx context.Context, store driver.Store) error {
	m, err := mapping.New(mapping.Config{
		EventSourceARN:   "arn:aws:kinesis:us-east-1:123456789012:stream/orders",
		FunctionName:     "ship-orders",
		StartingPosition: mapping.TrimHorizon,
		Client:           kinesis.NewFromConfig(awsConfig),
		Function:         invoke.Func(ship),
		Store:            store, // boltstore.Open("orders.db")
	})
	if err != nil {
		return err
	}
	return m.Run(ctx)
}

func ship(ctx context.Context, e *invoke.Event) error {
	for r := range e.Records() {
		if err := shipOne(ctx, r.PartitionKey, r.Data); err != nil {
			return err
		}
	}
	return nil
}

func limits(cfg *mapping.Config, sqsClient sqs.Client) {
	cfg.MaximumRetryAttempts = new(3)
	cfg.MaximumRecordAge = 6 * time.Hour
	cfg.BisectBatchOnFunctionError = true
	cfg.FunctionResponseTypes = []mapping.FunctionResponseType{mapping.ReportBatchItemFailures}
	cfg.DestinationConfig.OnFailure.Destination = "arn:aws:sqs:us-east-1:123456789012:lost-orders"
	cfg.DestinationResolvers = []invoke.DestinationResolver{sqs.Resolver(sqsClient)}
}

func shipSome(ctx context.Context, e *invoke.Event) error {
	for r := range e.Records() {
		if err := shipOne(ctx, r.PartitionKey, r.Data); err != nil {
			return &invoke.FailedItemsError{SequenceNumbers: []string{r.SequenceNumber}, Err: err}
		}
	}
	return nil
}

func destination(cfg *mapping.Config) {
	cfg.DestinationConfig.OnFailure.Target = invoke.DestinationFunc(func(ctx context.Context, f *invoke.Failure) error {
		for r := range f.Event.Records() {
			if err := saveLost(ctx, f.Condition, r.Data); err != nil {
				return err
			}
		}
		return nil
	})
}

type totals struct{ Orders int }

func count(ctx context.Context, e *invoke.Event, t totals) (totals, error) {
	t.Orders += e.Len()
	if e.Window.Final {
		return t, report(ctx, e.Window.Start, t.Orders)
	}
	return t, nil
}

func windows(cfg *mapping.Config) {
	cfg.TumblingWindow = time.Minute
	cfg.Function = invoke.StateFunc(count)
}

func filters(cfg *mapping.Config) {
	cfg.FilterCriteria.Filters = []mapping.Filter{
		{Pattern: `{"data": {"price": [{"numeric": [">", 100]}]}}`},
	}
}

func fleet(cfg *mapping.Config) error {
	store, err := dynamostore.NewFleet(dynamostore.Options{Client: dynamodb.NewFromConfig(awsConfig)})
	if err != nil {
		return err
	}
	cfg.Store = store
	return nil
}

func status(m *mapping.Mapping) {
	for _, shard := range m.Status().Shards {
		fmt.Println(shard.ShardID, shard.Behind, shard.Waiting)
	}
}

// The settings that the guide shows form valid configurations.
func TestGuideShowsValidConfigurations(t *testing.T) {
	base := mapping.Config{
		EventSourceARN:   "arn:aws:kinesis:us-east-1:123456789012:stream/orders",
		FunctionName:     "ship-orders",
		StartingPosition: mapping.TrimHorizon,
		Client:           kinesis.NewFromConfig(awsConfig),
		Function:         invoke.Func(shipSome),
	}
	for name, set := range map[string]func(*mapping.Config){
		"limits":      func(cfg *mapping.Config) { limits(cfg, awssqs.NewFromConfig(awsConfig)) },
		"destination": destination,
		"windows":     windows,
		"filters":     filters,
		"fleet":       func(cfg *mapping.Config) { require.NoError(t, fleet(cfg)) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := base
			set(&cfg)
			m, err := mapping.New(cfg)
			require.NoError(t, err)
			status(m)
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, first(ctx, mapping.NewMemoryStore()))
}

func TestGuideShowsATestThatPasses(t *testing.T) {
	service := kinesistest.New(kinesistest.Config{})
	stream, err := service.CreateStream("orders", 1)
	require.NoError(t, err)
	_, _, err = stream.Put("customer-7", []byte("a book"))
	require.NoError(t, err)
	service.Throttle(kinesistest.GetRecords, 3) // the next three reads

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	m, err := mapping.New(mapping.Config{
		EventSourceARN:   stream.ARN(),
		FunctionName:     "ship-orders",
		StartingPosition: mapping.TrimHorizon,
		Client:           service.Client(),
		Function: invoke.Func(func(_ context.Context, e *invoke.Event) error {
			require.Equal(t, "a book", string(e.At(0).Data))
			stop()
			return nil
		}),
	})
	require.NoError(t, err)
	require.NoError(t, m.Run(ctx))
}

// Each listing in Go of the guide stands in this file, so that it compiles. Only indentation may differ.
func TestGuideShowsCodeThatCompiles(t *testing.T) {
	guide, err := os.ReadFile("guide.md")
	require.NoError(t, err)
	code, err := os.ReadFile("guide_test.go")
	require.NoError(t, err)
	listings := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(guide), -1)
	require.Greater(t, len(listings), 8)
	for _, listing := range listings {
		require.Contains(t, flat(string(code)), flat(listing[1]), listing[1])
	}
}

// flat removes the indentation.
func flat(code string) string {
	lines := strings.Split(code, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}
