package dynamostore_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
)

func TestConditionsOfAWorkersRow(t *testing.T) {
	ctx := t.Context()
	f := openFleet(t, server(t)).Fleet(orders)
	w := driver.FleetWorker{Incarnation: "w", Counter: 5, Generation: 1 << 63, Leaving: true, Asks: []driver.FleetAsk{{Shard: "s/1", Epoch: 1<<64 - 1}}}
	refused := func(err error) { t.Helper(); require.ErrorIs(t, err, driver.ErrFleetRefused) }

	assert.Empty(t, workers(t, f))
	require.NoError(t, f.Remove(ctx, "w"), "nothing is there")
	refused(f.Heartbeat(ctx, w, false))
	refused(f.Close(ctx, "w", 5))
	refused(f.Retire(ctx, "w"))
	require.NoError(t, f.Heartbeat(ctx, w, true))
	require.NoError(t, f.Heartbeat(ctx, w, true), "an answer was lost")
	require.NoError(t, f.Heartbeat(ctx, w, false))
	assert.Equal(t, []driver.FleetWorker{w}, workers(t, f), "without a failover time, as older programs write it")
	w.Failover = time.Hour
	require.NoError(t, f.Heartbeat(ctx, w, false))
	assert.Equal(t, []driver.FleetWorker{w}, workers(t, f))
	old := w
	old.Counter = 4
	refused(f.Heartbeat(ctx, old, false))
	refused(f.Heartbeat(ctx, old, true))
	refused(f.Remove(ctx, "w"))
	refused(f.Close(ctx, "w", 4))
	refused(f.Close(ctx, "w", 6))
	require.NoError(t, f.Close(ctx, "w", 5))
	require.NoError(t, f.Close(ctx, "w", 5))
	require.NoError(t, f.Retire(ctx, "w"))
	w.Closed = true
	assert.Equal(t, []driver.FleetWorker{w}, workers(t, f))
	w.Counter = 9
	refused(f.Heartbeat(ctx, w, false))
	refused(f.Heartbeat(ctx, w, true))
	require.NoError(t, f.Remove(ctx, "w"))
	require.NoError(t, f.Remove(ctx, "w"))
	assert.Empty(t, workers(t, f))
}

func TestConditionsOfALease(t *testing.T) {
	ctx := t.Context()
	f := openFleet(t, server(t)).Fleet(orders)
	refused := func(err error) { t.Helper(); require.ErrorIs(t, err, driver.ErrFleetRefused) }
	take := func(seen driver.FleetLease, owner string) error { _, err := f.Take(ctx, seen, owner); return err }
	commit := func(l driver.FleetLease, version uint64, position int) error {
		return f.Commit(ctx, l, driver.FleetCheckpoint{Version: version, Rate: -1, Value: at(version, position)})
	}
	none := driver.FleetLease{Shard: shard0}
	assert.Empty(t, leases(t, f))
	refused(take(driver.FleetLease{Shard: shard0, Epoch: 1}, "a"))
	refused(take(driver.FleetLease{Shard: shard0, Owner: "b", Epoch: 1}, "a"))
	require.NoError(t, f.Release(ctx, driver.FleetLease{Shard: shard0, Owner: "a", Epoch: 1}), "it is not in force")
	refused(commit(driver.FleetLease{Shard: shard0, Owner: "a", Epoch: 1}, 1, 1))
	a, err := f.Take(ctx, none, "a")
	require.NoError(t, err)
	assert.Equal(t, driver.FleetLease{Shard: shard0, Owner: "a", Epoch: 1}, a)
	again, err := f.Take(ctx, none, "a")
	require.NoError(t, err, "an answer was lost")
	assert.Equal(t, a, again)
	_, stored, err := f.Load(ctx, shard0)
	require.NoError(t, err)
	assert.False(t, stored)
	refused(take(none, "b"))
	refused(take(driver.FleetLease{Shard: shard0, Epoch: 1}, "b"))
	refused(take(driver.FleetLease{Shard: shard0, Owner: "b", Epoch: 1}, "b"))
	require.NoError(t, commit(a, 3, 10))
	require.NoError(t, commit(a, 3, 11), "no newer")
	require.NoError(t, commit(a, 2, 9), "older")
	require.NotErrorIs(t, commit(a, 4, 9), driver.ErrFleetRefused, "positions never fall")
	require.Error(t, commit(a, 4, 9))
	refused(commit(driver.FleetLease{Shard: shard0, Owner: "b", Epoch: 1}, 9, 12))
	refused(commit(driver.FleetLease{Shard: shard0, Owner: "a", Epoch: 2}, 9, 12))
	require.NoError(t, f.Release(ctx, driver.FleetLease{Shard: shard0, Owner: "a", Epoch: 2}), "it is not in force")
	got, _, err := f.Load(ctx, shard0)
	require.NoError(t, err)
	assert.Equal(t, driver.FleetCheckpoint{Version: 3, Rate: -1, Value: at(3, 10)}, got)
	require.NoError(t, f.Release(ctx, a))
	require.NoError(t, f.Release(ctx, a))
	refused(commit(a, 4, 12))
	assert.Equal(t, []driver.FleetLease{{Shard: shard0, Epoch: 2, Begun: true, Rate: -1}}, leases(t, f))
	refused(take(none, "a"))
	b, err := f.Take(ctx, driver.FleetLease{Shard: shard0, Epoch: 2}, "b")
	require.NoError(t, err)
	end := driver.Progress{Version: 1, Position: batch.Position{SequenceNumber: "20"}, End: true}
	require.NoError(t, f.Commit(ctx, b, driver.FleetCheckpoint{Version: 1, Finished: true, Value: end}))
	require.ErrorContains(t, commit(b, 2, 21), "never unset")
	assert.Equal(t, []driver.FleetLease{{Shard: shard0, Owner: "b", Epoch: 3, Begun: true, Finished: true}}, leases(t, f))
}

