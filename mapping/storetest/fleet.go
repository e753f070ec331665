package storetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
)

// RunFleet runs the suite of a FleetStore, beyond that of a Store, each rule as a subtest with a store from open, as
// Run does.
func RunFleet(t *testing.T, open func(t *testing.T) driver.FleetStore) {
	t.Helper()
	rules := map[string]func(*fleetFixture){
		"HeartbeatKeepsTheRow":               testHeartbeat,
		"ClosedWorkerIsNeverHeardAgain":      testCloseWorker,
		"RetiredWorkerIsRemoved":             testRetireWorker,
		"WorkersListBeyondAPage":             testManyWorkers,
		"TakeNeedsTheRowAsSeen":              testTake,
		"TakeRaceHasOneWinner":               testTakeRace,
		"CommitOfTheOwnerBeforeIsRefused":    testFleetFencing,
		"CommitIgnoresOlderVersions":         testFleetVersions,
		"CommitKeepsAllOfIt":                 testFleetCommit,
		"CommitRacingWithTheNextTakeIsLost":  testFleetRace,
		"ReleaseFreesTheLease":               testFleetRelease,
		"LeasesListBeyondAPage":              testManyLeases,
		"DeleteBringsNoLeaseOfAFleetBack":    testFleetDelete,
		"RowsOfMappingsAreApart":             testFleetsApart,
		"ContextThatIsDoneStoresNothingHere": testFleetCancelled,
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			f := &fleetFixture{T: t, store: open(t), mapping: t.Name() + "/" + uuid.NewString()}
			f.table = f.store.Fleet(f.mapping)
			rule(f)
		})
	}
}

// fleetFixture is one test with its table.
type fleetFixture struct {
	*testing.T
	store   driver.FleetStore
	mapping string
	table   driver.FleetTable
}

func (f *fleetFixture) refused(err error, what string) {
	f.Helper()
	require.ErrorIs(f, err, driver.ErrFleetRefused, what)
}

func (f *fleetFixture) join(incarnation string) driver.FleetWorker {
	f.Helper()
	row := driver.FleetWorker{Incarnation: incarnation, Counter: 1}
	require.NoError(f, f.table.Heartbeat(f.Context(), row, true))
	return row
}

func (f *fleetFixture) workers() map[string]driver.FleetWorker {
	f.Helper()
	all := map[string]driver.FleetWorker{}
	for mark, more := "", true; more; more = mark != "" {
		rows, next, err := f.table.Workers(f.Context(), mark)
		require.NoError(f, err)
		for _, row := range rows {
			require.NotContains(f, all, row.Incarnation, "a row is returned twice")
			all[row.Incarnation] = row
		}
		mark = next
	}
	return all
}

func (f *fleetFixture) leases() map[string]driver.FleetLease {
	f.Helper()
	all := map[string]driver.FleetLease{}
	for mark, more := "", true; more; more = mark != "" {
		rows, next, err := f.table.Leases(f.Context(), mark)
		require.NoError(f, err)
		for _, row := range rows {
			require.NotContains(f, all, row.Shard, "a row is returned twice")
			all[row.Shard] = row
		}
		mark = next
	}
	return all
}

// take takes a lease in its current state.
func (f *fleetFixture) take(shard, owner string) driver.FleetLease {
	f.Helper()
	seen, ok := f.leases()[shard]
	if !ok {
		seen.Shard = shard
	}
	row, err := f.table.Take(f.Context(), seen, owner)
	require.NoError(f, err)
	assert.Equal(f, owner, row.Owner)
	assert.Greater(f, row.Epoch, seen.Epoch)
	return row
}

func (f *fleetFixture) commit(lease driver.FleetLease, p driver.Progress) error {
	return f.table.Commit(f.Context(), lease, driver.FleetCheckpoint{Version: p.Version, Finished: p.End, Value: p})
}

// loaded asserts the stored progress of a shard, by both ways to read it.
func (f *fleetFixture) loaded(shard string, want driver.Progress) {
	f.Helper()
	c, ok, err := f.table.Load(f.Context(), shard)
	require.NoError(f, err)
	require.True(f, ok)
	got, ok := c.Value.(driver.Progress)
	require.True(f, ok, "%T", c.Value)
	equal(f, want, got)
	all, err := f.store.Progress(f.Context(), f.mapping)
	require.NoError(f, err)
	equal(f, want, all[shard])
}

