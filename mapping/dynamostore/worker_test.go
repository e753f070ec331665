package dynamostore_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

var _ driver.WorkerStore = (*dynamostore.FleetStore)(nil)

func TestTheNameOfAWorkerOfAFleetIsChecked(t *testing.T) {
	client := dynamodb.New(dynamodb.Options{})
	for _, name := range []string{"a b", "a\n", "\xff", strings.Repeat("w", 256)} {
		_, err := dynamostore.NewFleet(dynamostore.Options{Client: client, Worker: name})
		require.EqualError(t, err, fmt.Sprintf("dynamostore: Worker is %q, must be 1 to 255 bytes of UTF-8 without spaces and control characters", name))
	}
	_, err := dynamostore.NewFleet(dynamostore.Options{Worker: "a b"})
	require.ErrorContains(t, err, `Worker is "a b"`)
	require.ErrorContains(t, err, "Client is required")
	s, err := dynamostore.NewFleet(dynamostore.Options{Client: client, Worker: strings.Repeat("w", 255)})
	require.NoError(t, err)
	assert.Len(t, s.Worker(), 255)
}

func TestTheNameOfAWorkerIsInItsLeases(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	for _, name := range []string{"orders-1", ""} {
		c := newCrew(t, 2)
		c.store = func() driver.Store {
			s, err := dynamostore.NewFleet(dynamostore.Options{Client: c.db, Worker: name})
			require.NoError(t, err)
			return s
		}
		c.join("a")
		c.settle(map[string]int{"a": 2})
		want := name
		if name == "" {
			want = fmt.Sprintf("%s-%d", host, os.Getpid())
		}
		assert.Equal(t, want, c.joined["a"].Status().Worker)
		mine, err := mapping.StoreKey(c.stream.ARN(), "ship-orders")
		require.NoError(t, err)
		for _, row := range scan(t, c.db, dynamostore.LeaseTableName(mine)) {
			assert.Regexp(t, "^"+want+"/[a-z0-9]{13}#1$", kcl.Text(row, kcl.LeaseOwner))
		}
	}
}