func TestCallsThatMakeNoSenseAreErrors(t *testing.T) {
	ctx := t.Context()
	f := openFleet(t, server(t)).Fleet(orders)
	lease, err := f.Take(ctx, driver.FleetLease{Shard: shard0}, "a")
	require.NoError(t, err)
	for what, err := range map[string]error{
		"no progress":      f.Commit(ctx, lease, driver.FleetCheckpoint{Version: 1}),
		"another version":  f.Commit(ctx, lease, driver.FleetCheckpoint{Version: 1, Value: at(2, 1)}),
		"another end":      f.Commit(ctx, lease, driver.FleetCheckpoint{Version: 1, Finished: true, Value: at(1, 1)}),
		"no worker's name": f.Heartbeat(ctx, driver.FleetWorker{}, true),
		"no shard's name":  f.Release(ctx, driver.FleetLease{Owner: "a", Epoch: 1}),
	} {
		require.Error(t, err, what)
		require.NotErrorIs(t, err, driver.ErrFleetRefused, what)
	}
	_, err = f.Take(ctx, lease, "")
	require.ErrorContains(t, err, "name is empty")
	assert.Equal(t, []driver.FleetLease{lease}, leases(t, f))
}

// TestRowsOfKCLInAFleet has rows without an epoch of ours: nobody's are as if there were none, finished ones are finished.
func TestRowsOfKCLInAFleet(t *testing.T) {
	ctx, db := t.Context(), server(t)
	createLeaseTable(t, db, app)
	put(t, db, app, kclRow("shard-1", "41", 0))
	put(t, db, app, with(kclRow("shard-2", "SHARD_END", 0), "leaseOwner", str("kcl")))
	put(t, db, app, with(kclRow("shard-3", "41", 0), "leaseOwner", str("kcl")))
	put(t, db, app, item{"leaseKey": str("worker-1"), "entityType": str("WORKER_METRIC_STATS"), "lut": num(1)})
	const patience = 200 * time.Millisecond
	f := openFleet(t, db, given, func(o *dynamostore.Options) { o.ForeignTimeout = patience }).Fleet(orders)

	shown := []driver.FleetLease{
		{Shard: "shard-1", Begun: true}, {Shard: "shard-2", Begun: true, Finished: true}, {Shard: "shard-3", Owner: "kcl", Foreign: true, Begun: true},
	}
	assert.Equal(t, shown, leases(t, f))
	for _, seen := range []driver.FleetLease{{Shard: "shard-3"}, shown[2]} {
		_, err := f.Take(ctx, seen, "a")
		require.ErrorIs(t, err, driver.ErrFleetRefused, "its worker may be alive")
	}
	got, err := f.Take(ctx, shown[0], "a")
	require.NoError(t, err)
	assert.Equal(t, driver.FleetLease{Shard: "shard-1", Owner: "a", Epoch: 1, Begun: true}, got)
	c, stored, err := f.Load(ctx, "shard-1")
	require.NoError(t, err)
	assert.True(t, stored)
	assert.Equal(t, driver.Progress{Position: batch.Position{SequenceNumber: "41", Partial: true}}, c.Value)
	require.NoError(t, f.Commit(ctx, got, driver.FleetCheckpoint{Version: 1, Value: at(1, 42)}))
	assert.Equal(t, str("42"), get(t, db, app, item{"leaseKey": str("shard-1")})["checkpoint"])

	require.Eventually(t, func() bool { return !leases(t, f)[2].Foreign }, 10*time.Second, 10*time.Millisecond)
	got, err = f.Take(ctx, driver.FleetLease{Shard: "shard-3"}, "a")
	require.NoError(t, err, "its counter stood still")
	assert.Equal(t, uint64(1), got.Epoch)

	// KCL is started again, takes a lease, and gives it back: it is free at its epoch, and its progress is KCL's.
	row := get(t, db, app, item{"leaseKey": str("shard-3")})
	row = with(with(with(row, "leaseOwner", str("kcl")), "leaseCounter", num(99)), "checkpoint", str("50"))
	put(t, db, app, row)
	require.ErrorIs(t, f.Commit(ctx, got, driver.FleetCheckpoint{Version: 1, Value: at(1, 60)}), driver.ErrFleetRefused)
	assert.Equal(t, driver.FleetLease{Shard: "shard-3", Owner: "kcl", Epoch: 1, Foreign: true, Begun: true}, leases(t, f)[2])
	delete(row, "leaseOwner")
	put(t, db, app, row)
	assert.Equal(t, driver.FleetLease{Shard: "shard-3", Epoch: 1, Begun: true}, leases(t, f)[2])
	got, err = f.Take(ctx, driver.FleetLease{Shard: "shard-3", Epoch: 1}, "b")
	require.NoError(t, err)
	assert.Equal(t, uint64(2), got.Epoch)
	c, _, err = f.Load(ctx, "shard-3")
	require.NoError(t, err)
	assert.Equal(t, "50", c.Value.(driver.Progress).Position.SequenceNumber)
}