func testHeartbeat(f *fleetFixture) {
	row := driver.FleetWorker{
		Incarnation: "a#1", Counter: 7, Leaving: true, Generation: 3, Failover: 10*time.Second + time.Nanosecond,
		Asks: []driver.FleetAsk{{Shard: "s-1", Epoch: 1 << 40}, {Shard: "s-2", Epoch: 2}},
	}
	f.refused(f.table.Heartbeat(f.Context(), row, false), "there is no row")
	require.NoError(f, f.table.Heartbeat(f.Context(), row, true))
	assert.Equal(f, map[string]driver.FleetWorker{"a#1": row}, f.workers())
	require.NoError(f, f.table.Heartbeat(f.Context(), row, true), "repeated, because its answer was lost")

	older := row
	older.Counter--
	f.refused(f.table.Heartbeat(f.Context(), older, false), "a heartbeat that was delayed for long")
	row.Counter, row.Asks, row.Leaving = 8, nil, false
	require.NoError(f, f.table.Heartbeat(f.Context(), row, false))
	got := f.workers()["a#1"]
	assert.Empty(f, got.Asks)
	got.Asks = nil
	assert.Equal(f, row, got)
}

func testCloseWorker(f *fleetFixture) {
	row := f.join("a#1")
	f.refused(f.table.Close(f.Context(), "a#1", row.Counter+1), "its counter differs")
	f.refused(f.table.Close(f.Context(), "b#1", 1), "there is no row")
	assert.False(f, f.workers()["a#1"].Closed)
	require.NoError(f, f.table.Close(f.Context(), "a#1", row.Counter))
	require.NoError(f, f.table.Close(f.Context(), "a#1", row.Counter), "repeated")
	for range 2 {
		row.Counter++
		f.refused(f.table.Heartbeat(f.Context(), row, false), "it is closed")
		f.refused(f.table.Heartbeat(f.Context(), row, true), "it is closed")
	}
	assert.True(f, f.workers()["a#1"].Closed)
}

func testRetireWorker(f *fleetFixture) {
	f.refused(f.table.Retire(f.Context(), "a#1"), "there is no row")
	f.join("a#1")
	f.refused(f.table.Remove(f.Context(), "a#1"), "it is open")
	require.NoError(f, f.table.Retire(f.Context(), "a#1"))
	require.NoError(f, f.table.Retire(f.Context(), "a#1"), "repeated")
	assert.True(f, f.workers()["a#1"].Closed)
	require.NoError(f, f.table.Remove(f.Context(), "a#1"))
	require.NoError(f, f.table.Remove(f.Context(), "a#1"), "repeated")
	assert.Empty(f, f.workers())
}

// pageful is a number of rows of 10 kB that exceeds a page of stores with pages of 1 MB.
const pageful = 120

func testManyWorkers(f *fleetFixture) {
	var asks []driver.FleetAsk
	for i := range 100 {
		asks = append(asks, driver.FleetAsk{Shard: fmt.Sprintf("shardId-%012d-%s", i, strings.Repeat("x", 60)), Epoch: 1})
	}
	for i := range pageful {
		row := driver.FleetWorker{Incarnation: fmt.Sprintf("w%d", i), Counter: uint64(i), Asks: asks}
		require.NoError(f, f.table.Heartbeat(f.Context(), row, true))
	}
	all := f.workers()
	require.Len(f, all, pageful)
	for i := range pageful {
		assert.Equal(f, uint64(i), all[fmt.Sprintf("w%d", i)].Counter)
	}
}

func testTake(f *fleetFixture) {
	unseen := driver.FleetLease{Shard: shard}
	first, err := f.table.Take(f.Context(), unseen, "a#1")
	require.NoError(f, err)
	again, err := f.table.Take(f.Context(), unseen, "a#1")
	require.NoError(f, err, "repeated")
	assert.Equal(f, first, again)
	_, err = f.table.Take(f.Context(), unseen, "b#1")
	f.refused(err, "there is a row")
	wrong := first
	wrong.Owner = "c#1"
	_, err = f.table.Take(f.Context(), wrong, "b#1")
	f.refused(err, "it has another owner")

	second, err := f.table.Take(f.Context(), first, "b#1")
	require.NoError(f, err)
	assert.Equal(f, first.Epoch+1, second.Epoch)
	_, err = f.table.Take(f.Context(), first, "a#1")
	f.refused(err, "it was taken since")
	assert.Equal(f, map[string]driver.FleetLease{shard: second}, f.leases())
}

