package dynamostore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
)

// TestFinishedRowOfAWorkerThatHasDiedIsFreed has a worker die between storing the end of a shard, which has left the stream since, and
// releasing its lease.
func TestFinishedRowOfAWorkerThatHasDiedIsFreed(t *testing.T) {
	const gone = "shardId-000000000077"
	ctx, c := t.Context(), newCrew(t, 1)
	name, err := mapping.StoreKey(c.stream.ARN(), "ship-orders")
	require.NoError(t, err)
	s := openFleet(t, c.db)
	f := s.Fleet(name)
	require.NoError(t, f.Heartbeat(ctx, driver.FleetWorker{Incarnation: "x#1", Counter: 1, Failover: time.Second}, true))
	lease, err := f.Take(ctx, driver.FleetLease{Shard: gone}, "x#1")
	require.NoError(t, err)
	end := driver.Progress{Version: 1, Position: batch.Position{SequenceNumber: "20"}, End: true}
	require.NoError(t, f.Commit(ctx, lease, driver.FleetCheckpoint{Version: 1, Finished: true, Value: end}))
	stop := c.join("a")
	free := func() bool {
		row := get(t, c.db, dynamostore.LeaseTableName(name), item{"leaseKey": str(gone)})
		return row["leaseOwner"] == nil
	}
	require.Eventually(t, free, 30*time.Second, 100*time.Millisecond)
	stop()
	all, err := openFleet(t, c.db).Progress(ctx, name)
	require.NoError(t, err)
	require.True(t, all[gone].End, "its progress is as it was")
	require.Equal(t, "20", all[gone].Position.SequenceNumber)
	require.NoError(t, openFleet(t, c.db).Delete(ctx, name, gone))
}

// TestFinishedRowOfAKCLWorkerThatIsGoneIsDeleted calls Delete now and then, as a sweep does.
func TestFinishedRowOfAKCLWorkerThatIsGoneIsDeleted(t *testing.T) {
	db := server(t)
	createLeaseTable(t, db, app)
	put(t, db, app, with(kclRow(shard0, "SHARD_END", 0), "leaseOwner", str("kcl-worker")))
	s := open(t, db, "a", given, func(o *dynamostore.Options) { o.ForeignTimeout = 300 * time.Millisecond })
	require.ErrorIs(t, s.Delete(t.Context(), orders, shard0), driver.ErrLeaseHeld)
	deleted := func() bool { return s.Delete(t.Context(), orders, shard0) == nil && lease(t, db, app) == nil }
	require.Eventually(t, deleted, 20*time.Second, 100*time.Millisecond)
}
