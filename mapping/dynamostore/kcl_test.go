package dynamostore_test

import (
	"maps"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
)

const app = "kcl-app"

// given has a store use the table of a KCL application.
func given(o *dynamostore.Options) {
	o.LeaseTable = func(string) string { return app }
}

// kclRow is a lease as KCL 2 and 3 write it.
func kclRow(shard, checkpoint string, sub int) item {
	return item{
		"leaseKey": str(shard), "leaseCounter": num(42), "checkpoint": str(checkpoint), "checkpointSubSequenceNumber": num(sub),
		"ownerSwitchesSinceCheckpoint": num(3), "parentShardId": &types.AttributeValueMemberSS{Value: []string{"shardId-000000000009"}},
		"startingHashKey": str("0"), "endingHashKey": str("170141183460469231731687303715884105727"),
		"throughputKBps": &types.AttributeValueMemberN{Value: "1.5"}, "somebodyElses": str("note"),
	}
}

func with(row item, name string, v types.AttributeValue) item {
	row = maps.Clone(row)
	row[name] = v
	return row
}

func TestTableOfKCLIsTakenOverAtItsPositions(t *testing.T) {
	db := server(t)
	createLeaseTable(t, db, app)
	seq := "49590338271490256608559692538361571095921575989136588898"
	put(t, db, app, kclRow("shardId-000000000001", seq, 0))
	put(t, db, app, kclRow("shardId-000000000002", seq, 7))
	put(t, db, app, kclRow("shardId-000000000003", "SHARD_END", 0))
	for i, begin := range []string{"TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"} {
		put(t, db, app, kclRow("shardId-00000000001"+string(rune('0'+i)), begin, 0))
	}
	put(t, db, app, with(kclRow("shardId-000000000004", seq, 0), "entityType", str("LEASE")))
	others := []item{
		{"leaseKey": str("worker-1"), "entityType": str("WORKER_METRIC_STATS"), "lut": num(1)},
		{"leaseKey": str("Migration3.0"), "entityType": str("CLIENT_VERSION_MIGRATION"), "cv": str("CLIENT_VERSION_3X")},
		{"leaseKey": str("new"), "entityType": str("UNHEARD_OF")},
	}
	for _, o := range others {
		put(t, db, app, o)
	}

	s := open(t, db, "a", given)
	all, err := s.Progress(t.Context(), orders)
	require.NoError(t, err)
	behind := func(sub int64) driver.Progress {
		return driver.Progress{Position: batch.Position{SequenceNumber: seq, SubSequence: sub, Partial: true}}
	}
	want := map[string]driver.Progress{
		"shardId-000000000001": behind(0), "shardId-000000000002": behind(7), "shardId-000000000003": {End: true}, "shardId-000000000004": behind(0),
	}
	assert.Equal(t, want, all)
	for shard, p := range want {
		_, got, err := s.Acquire(t.Context(), orders, shard, "owner")
		require.NoError(t, err)
		assert.Equal(t, p, got, shard)
	}
	for _, o := range others {
		_, _, err := s.Acquire(t.Context(), orders, o["leaseKey"].(*types.AttributeValueMemberS).Value, "owner")
		require.ErrorIs(t, err, driver.ErrUnreadable)
		assert.Equal(t, o, get(t, db, app, item{"leaseKey": o["leaseKey"]}))
	}
}

