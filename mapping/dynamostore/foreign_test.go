package dynamostore_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

var (
	_ driver.CheckedStore = (*dynamostore.Store)(nil)
	_ driver.CheckedStore = (*dynamostore.FleetStore)(nil)
)

// shared has a store share the table of a KCL application.
func shared(o *dynamostore.Options) {
	given(o)
	o.ShareWithKCL = true
}

func TestSharingIsForFleetsWithATable(t *testing.T) {
	_, err := dynamostore.New(dynamostore.Options{Client: &dynamodb.Client{}, ShareWithKCL: true})
	require.ErrorContains(t, err, "NewFleet")
	_, err = dynamostore.NewFleet(dynamostore.Options{Client: &dynamodb.Client{}, ShareWithKCL: true})
	require.ErrorContains(t, err, "LeaseTable")
	alone := openFleet(t, &dynamodb.Client{}, given).Fleet(orders)
	_, renews := alone.(driver.FleetRenewer)
	assert.False(t, renews, "a write for each lease that nobody needs")
}

// metrics is the row of a KCL 3 worker.
func metrics(key string, at time.Time) item {
	return item{key: str("worker-1"), "lut": num(at.Unix()), "opr": num(1), "wmv": &types.AttributeValueMemberM{Value: item{}}}
}

func TestKCL3FleetIsRefused(t *testing.T) {
	db := server(t)
	s := open(t, db, "a", given)
	require.NoError(t, s.Check(t.Context(), orders), "there is no table")
	createLeaseTable(t, db, app)
	put(t, db, app, kclRow(shard0, "41", 0))
	row := with(metrics("leaseKey", time.Now().Add(-time.Hour)), "entityType", str("WORKER_METRIC_STATS"))
	put(t, db, app, row)
	require.NoError(t, s.Check(t.Context(), orders), "it reported long ago")

	put(t, db, app, with(row, "lut", num(time.Now().Unix())))
	err := s.Check(t.Context(), orders)
	require.ErrorIs(t, err, driver.ErrForeignFleet)
	require.ErrorContains(t, err, "worker worker-1 reported to table "+app+" at")
	require.NoError(t, open(t, db, "a").Check(t.Context(), app), "a table that is not given is no application's")
}

func TestKCL3FleetInItsOwnTablesIsRefused(t *testing.T) {
	db := server(t)
	createLeaseTable(t, db, app)
	createTable(t, db, app+"-WorkerMetricStats", "wid")
	s := open(t, db, "a", given)
	put(t, db, app+"-WorkerMetricStats", metrics("wid", time.Now().Add(-time.Hour)))
	require.NoError(t, s.Check(t.Context(), orders))
	put(t, db, app+"-WorkerMetricStats", metrics("wid", time.Now()))

	service := kinesistest.New(kinesistest.Config{})
	stream, err := service.CreateStream("orders", 1)
	require.NoError(t, err)
	m, err := mapping.New(mapping.Config{
		EventSourceARN: stream.ARN(), FunctionName: "ship-orders", StartingPosition: mapping.TrimHorizon, Client: service.Client(),
		Store: openFleet(t, db, given), Logger: slog.New(slog.DiscardHandler),
		Function: invoke.Func(func(context.Context, *invoke.Event) error { return nil }),
	})
	require.NoError(t, err)
	err = m.Run(t.Context()) // it returns: the error is not one that may pass
	require.ErrorIs(t, err, driver.ErrForeignFleet)
	require.ErrorContains(t, err, "worker worker-1")
	assert.Empty(t, scan(t, db, app))
}

func createTable(t testing.TB, db *dynamodb.Client, name, key string) {
	t.Helper()
	_, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: &key, AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: &key, KeyType: types.KeyTypeHash}},
	})
	require.NoError(t, err)
	w := dynamodb.NewTableExistsWaiter(db, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 10 * time.Millisecond })
	require.NoError(t, w.Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: &name}, time.Minute))
}

