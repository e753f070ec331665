package dynamostore_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
	"github.com/shardmill/shardmill/mapping/storetest"
)

var (
	_ driver.Store           = (*dynamostore.Store)(nil)
	_ driver.DefinitionStore = (*dynamostore.Store)(nil)
	_ dynamostore.Client     = (*dynamodb.Client)(nil)
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConforms(t *testing.T) {
	db := server(t)
	storetest.Run(t, func(t *testing.T) driver.Store { return open(t, db, "worker") })
}

func TestListsNames(t *testing.T) {
	db := server(t)
	storetest.RunNames(t, func(t *testing.T) driver.ListedStore { return open(t, db, "worker") })
}

// TestListsNamesOfAFleet: a Take is listed as an Acquire is. Leases that a killed process left behind are not held for its successor.
func TestListsNamesOfAFleet(t *testing.T) {
	db := server(t)
	s := openFleet(t, db)
	_, err := s.Fleet(orders).Take(t.Context(), driver.FleetLease{Shard: shard0}, "a/1#1")
	require.NoError(t, err)
	names, err := s.Names(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{orders}, names)
	held, err := open(t, db, "alone").Held(t.Context(), orders)
	require.NoError(t, err)
	require.True(t, held)

	_, _, err = open(t, db, "host").Acquire(t.Context(), "other", shard0, "a")
	require.NoError(t, err)
	for worker, want := range map[string]bool{"host": false, "another": true} {
		held, err := open(t, db, worker).Held(t.Context(), "other")
		require.NoError(t, err)
		require.Equal(t, want, held, worker)
	}
}

// server starts a DynamoDB for the test and returns a client of it, which lets no request pass that AWS would refuse for its size.
func server(t testing.TB) *dynamodb.Client {
	t.Helper()
	return dynamodb.NewFromConfig(modeltest.WatchConfig(t, rig.AWSConfig(rig.DynamoDB(t))), bounded(t))
}

// open returns the store of a process that was just started.
func open(t testing.TB, client dynamostore.Client, worker string, change ...func(*dynamostore.Options)) *dynamostore.Store {
	t.Helper()
	o := dynamostore.Options{Client: client, Worker: worker}
	for _, c := range change {
		c(&o)
	}
	s, err := dynamostore.New(o)
	require.NoError(t, err)
	return s
}