func TestRowIsKCLs(t *testing.T) {
	db := server(t)
	createLeaseTable(t, db, app)
	row := kclRow(shard0, "41", 0)
	row["pendingCheckpoint"], row["pendingCheckpointSubSequenceNumber"] = str("45"), num(0)
	put(t, db, app, row)

	s := open(t, db, "worker", given)
	held, _ := acquire(t, s, orders)
	got := lease(t, db, app)
	assert.Equal(t, str("owner"), got["leaseOwner"])
	assert.Equal(t, num(43), got["leaseCounter"])
	assert.Equal(t, num(3), got["ownerSwitchesSinceCheckpoint"])
	assert.Equal(t, str("41"), got["checkpoint"])
	assert.Equal(t, str("45"), got["pendingCheckpoint"])

	resolved := time.Date(2026, 11, 23, 10, 0, 0, 1e6, time.UTC)
	p := driver.Progress{Version: 3, Position: batch.Position{SequenceNumber: "42", SubSequence: 5, Partial: true}, ResolvedUpTo: resolved}
	p.ShardStart, p.StreamCreated = "40", resolved.Add(-time.Hour)
	require.NoError(t, s.Commit(t.Context(), held, p))
	got = lease(t, db, app)
	token := got["sm_token"]
	delete(got, "sm_token")
	assert.NotNil(t, token)
	assert.Equal(t, item{
		"leaseKey": str(shard0), "leaseOwner": str("owner"), "leaseCounter": num(44),
		"checkpoint": str("42"), "checkpointSubSequenceNumber": num(5), "ownerSwitchesSinceCheckpoint": num(0),
		"parentShardId": row["parentShardId"], "startingHashKey": row["startingHashKey"], "endingHashKey": row["endingHashKey"],
		"throughputKBps": row["throughputKBps"], "somebodyElses": str("note"),
		"sm_format": num(1), "sm_mapping": str(orders), "sm_epoch": num(1), "sm_owner": str("owner"), "sm_worker": str("worker"), "sm_incarnation": num(1),
		"sm_written": num(1), "sm_version": num(3), "sm_sequence": str("42"), "sm_sub": num(5),
		"sm_partial": &types.AttributeValueMemberBOOL{Value: true}, "sm_end": &types.AttributeValueMemberBOOL{},
		"sm_resolved": str("2026-11-23T10:00:00.001Z"), "sm_start": str("40"), "sm_created": str("2026-11-23T09:00:00.001Z"),
	}, got)

	require.NoError(t, s.Commit(t.Context(), held, driver.Progress{Version: 4, Position: batch.Position{SequenceNumber: "50"}, End: true}))
	require.NoError(t, s.Release(t.Context(), held))
	got = lease(t, db, app)
	assert.Equal(t, str("SHARD_END"), got["checkpoint"])
	assert.Equal(t, num(0), got["checkpointSubSequenceNumber"])
	assert.NotContains(t, got, "leaseOwner")
	assert.NotContains(t, got, "sm_owner")
	assert.Equal(t, num(46), got["leaseCounter"])
}

func TestNewRowIsOneThatKCLCanRead(t *testing.T) {
	db := server(t)
	s := open(t, db, "a", given)
	held, _ := acquire(t, s, orders)
	require.NoError(t, s.Release(t.Context(), held))
	got := lease(t, db, app)
	assert.Equal(t, str("TRIM_HORIZON"), got["checkpoint"])
	assert.Equal(t, num(0), got["checkpointSubSequenceNumber"])
	assert.Equal(t, num(0), got["ownerSwitchesSinceCheckpoint"])
	assert.Equal(t, num(2), got["leaseCounter"])
}

func TestLeaseOfKCLIsTakenWhenItsCounterStandsStill(t *testing.T) {
	const patience = 100 * time.Millisecond
	db := server(t)
	createLeaseTable(t, db, app)
	row := with(kclRow(shard0, "41", 0), "leaseOwner", str("kcl-worker"))
	put(t, db, app, row)
	s := open(t, db, "a", given, func(o *dynamostore.Options) { o.ForeignTimeout = patience })

	for begin, n := time.Now(), 42; time.Since(begin) < 3*patience; n++ { // it renews
		put(t, db, app, with(row, "leaseCounter", num(n)))
		_, _, err := s.Acquire(t.Context(), orders, shard0, "owner")
		require.ErrorIs(t, err, driver.ErrLeaseHeld)
		require.ErrorContains(t, err, "KCL worker kcl-worker")
	}
	stopped := time.Now()
	var p driver.Progress
	require.Eventually(t, func() bool {
		_, got, err := s.Acquire(t.Context(), orders, shard0, "owner")
		p = got
		return err == nil
	}, 10*time.Second, patience/10)
	assert.GreaterOrEqual(t, time.Since(stopped), patience)
	assert.Equal(t, "41", p.Position.SequenceNumber)
	assert.Equal(t, num(4), lease(t, db, app)["ownerSwitchesSinceCheckpoint"])
}