func testTakeRace(f *fleetFixture) {
	seen := driver.FleetLease{Shard: shard}
	for round := range 5 {
		var mu sync.Mutex
		var winners []driver.FleetLease
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				row, err := f.table.Take(f.Context(), seen, fmt.Sprintf("w%d#%d", i, round))
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					winners = append(winners, row)
					return
				}
				assert.ErrorIs(f, err, driver.ErrFleetRefused)
			})
		}
		all.Wait()
		require.Len(f, winners, 1)
		seen = winners[0]
		assert.Equal(f, seen, f.leases()[shard])
	}
}

func testFleetFencing(f *fleetFixture) {
	first := f.take(shard, "a#1")
	require.NoError(f, f.commit(first, at(5, 10)))
	second := f.take(shard, "b#1")
	f.refused(f.commit(first, at(6, 99)), "another owner has the lease")
	f.loaded(shard, at(5, 10))
	require.NoError(f, f.commit(second, at(1, 10)))
	require.NoError(f, f.table.Release(f.Context(), first), "releasing a lost lease is no error")
	assert.Equal(f, "b#1", f.leases()[shard].Owner)
	third := f.take(shard, "a#1")
	f.refused(f.commit(first, at(7, 99)), "the same owner, in an earlier epoch")
	require.NoError(f, f.commit(third, at(1, 11)))
	f.loaded(shard, at(1, 11))
}

func testFleetVersions(f *fleetFixture) {
	lease := f.take(shard, "a#1")
	_, ok, err := f.table.Load(f.Context(), shard)
	require.NoError(f, err)
	assert.False(f, ok, "nothing was committed yet")
	for _, p := range []driver.Progress{at(2, 20), at(2, 30), at(1, 10)} {
		require.NoError(f, f.commit(lease, p))
	}
	f.loaded(shard, at(2, 20))
	lease = f.take(shard, "a#1")
	require.NoError(f, f.commit(lease, at(1, 5)), "versions start again, and a shard may be read again")
	f.loaded(shard, at(1, 5))
}

func testFleetCommit(f *fleetFixture) {
	lease := f.take(shard, "a#1")
	p := at(1, 1)
	p.ResolvedUpTo, p.ClosedUpTo = start, start.Add(1e9)
	p.ShardStart, p.StreamCreated = "1", start.Add(-1e9)
	p.Position.SubSequence, p.Position.Partial = 3, true
	p.Window = &batch.Window{Start: start, End: start.Add(60e9), State: []byte(strings.Repeat("s", 50_000))}
	require.NoError(f, f.table.Commit(f.Context(), lease, driver.FleetCheckpoint{Version: 1, Rate: 1 << 40, Value: p}))
	f.loaded(shard, p)
	assert.Equal(f, int64(1<<40), f.leases()[shard].Rate)
	assert.False(f, f.leases()[shard].Finished)

	end := at(2, 2)
	end.End = true
	require.NoError(f, f.commit(lease, end))
	f.loaded(shard, end)
	require.NoError(f, f.table.Release(f.Context(), lease))
	assert.True(f, f.leases()[shard].Finished, "it stays so")
}

// testFleetRace makes an owner commit while others take its lease: the final progress is never an earlier owner's.
func testFleetRace(f *fleetFixture) {
	for round := range 5 {
		before := f.take(shard, fmt.Sprintf("a#%d", round))
		var all sync.WaitGroup
		var taken driver.FleetLease
		all.Go(func() {
			for v := 1; v < 200; v++ {
				if f.commit(before, at(uint64(v), v)) != nil {
					return
				}
			}
		})
		all.Go(func() {
			row, err := f.table.Take(f.Context(), before, fmt.Sprintf("b#%d", round))
			if assert.NoError(f, err) {
				taken = row
				assert.NoError(f, f.commit(row, at(1, 1000+round)))
			}
		})
		all.Wait()
		f.loaded(shard, at(1, 1000+round))
		f.refused(f.commit(before, at(1<<30, 1)), "it was taken")
		require.NoError(f, f.table.Release(f.Context(), taken))
	}
}