// kclTake takes a lease as KCL 1 and 2 do: if its counter is what was read.
func kclTake(ctx context.Context, db *dynamodb.Client, row item, worker string) error {
	counter, _ := row["leaseCounter"].(*types.AttributeValueMemberN)
	n, _ := strconv.Atoi(counter.Value)
	_, err := db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(app), Key: item{"leaseKey": row["leaseKey"]},
		ConditionExpression:       aws.String("leaseCounter = :seen"),
		UpdateExpression:          aws.String("SET leaseOwner = :me, leaseCounter = :next ADD ownerSwitchesSinceCheckpoint :one"),
		ExpressionAttributeValues: item{":seen": counter, ":next": num(n + 1), ":me": str(worker), ":one": num(1)},
	})
	return err
}

func TestRenewal(t *testing.T) {
	ctx, db := t.Context(), server(t)
	f, ok := openFleet(t, db, shared).Fleet(orders).(driver.FleetRenewer)
	require.True(t, ok)
	var held []driver.FleetLease
	for i := range 3 {
		l, err := f.Take(ctx, driver.FleetLease{Shard: fmt.Sprint("shard-", i)}, "a")
		require.NoError(t, err)
		held = append(held, l)
	}
	lost, err := f.Renew(ctx, held)
	require.NoError(t, err)
	assert.Empty(t, lost)
	rows := scan(t, db, app)
	for _, row := range rows {
		assert.Equal(t, num(2), row["leaseCounter"])
	}

	stale := get(t, db, app, item{"leaseKey": str("shard-0")})
	_, err = f.Renew(ctx, held)
	require.NoError(t, err)
	require.Error(t, kclTake(ctx, db, stale, "kcl"), "its owner is alive")
	require.NoError(t, kclTake(ctx, db, get(t, db, app, item{"leaseKey": str("shard-1")}), "kcl"), "KCL steals for the sake of balance")
	require.NoError(t, f.Commit(ctx, held[0], driver.FleetCheckpoint{Version: 1, Value: at(1, 1)}))
	require.ErrorIs(t, f.Commit(ctx, held[1], driver.FleetCheckpoint{Version: 1, Value: at(1, 1)}), driver.ErrFleetRefused)
	lost, err = f.Renew(ctx, held)
	require.NoError(t, err)
	assert.Equal(t, held[1:2], lost)
	assert.Equal(t, "TRIM_HORIZON", get(t, db, app, item{"leaseKey": str("shard-1")})["checkpoint"].(*types.AttributeValueMemberS).Value)
}

// A lease of a KCL worker that is alive can be taken from it as KCL's workers take theirs from each other, where the two share a
// table: by a write on the row as it is, which its owner finds out at its next renewal. It is taken from nobody else.
func TestALeaseIsTakenFromALiveKCLWorkerWhereTheTableIsShared(t *testing.T) {
	ctx, db := t.Context(), server(t)
	createLeaseTable(t, db, app)
	row := with(kclRow(shard0, "41", 0), "leaseOwner", str("kcl"))
	put(t, db, app, row)
	seen := driver.FleetLease{Shard: shard0, Owner: "kcl", Foreign: true, Begun: true}

	_, err := openFleet(t, db, given).Fleet(orders).Take(ctx, seen, "a")
	require.ErrorIs(t, err, driver.ErrFleetRefused, "the table is not shared")
	f := openFleet(t, db, shared).Fleet(orders)
	rows, _, err := f.Leases(ctx, "")
	require.NoError(t, err)
	require.Equal(t, []driver.FleetLease{seen}, rows)
	other := seen
	other.Owner = "another"
	_, err = f.Take(ctx, other, "a")
	require.ErrorIs(t, err, driver.ErrFleetRefused, "another worker has it")

	put(t, db, app, with(row, "leaseCounter", num(43))) // it renews
	l, err := f.Take(ctx, seen, "a")
	require.NoError(t, err)
	assert.Equal(t, "a", l.Owner)
	got := lease(t, db, app)
	assert.Equal(t, num(44), got["leaseCounter"], "by which each write of the worker that had it is refused")
	assert.Equal(t, num(4), got["ownerSwitchesSinceCheckpoint"])
	assert.Equal(t, str("41"), got["checkpoint"])
	_, err = f.Take(ctx, seen, "b")
	require.ErrorIs(t, err, driver.ErrFleetRefused)
}