func TestLeaseThatKCLTookIsLost(t *testing.T) {
	for name, change := range map[string]func(item){
		"taken":       func(row item) { row["leaseOwner"] = str("kcl-worker") },
		"handed over": func(row item) { row["checkpointOwner"] = row["leaseOwner"]; row["leaseOwner"] = str("kcl-worker") },
		"evicted":     func(row item) { delete(row, "leaseOwner") },
	} {
		t.Run(name, func(t *testing.T) {
			db := server(t)
			s := open(t, db, "a", given)
			held, _ := acquire(t, s, orders)
			require.NoError(t, s.Commit(t.Context(), held, at(1, 1)))
			row := lease(t, db, app)
			change(row)
			row["leaseCounter"] = num(99)
			put(t, db, app, row)
			require.ErrorIs(t, s.Commit(t.Context(), held, at(2, 2)), driver.ErrLeaseLost)
			require.NoError(t, s.Release(t.Context(), held))
			assert.Equal(t, row, lease(t, db, app))
		})
	}
}

func TestCheckpointThatKCLMovedCounts(t *testing.T) {
	db := server(t)
	s := open(t, db, "a", given)
	held, _ := acquire(t, s, orders)
	p := at(9, 9)
	p.Window = &batch.Window{Start: time.Unix(0, 0).UTC(), End: time.Unix(60, 0).UTC(), State: []byte(`{"n":1}`)}
	p.ResolvedUpTo = time.Unix(50, 0).UTC()
	require.NoError(t, s.Commit(t.Context(), held, p))
	require.NoError(t, s.Release(t.Context(), held))
	held, got := acquire(t, s, orders)
	assert.Equal(t, p, got)
	require.NoError(t, s.Release(t.Context(), held))

	row := lease(t, db, app)
	row["checkpoint"] = str("12")
	put(t, db, app, row)
	held, got = acquire(t, s, orders)
	assert.Equal(t, driver.Progress{Position: batch.Position{SequenceNumber: "12", Partial: true}}, got)
	require.NoError(t, s.Commit(t.Context(), held, at(1, 13)))
	all, err := s.Progress(t.Context(), orders)
	require.NoError(t, err)
	assert.Equal(t, at(1, 13), all[shard0])
}

// TestParentsWhoseRowsKCLDeletedAreNotReadAgain takes over a table from which KCL's clean-up has deleted the row of a parent,
// since both its children are begun. The stream lists the parent still.
func TestParentsWhoseRowsKCLDeletedAreNotReadAgain(t *testing.T) {
	for kind, store := range map[string]func(*testing.T, *dynamodb.Client) driver.Store{
		"one process": func(t *testing.T, db *dynamodb.Client) driver.Store { t.Helper(); return open(t, db, "a", given) },
		"fleet":       func(t *testing.T, db *dynamodb.Client) driver.Store { t.Helper(); return openFleet(t, db, given) },
	} {
		t.Run(kind, func(t *testing.T) {
			c := newCrew(t, 1)
			createLeaseTable(t, c.db, app)
			c.store = func() driver.Store { return store(t, c.db) }
			for _, data := range []string{"parent 1", "parent 2"} {
				_, _, err := c.stream.Put("k", []byte(data))
				require.NoError(t, err)
			}
			low, high, err := c.stream.Split(shard0)
			require.NoError(t, err)
			for _, child := range []string{low, high} {
				at, err := c.stream.PutTo(child, "k", []byte(child+" 1"))
				require.NoError(t, err)
				_, err = c.stream.PutTo(child, "k", []byte(child+" 2"))
				require.NoError(t, err)
				put(t, c.db, app, kclRow(child, at, 0))
			}
			stop := c.join("a")
			require.Eventually(t, func() bool {
				c.mu.Lock()
				defer c.mu.Unlock()
				return c.seen[low+" 2"] > 0 && c.seen[high+" 2"] > 0
			}, 20*time.Second, 10*time.Millisecond)
			require.Never(t, func() bool {
				c.mu.Lock()
				defer c.mu.Unlock()
				return c.seen["parent 1"]+c.seen["parent 2"] > 0
			}, 2*time.Second, 50*time.Millisecond)
			stop()
			assert.Len(t, scan(t, c.db, app), 2)
		})
	}
}
