package dynamostore_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
)

type item = map[string]types.AttributeValue

const (
	orders = "orders"
	shard0 = "shardId-000000000000"
)

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func num[T int | int64](n T) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(n), 10)}
}

// errCut is what a call gets whose connection broke.
var errCut = errors.New("connection reset by peer")

// cutter is a Client with one-shot faults in its writes.
type cutter struct {
	*dynamodb.Client
	mu     sync.Mutex
	faults []fault
	writes int
}

// fault is what becomes of one write.
type fault int

const (
	none      fault = iota
	lostCall        // the call does not arrive
	lostReply       // the call is done, its answer is lost
	twice           // the call is done, its answer is lost, and the SDK does it again
	throttled       // the call is refused for its rate
)

// next plans what becomes of the next writes.
func (c *cutter) next(f ...fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, f...)
}

// count returns how many writes there were.
func (c *cutter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes
}

func (c *cutter) fault() fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes++
	if len(c.faults) == 0 {
		return none
	}
	f := c.faults[0]
	c.faults = c.faults[1:]
	return f
}

// cut does a write under its fault.
func cut[T any](f fault, do func() (T, error)) (out T, err error) {
	switch f {
	case lostCall:
		return out, errCut
	case throttled:
		return out, &types.ProvisionedThroughputExceededException{Message: aws.String("slow down")}
	case lostReply:
		if _, err := do(); err != nil {
			return out, err
		}
		return out, errCut
	case twice:
		if _, err := do(); err != nil {
			return out, err
		}
	}
	return do()
}

func (c *cutter) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return cut(c.fault(), func() (*dynamodb.UpdateItemOutput, error) { return c.Client.UpdateItem(ctx, in, opts...) })
}

func (c *cutter) PutItem(ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return cut(c.fault(), func() (*dynamodb.PutItemOutput, error) { return c.Client.PutItem(ctx, in, opts...) })
}

func (c *cutter) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return cut(c.fault(), func() (*dynamodb.DeleteItemOutput, error) { return c.Client.DeleteItem(ctx, in, opts...) })
}

// at returns the progress of a version behind a sequence number.
func at(version uint64, sequenceNumber int) driver.Progress {
	return driver.Progress{Version: version, Position: batch.Position{SequenceNumber: strconv.Itoa(sequenceNumber)}}
}

// acquire takes the lease of the shard, which must be had.
func acquire(t testing.TB, s driver.Store, name string) (driver.Lease, driver.Progress) {
	t.Helper()
	lease, p, err := s.Acquire(t.Context(), name, shard0, "owner")
	require.NoError(t, err)
	return lease, p
}

// put writes an item of somebody else's.
func put(t testing.TB, db *dynamodb.Client, table string, i item) {
	t.Helper()
	_, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: i})
	require.NoError(t, err)
}

// get reads an item as it is.
func get(t testing.TB, db *dynamodb.Client, table string, key item) item {
	t.Helper()
	out, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key, ConsistentRead: aws.Bool(true)})
	require.NoError(t, err)
	return out.Item
}

// lease reads the row of the shard.
func lease(t testing.TB, db *dynamodb.Client, table string) item {
	t.Helper()
	return get(t, db, table, item{"leaseKey": str(shard0)})
}

// scan reads all of a table.
func scan(t testing.TB, db *dynamodb.Client, table string) []item {
	t.Helper()
	var all []item
	pages := dynamodb.NewScanPaginator(db, &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		all = append(all, page.Items...)
	}
	return all
}

// createLeaseTable creates a table as KCL does.
func createLeaseTable(t testing.TB, db *dynamodb.Client, table string) {
	t.Helper()
	_, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("leaseKey"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("leaseKey"), KeyType: types.KeyTypeHash}},
	})
	require.NoError(t, err)
	require.NoError(t, dynamodb.NewTableExistsWaiter(db, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 1e7 }).
		Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: &table}, 10e9))
}