func TestMappingMovesBetweenOneProcessAndAFleet(t *testing.T) {
	ctx, db := t.Context(), server(t)
	alone := open(t, db, "worker")
	had, _ := acquire(t, alone, orders)
	require.NoError(t, alone.Commit(ctx, had, at(4, 10)))
	f := openFleet(t, db).Fleet(orders)
	rows := leases(t, f)
	assert.Equal(t, []driver.FleetLease{{Shard: shard0, Owner: "owner", Epoch: 1, Begun: true}}, rows)
	got, err := f.Take(ctx, rows[0], "a")
	require.NoError(t, err, "it has no worker")
	assert.Equal(t, uint64(2), got.Epoch)
	require.ErrorIs(t, alone.Commit(ctx, had, at(5, 11)), driver.ErrLeaseLost)
	require.NoError(t, f.Commit(ctx, got, driver.FleetCheckpoint{Version: 1, Value: at(1, 12)}))
	_, _, err = open(t, db, "worker").Acquire(ctx, orders, shard0, "owner")
	require.ErrorIs(t, err, driver.ErrLeaseHeld, "no process takes a lease of a fleet, whatever its name")
	require.NoError(t, f.Release(ctx, got))
	next, p, err := open(t, db, "worker").Acquire(ctx, orders, shard0, "owner")
	require.NoError(t, err)
	assert.Equal(t, uint64(4), next.Epoch)
	assert.Equal(t, at(1, 12), p)
}

