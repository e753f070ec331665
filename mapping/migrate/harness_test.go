package migrate_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/migrate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ migrate.Client = (*dynamodb.Client)(nil)

type item = map[string]types.AttributeValue

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func num[T int | int64](n T) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(n), 10)}
}

// tables is a Client that has tables to be read, an item a page.
type tables struct {
	migrate.Client // nil: nothing is written
	rows           map[string][]item
	scanned        func(table string) // called before each first page, if it is set
}

func (f *tables) Scan(_ context.Context, in *dynamodb.ScanInput, _ ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	if in.ExclusiveStartKey == nil && f.scanned != nil {
		f.scanned(*in.TableName)
	}
	rows, ok := f.rows[*in.TableName]
	if !ok {
		return nil, &types.ResourceNotFoundException{}
	}
	i := 0
	if n, ok := in.ExclusiveStartKey["n"].(*types.AttributeValueMemberN); ok {
		i, _ = strconv.Atoi(n.Value)
	}
	if i >= len(rows) {
		return &dynamodb.ScanOutput{}, nil
	}
	return &dynamodb.ScanOutput{Items: rows[i : i+1], LastEvaluatedKey: item{"n": num(i + 1)}}, nil
}

// name is that of the mapping in these tests.
const name = "orders"

// behind returns the progress behind a whole record.
func behind(n int) driver.Progress {
	return driver.Progress{Version: 1, Position: batch.Position{SequenceNumber: strconv.Itoa(n)}}
}

// within returns the progress behind member sub of an aggregate.
func within(n int, sub int64) driver.Progress {
	return driver.Progress{Version: 1, Position: batch.Position{SequenceNumber: strconv.Itoa(n), SubSequence: sub, Partial: true}}
}

// stored returns a store that has progress.
func stored(t testing.TB, all map[string]driver.Progress) driver.Store {
	t.Helper()
	s := mapping.NewMemoryStore()
	for shard, p := range all {
		lease, _, err := s.Acquire(t.Context(), name, shard, "owner")
		require.NoError(t, err)
		require.NoError(t, s.Commit(t.Context(), lease, p))
		require.NoError(t, s.Release(t.Context(), lease))
	}
	return s
}

// progress reads what a store has.
func progress(t testing.TB, s driver.Store) map[string]driver.Progress {
	t.Helper()
	all, err := s.Progress(t.Context(), name)
	require.NoError(t, err)
	return all
}