// TestWorkersLiveBesideKCL has a worker share its table with one of KCL, which steals a lease, and gives it back.
func TestWorkersLiveBesideKCL(t *testing.T) {
	const failover = 2 * time.Second
	c := newCrew(t, 3)
	createLeaseTable(t, c.db, app)
	c.store = func() driver.Store { return openFleet(c, c.db, shared) }
	c.join("a")
	c.settle(map[string]int{"a": 3})

	// KCL watches: no counter of ours stands still for its failover time.
	seen, since := map[string]types.AttributeValue{}, map[string]time.Time{}
	watch := func() (stood time.Duration) {
		for _, row := range scan(t, c.db, app) {
			shard := row["leaseKey"].(*types.AttributeValueMemberS).Value
			if !assert.ObjectsAreEqual(seen[shard], row["leaseCounter"]) {
				seen[shard], since[shard] = row["leaseCounter"], time.Now()
			}
			stood = max(stood, time.Since(since[shard]))
		}
		return stood
	}
	begin := time.Now()
	require.Never(t, func() bool { return watch() > failover }, 2*failover, failover/20)
	require.Greater(t, time.Since(begin), failover)

	rows := scan(t, c.db, app)
	require.Eventually(t, func() bool {
		rows = scan(t, c.db, app)
		return kclTake(t.Context(), c.db, rows[0], "kcl") == nil
	}, 10*time.Second, time.Millisecond)
	stolen := rows[0]["leaseKey"]
	foreign := func() (shards []string) {
		for _, s := range c.joined["a"].Status().Shards {
			if s.Owner == "kcl" && s.Waiting == "processed by a program outside the fleet: kcl" {
				shards = append(shards, s.ShardID)
			}
		}
		return shards
	}
	require.Eventually(t, func() bool { return len(foreign()) == 1 }, 10*time.Second, 10*time.Millisecond, "the next renewal tells that it is lost")
	require.Never(t, func() bool { return len(foreign()) != 1 }, failover, failover/20, "it is left alone")
	assert.Equal(t, str("kcl"), get(t, c.db, app, item{"leaseKey": stolen})["leaseOwner"])

	_, err := c.db.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{ // KCL stops and gives it back
		TableName: aws.String(app), Key: item{"leaseKey": stolen},
		UpdateExpression: aws.String("REMOVE leaseOwner ADD leaseCounter :one"), ExpressionAttributeValues: item{":one": num(1)},
	})
	require.NoError(t, err)
	c.settle(map[string]int{"a": 3})
}

func TestNewRowTellsWhereItsShardLies(t *testing.T) {
	ctx, db := t.Context(), server(t)
	f := openFleet(t, db, given).Fleet(orders)
	lister, ok := f.(driver.FleetLister)
	require.True(t, ok)
	lister.Listed([]driver.FleetShard{{ID: shard0, Parents: []string{"p", "q", "p"}, StartingHashKey: "0", EndingHashKey: "9"}})
	l, err := f.Take(ctx, driver.FleetLease{Shard: shard0}, "a")
	require.NoError(t, err)
	row := lease(t, db, app)
	assert.Equal(t, str("0"), row["startingHashKey"])
	assert.Equal(t, str("9"), row["endingHashKey"])
	parents, _ := row["parentShardId"].(*types.AttributeValueMemberSS)
	require.NotNil(t, parents)
	assert.ElementsMatch(t, []string{"p", "q"}, parents.Value)
	assert.NotContains(t, row, "childShardIds")

	lister.Listed([]driver.FleetShard{{ID: shard0, Children: []string{"c"}, StartingHashKey: "1", EndingHashKey: "9"}})
	require.NoError(t, f.Commit(ctx, l, driver.FleetCheckpoint{Version: 1, Finished: true, Value: driver.Progress{Version: 1, End: true}}))
	row = lease(t, db, app)
	assert.Equal(t, &types.AttributeValueMemberSS{Value: []string{"c"}}, row["childShardIds"])
	assert.Equal(t, str("0"), row["startingHashKey"], "what a row has stays")
}
