package dynamostore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
)

func tables(t testing.TB, db *dynamodb.Client) []string {
	t.Helper()
	out, err := db.ListTables(t.Context(), &dynamodb.ListTablesInput{})
	require.NoError(t, err)
	return out.TableNames
}

// leftOf returns the items of the second table that name the mapping.
func leftOf(t testing.TB, db *dynamodb.Client, name string) (left []item) {
	t.Helper()
	for _, i := range scan(t, db, dynamostore.DefaultTable) {
		if strings.HasSuffix(i["part"].(*types.AttributeValueMemberS).Value, "/"+name) {
			left = append(left, i)
		}
	}
	return left
}

// inPieces is the size of a state that does not fit into a row.
const inPieces = 40 << 10

// lived gives a mapping everything: an anchor, states in rows and in pieces, a shard that was deleted, leases that are held
// and free. The lease of shard0, which it returns, is held.
func lived(t testing.TB, s *dynamostore.Store, name string) driver.Lease {
	t.Helper()
	_, err := s.Anchor(t.Context(), name, time.Unix(1, 0))
	require.NoError(t, err)
	take := func(shard string, size int) driver.Lease {
		lease, _, err := s.Acquire(t.Context(), name, shard, "owner")
		require.NoError(t, err)
		p := withState(1, size)
		p.End = shard == "deleted"
		require.NoError(t, s.Commit(t.Context(), lease, p))
		return lease
	}
	for _, shard := range []string{"deleted", "free"} {
		require.NoError(t, s.Release(t.Context(), take(shard, 100)))
	}
	require.NoError(t, s.Delete(t.Context(), name, "deleted"))
	return take(shard0, inPieces)
}

func TestForgetLeavesNothing(t *testing.T) {
	db := server(t)
	s := open(t, db, "a")
	lived(t, s, orders)
	other := lived(t, s, "others")
	before := leftOf(t, db, "others")
	require.NoError(t, s.Forget(t.Context(), orders))
	assert.Equal(t, []string{dynamostore.DefaultTable, dynamostore.LeaseTableName("others")}, tables(t, db))
	assert.Empty(t, leftOf(t, db, orders))
	assert.Equal(t, before, leftOf(t, db, "others"))
	require.NoError(t, s.Commit(t.Context(), other, at(2, 2)))
}

// TestForgetThatFailedCanBeMadeAgain breaks Forget at each of its writes, in each way.
func TestForgetThatFailedCanBeMadeAgain(t *testing.T) {
	db := server(t)
	for name, f := range map[string]fault{"lost call": lostCall, "lost reply": lostReply, "done twice": twice} {
		t.Run(name, func(t *testing.T) {
			c, table := &cutter{Client: db}, dynamostore.LeaseTableName(t.Name())
			held := lived(t, open(t, db, "a"), t.Name()) // which creates the tables
			s := open(t, c, "a", func(o *dynamostore.Options) { o.NoCreate = true })
			failed, broken := 0, 0
			for ; ; broken++ {
				c.next(append(make([]fault, broken), f)...)
				before := c.count()
				err := s.Forget(t.Context(), t.Name())
				if c.count()-before <= broken {
					require.NoError(t, err)
					break
				}
				if err != nil { // there is none where the write was refused, as nothing had to be done
					require.ErrorIs(t, err, errCut)
					require.NotEqual(t, twice, f)
					failed++
				}
				require.NoError(t, s.Forget(t.Context(), t.Name()))
				assert.Empty(t, leftOf(t, db, t.Name()))
				assert.Empty(t, scan(t, db, table))
				require.ErrorIs(t, s.Commit(t.Context(), held, at(5, 5)), driver.ErrLeaseLost)
				next := lived(t, s, t.Name())
				assert.Greater(t, next.Epoch, held.Epoch)
				held = next
			}
			assert.Greater(t, broken, 5)
			if f != twice {
				assert.Greater(t, failed, 4)
			}
		})
	}
}

// TestLateCommitAfterForgetBringsNothingBack is a process that does not know that its mapping was forgotten.
func TestLateCommitAfterForgetBringsNothingBack(t *testing.T) {
	db := server(t)
	for name, keep := range map[string]bool{"with its table": false, "but for its table": true} {
		t.Run(name, func(t *testing.T) {
			late := open(t, db, "late")
			held := lived(t, late, t.Name())
			table := dynamostore.LeaseTableName(t.Name())
			if keep {
				put(t, db, table, item{"leaseKey": str("x"), "entityType": str("WORKER_METRIC_STATS")})
			}
			require.NoError(t, open(t, db, "other").Forget(t.Context(), t.Name()))
			require.ErrorIs(t, late.Commit(t.Context(), held, withState(2, inPieces)), driver.ErrLeaseLost)
			require.ErrorIs(t, late.Commit(t.Context(), held, at(3, 3)), driver.ErrLeaseLost)
			require.NoError(t, late.Release(t.Context(), held))
			assert.Empty(t, leftOf(t, db, t.Name()))
			if !keep {
				assert.NotContains(t, tables(t, db), table)
				return
			}
			assert.Len(t, scan(t, db, table), 1)
		})
	}
}

func TestForgottenLeasesAreNeverInForceAgain(t *testing.T) {
	db := server(t)
	a := open(t, db, "a")
	old := lived(t, a, orders)
	var highest uint64
	for range 3 { // a shard that was taken more often
		lease, _, err := a.Acquire(t.Context(), orders, "free", "owner")
		require.NoError(t, err)
		require.NoError(t, a.Release(t.Context(), lease))
		highest = lease.Epoch
	}
	b := open(t, db, "b")
	require.NoError(t, b.Forget(t.Context(), orders))
	next, p := acquire(t, b, orders) // by an owner of the same name
	assert.Zero(t, p)
	assert.Equal(t, highest+1, next.Epoch)
	require.ErrorIs(t, a.Commit(t.Context(), old, at(9, 9)), driver.ErrLeaseLost)
	require.NoError(t, a.Release(t.Context(), old))
	require.NoError(t, b.Commit(t.Context(), next, at(1, 1)))
}