func TestEpochsOfAFleetDoNotComeAgainAfterDelete(t *testing.T) {
	ctx := t.Context()
	s := openFleet(t, server(t))
	f := s.Fleet(orders)
	first, err := f.Take(ctx, driver.FleetLease{Shard: shard0}, "a")
	require.NoError(t, err)
	end := driver.Progress{Version: 1, Position: batch.Position{SequenceNumber: "20"}, End: true}
	require.NoError(t, f.Commit(ctx, first, driver.FleetCheckpoint{Version: 1, Finished: true, Value: end}))
	require.ErrorIs(t, s.Delete(ctx, orders, shard0), driver.ErrLeaseHeld)
	require.NoError(t, f.Release(ctx, first))
	require.NoError(t, s.Delete(ctx, orders, shard0))
	second, err := f.Take(ctx, driver.FleetLease{Shard: shard0}, "a")
	require.NoError(t, err)
	assert.Equal(t, driver.FleetLease{Shard: shard0, Owner: "a", Epoch: 3}, second)
	again, err := f.Take(ctx, driver.FleetLease{Shard: shard0}, "a")
	require.NoError(t, err, "an answer was lost")
	assert.Equal(t, second, again)
	require.ErrorIs(t, f.Commit(ctx, first, driver.FleetCheckpoint{Version: 2, Value: at(2, 21)}), driver.ErrFleetRefused)
}

func TestRowsOfAFleetThatCannotBeReadAreLeftOutAlone(t *testing.T) {
	ctx, db := t.Context(), server(t)
	s := openFleet(t, db)
	f := s.Fleet(orders)
	_, err := f.Take(ctx, driver.FleetLease{Shard: shard0}, "a")
	require.NoError(t, err)
	table := dynamostore.LeaseTableName(orders)
	row := lease(t, db, table)
	good, err := f.Take(ctx, driver.FleetLease{Shard: shard0 + "0"}, "a")
	require.NoError(t, err)
	require.NoError(t, f.Commit(ctx, good, driver.FleetCheckpoint{Version: 1, Value: at(1, 1)}))
	good.Begun = true
	left := func(why string) {
		t.Helper()
		rows := leases(t, f)
		require.Len(t, rows, 2)
		assert.Equal(t, good, rows[1])
		assert.Contains(t, rows[0].Damage, why)
		assert.Equal(t, driver.FleetLease{Shard: shard0, Damage: rows[0].Damage}, rows[0])
		progress, err := s.Progress(ctx, orders)
		require.ErrorIs(t, err, driver.ErrUnreadable)
		require.ErrorContains(t, err, shard0)
		assert.Equal(t, map[string]driver.Progress{good.Shard: at(1, 1)}, progress)
	}
	put(t, db, table, with(row, "sm_format", num(2)))
	left("its row has format 2, and this version of shardmill knows 1")
	_, err = f.Take(ctx, driver.FleetLease{Shard: shard0, Owner: "a", Epoch: 1}, "b")
	require.ErrorIs(t, err, driver.ErrUnreadable)
	put(t, db, table, with(row, "sm_rate", str("much")))
	left("its row does not parse")

	require.NoError(t, f.Heartbeat(ctx, driver.FleetWorker{Incarnation: "w"}, true))
	require.NoError(t, f.Heartbeat(ctx, driver.FleetWorker{Incarnation: "x"}, true))
	key := item{"part": str("fleet/" + orders), "item": str("w")}
	worker := get(t, db, dynamostore.DefaultTable, key)
	for name, bad := range map[string]types.AttributeValue{
		"counter": str("1"), "leaving": num(1), "asks": &types.AttributeValueMemberL{Value: []types.AttributeValue{str("no-epoch")}},
	} {
		put(t, db, dynamostore.DefaultTable, with(worker, name, bad))
		rows, _, err := f.Workers(ctx, "")
		require.NoError(t, err)
		require.Len(t, rows, 2, name)
		assert.Contains(t, rows[0].Damage, "worker w of "+orders, name)
		assert.Equal(t, driver.FleetWorker{Incarnation: "w", Damage: rows[0].Damage}, rows[0], name)
		assert.Equal(t, driver.FleetWorker{Incarnation: "x"}, rows[1], name)
	}
}