func testFleetRelease(f *fleetFixture) {
	lease := f.take(shard, "a#1")
	require.NoError(f, f.commit(lease, at(1, 1)))
	require.NoError(f, f.table.Release(f.Context(), lease))
	require.NoError(f, f.table.Release(f.Context(), lease), "repeated")
	free := f.leases()[shard]
	assert.Empty(f, free.Owner)
	assert.Equal(f, lease.Epoch+1, free.Epoch)
	f.refused(f.commit(lease, at(2, 2)), "it was released")
	next, err := f.table.Take(f.Context(), free, "b#1")
	require.NoError(f, err)
	assert.Equal(f, lease.Epoch+2, next.Epoch)
	f.loaded(shard, at(1, 1))
}

func testManyLeases(f *fleetFixture) {
	state := []byte(fmt.Sprintf("%x", make([]byte, 5000)))
	for i := range pageful {
		id := fmt.Sprintf("shardId-%012d", i)
		lease, err := f.table.Take(f.Context(), driver.FleetLease{Shard: id}, "a#1")
		require.NoError(f, err)
		p := at(1, i)
		for j := range state {
			state[j] = "0123456789abcdef"[(i*31+j*j*7+j)%16] // that packs badly
		}
		p.Window = &batch.Window{Start: start, End: start.Add(60e9), State: state}
		require.NoError(f, f.commit(lease, p))
	}
	assert.Len(f, f.leases(), pageful)
	all, err := f.store.Progress(f.Context(), f.mapping)
	require.NoError(f, err)
	assert.Len(f, all, pageful)
}

func testFleetDelete(f *fleetFixture) {
	lease := f.take(shard, "a#1")
	end := at(1, 1)
	end.End = true
	require.NoError(f, f.commit(lease, end))
	require.ErrorIs(f, f.store.Delete(f.Context(), f.mapping, shard), driver.ErrLeaseHeld)
	require.NoError(f, f.table.Release(f.Context(), lease))
	require.NoError(f, f.store.Delete(f.Context(), f.mapping, shard))
	assert.Empty(f, f.leases())
	f.refused(f.commit(lease, at(2, 2)), "there is no row")
	anew := f.take(shard, "a#1")
	assert.Greater(f, anew.Epoch, lease.Epoch)
	f.refused(f.commit(lease, at(3, 3)), "it is an old one")
}

func testFleetsApart(f *fleetFixture) {
	f.join("a#1")
	lease := f.take(shard, "a#1")
	require.NoError(f, f.commit(lease, at(1, 1)))
	other := *f
	other.mapping += "-other"
	other.table = f.store.Fleet(other.mapping)
	assert.Empty(f, other.workers())
	assert.Empty(f, other.leases())
	require.NoError(f, other.commit(other.take(shard, "a#1"), at(9, 9)))
	f.loaded(shard, at(1, 1))
}

func testFleetCancelled(f *fleetFixture) {
	row := f.join("a#1")
	lease := f.take(shard, "a#1")
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	row.Counter = 9
	require.ErrorIs(f, f.table.Heartbeat(ctx, row, false), context.Canceled)
	require.ErrorIs(f, f.table.Close(ctx, "a#1", 1), context.Canceled)
	require.ErrorIs(f, f.table.Retire(ctx, "a#1"), context.Canceled)
	require.ErrorIs(f, f.table.Remove(ctx, "a#1"), context.Canceled)
	_, err := f.table.Take(ctx, lease, "b#1")
	require.ErrorIs(f, err, context.Canceled)
	require.ErrorIs(f, f.table.Commit(ctx, lease, driver.FleetCheckpoint{Version: 1, Value: at(1, 1)}), context.Canceled)
	require.ErrorIs(f, f.table.Release(ctx, lease), context.Canceled)
	_, _, err = f.table.Load(ctx, shard)
	require.ErrorIs(f, err, context.Canceled)

	assert.Equal(f, uint64(1), f.workers()["a#1"].Counter)
	assert.False(f, f.workers()["a#1"].Closed)
	assert.Equal(f, lease, f.leases()[shard])
}