// plainClient can't delete tables.
type plainClient struct{ dynamostore.Client }

func TestForgetKeepsTablesThatAreNotItsOwn(t *testing.T) {
	db := server(t)
	foreign := item{"leaseKey": str("x"), "entityType": str("WORKER_METRIC_STATS"), "leaseOwner": str("w")}
	others := item{"leaseKey": str("y"), "sm_mapping": str("others"), "sm_epoch": num(1), "sm_format": num(1), "leaseCounter": num(1), "leaseOwner": str("w")}
	cases := map[string]struct {
		client dynamostore.Client
		change func(*dynamostore.Options)
		rows   []item
	}{
		"a row of another kind":         {db, func(*dynamostore.Options) {}, []item{foreign}},
		"a row of another mapping":      {db, func(*dynamostore.Options) {}, []item{others}},
		"tables are given":              {db, func(o *dynamostore.Options) { o.NoCreate = true }, nil},
		"a client that can't delete it": {plainClient{db}, func(*dynamostore.Options) {}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			lived(t, open(t, db, "a"), t.Name())
			table := dynamostore.LeaseTableName(t.Name())
			for _, row := range tc.rows {
				put(t, db, table, row)
			}
			require.NoError(t, open(t, tc.client, "a", tc.change).Forget(t.Context(), t.Name()))
			assert.ElementsMatch(t, tc.rows, scan(t, db, table))
			assert.Empty(t, leftOf(t, db, t.Name()))
		})
	}
}

func TestForgetLeavesAKCLThatRunsAlone(t *testing.T) {
	db := server(t)
	s := open(t, db, "a", func(o *dynamostore.Options) { o.ForeignTimeout = 50 * time.Millisecond })
	lived(t, s, orders)
	table := dynamostore.LeaseTableName(orders)
	kcl := func(counter int) item {
		return item{"leaseKey": str("kcl"), "leaseOwner": str("w1"), "leaseCounter": num(counter), "checkpoint": str("7")}
	}
	put(t, db, table, kcl(1))
	err := s.Forget(t.Context(), orders)
	require.ErrorIs(t, err, driver.ErrLeaseHeld)
	require.ErrorContains(t, err, "KCL worker w1")
	assert.Len(t, scan(t, db, table), 3)
	assert.NotEmpty(t, leftOf(t, db, orders))

	put(t, db, table, kcl(2)) // it lives
	require.ErrorIs(t, s.Forget(t.Context(), orders), driver.ErrLeaseHeld)
	require.Eventually(t, func() bool { return s.Forget(t.Context(), orders) == nil }, 10*time.Second, 20*time.Millisecond)
	assert.NotContains(t, tables(t, db), table)
}

// TestAcquireWhileTheTableIsBeingDeleted waits until it is gone, and makes it again.
func TestAcquireWhileTheTableIsBeingDeleted(t *testing.T) {
	db := server(t)
	s := open(t, db, "a")
	held, _ := acquire(t, s, orders)
	require.NoError(t, s.Release(t.Context(), held))
	table := dynamostore.LeaseTableName(orders)
	_, err := db.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: &table})
	require.NoError(t, err)
	next, p := acquire(t, s, orders)
	assert.Zero(t, p)
	require.NoError(t, s.Commit(t.Context(), next, at(1, 1)))
}

func TestForgetEndsAFleet(t *testing.T) {
	db := server(t)
	s := openFleet(t, db)
	f := s.Fleet(orders)
	require.NoError(t, f.Heartbeat(t.Context(), driver.FleetWorker{Incarnation: "w", Counter: 1}, true))
	seen, err := f.Take(t.Context(), driver.FleetLease{Shard: shard0}, "w")
	require.NoError(t, err)
	taken, err := f.Take(t.Context(), seen, "w")
	require.NoError(t, err)
	checkpoint := func(version uint64) driver.FleetCheckpoint {
		return driver.FleetCheckpoint{Version: version, Value: withState(version, inPieces)}
	}
	require.NoError(t, f.Commit(t.Context(), taken, checkpoint(1)))

	require.NoError(t, openFleet(t, db).Forget(t.Context(), orders))
	check := func() {
		t.Helper()
		assert.Empty(t, workers(t, f))
		assert.Empty(t, leases(t, f))
		assert.Empty(t, leftOf(t, db, orders))
		assert.NotContains(t, tables(t, db), dynamostore.LeaseTableName(orders))
	}
	check()
	require.ErrorIs(t, f.Heartbeat(t.Context(), driver.FleetWorker{Incarnation: "w", Counter: 2}, false), driver.ErrFleetRefused)
	require.ErrorIs(t, f.Commit(t.Context(), taken, checkpoint(2)), driver.ErrFleetRefused)
	_, err = f.Take(t.Context(), taken, "w")
	require.ErrorIs(t, err, driver.ErrFleetRefused)
	require.NoError(t, f.Release(t.Context(), taken))
	require.NoError(t, f.Remove(t.Context(), "w"))
	require.NoError(t, s.Forget(t.Context(), orders))
	check()

	next, err := f.Take(t.Context(), driver.FleetLease{Shard: shard0}, "w")
	require.NoError(t, err)
	assert.Greater(t, next.Epoch, taken.Epoch)
	require.ErrorIs(t, f.Commit(t.Context(), taken, checkpoint(2)), driver.ErrFleetRefused)
	require.NoError(t, f.Commit(t.Context(), next, checkpoint(1)))
}
