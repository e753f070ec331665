package dynamostore_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/internal/rig"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// meter counts the requests that go over the wire, by operation.
type meter struct {
	client interface {
		Do(r *http.Request) (*http.Response, error)
	}

	mu    sync.Mutex
	calls map[string]int
	units float64 // of reads, as the service counts them
}

func (m *meter) Do(r *http.Request) (*http.Response, error) {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	m.mu.Lock()
	m.calls[op]++
	m.mu.Unlock()
	return m.client.Do(r)
}

// total returns the sum of some operations.
func total(calls map[string]int, ops ...string) (n int) {
	for _, op := range ops {
		n += calls[op]
	}
	return n
}

// metered is a client whose reads tell what they cost.
type metered struct {
	*dynamodb.Client
	*meter
}

func newMetered(t testing.TB) *metered {
	t.Helper()
	m := &meter{calls: map[string]int{}}
	db := dynamodb.NewFromConfig(modeltest.WatchConfig(t, rig.AWSConfig(rig.DynamoDB(t))), func(o *dynamodb.Options) {
		m.client, o.HTTPClient = o.HTTPClient, m
	})
	return &metered{Client: db, meter: m}
}

func (m *metered) spend(c *types.ConsumedCapacity) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c != nil {
		m.units += aws.ToFloat64(c.CapacityUnits)
	}
}

// reset returns what was counted, and counts from zero.
func (m *metered) reset() (calls map[string]int, units float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	calls, units = maps.Clone(m.calls), m.units
	clear(m.calls)
	m.units = 0
	return calls, units
}

func (m *metered) Query(ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.Client.Query(ctx, in, opts...)
	if err == nil {
		m.spend(out.ConsumedCapacity)
	}
	return out, err
}

func (m *metered) Scan(ctx context.Context, in *dynamodb.ScanInput, opts ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.Client.Scan(ctx, in, opts...)
	if err == nil {
		m.spend(out.ConsumedCapacity)
	}
	return out, err
}

// hand is a worker of a fleet whose shards are idle: it does what its core wants done, in no time.
type hand struct {
	t     testing.TB
	core  *fleet.Coordinator
	table driver.FleetTable
}

func newHand(t testing.TB, s *dynamostore.FleetStore, name string, shards []fleet.Shard) *hand {
	t.Helper()
	core, err := fleet.New(fleet.Config{Worker: name})
	require.NoError(t, err)
	core.Shards(time.Time{}, shards)
	return &hand{t: t, core: core, table: s.Fleet(orders)}
}

func (h *hand) step(now time.Time) {
	for actions := h.core.Next(now); len(actions) > 0; actions = h.core.Next(now) {
		for _, a := range actions {
			h.do(now, a)
		}
	}
}

func (h *hand) do(now time.Time, a fleet.Action) {
	ctx := h.t.Context()
	switch a := a.(type) {
	case *fleet.Heartbeat:
		h.core.Beaten(now, a, h.table.Heartbeat(ctx, a.Row, a.Join))
	case *fleet.ReadWorkers:
		h.core.Workers(now, pages(h.t, h.table.Workers, func(w driver.FleetWorker) string { return w.Incarnation }), nil)
	case *fleet.ReadLeases:
		h.core.Leases(now, pages(h.t, h.table.Leases, func(l driver.FleetLease) string { return l.Shard }), nil)
	case *fleet.Take:
		row, err := h.table.Take(ctx, a.Seen, a.Owner)
		h.core.Taken(now, a, row, err)
	case *fleet.Drain:
		require.NoError(h.t, h.table.Release(ctx, a.Lease))
		h.core.Ended(now, a.Lease, fleet.Released)
	default:
		require.Fail(h.t, "nothing of that happens in a fleet that is well", a.String())
	}
}

// let lets time pass for some workers.
func let(hands []*hand, now, until time.Time) {
	for {
		var next *hand
		first := until
		for _, h := range hands {
			if at, ok := h.core.Wake(now); ok && at.Before(first) {
				next, first = h, at
			}
		}
		if next == nil {
			return
		}
		now = first
		next.step(now)
	}
}

// TestTrafficOfAnIdleFleet counts what ten workers with a thousand idle shards ask of the table, over the wire.
func TestTrafficOfAnIdleFleet(t *testing.T) {
	const workers, shards, failovers = 10, 1000, 20
	db := newMetered(t)
	listed := make([]fleet.Shard, shards)
	for i := range listed {
		listed[i].ID = fmt.Sprintf("shardId-%012d", i)
	}
	hands := make([]*hand, workers)
	for i := range hands {
		hands[i] = newHand(t, openFleet(t, db), fmt.Sprintf("worker-%d", i), listed)
	}
	start := time.Unix(0, 0)
	rested := start.Add(3 * fleet.DefaultFailover)
	let(hands, start, rested)
	owners := map[string]int{}
	for _, l := range leases(t, hands[0].table) {
		owners[l.Owner]++
	}
	require.Len(t, owners, workers)
	for owner, n := range owners {
		require.Equal(t, shards/workers, n, owner)
	}
	db.reset()

	let(hands, rested, rested.Add(failovers*fleet.DefaultFailover)) // long enough for each to read all leases once
	calls, units := db.reset()
	writes := total(calls, "UpdateItem", "PutItem", "DeleteItem")
	reads := total(calls, "Query", "Scan", "GetItem")
	assert.Equal(t, writes+reads, total(calls, slices.Collect(maps.Keys(calls))...), "%v: nothing but that", calls)
	assert.LessOrEqual(t, writes, 4*workers*failovers)
	assert.GreaterOrEqual(t, writes, 2*workers*failovers, "without heartbeats there are no leases")
	minutes := float64(failovers) * fleet.DefaultFailover.Minutes()
	t.Logf("a minute: %.0f writes, %.1f for each worker and failover time; %.0f reads (%.1f of them pages of leases), %.0f read units",
		float64(writes)/minutes, float64(writes)/workers/failovers, float64(reads)/minutes, float64(calls["Scan"])/minutes, units/minutes)
	assert.Less(t, float64(reads)/minutes, 12*6*workers*1.1, "twelve readings of the workers in a failover time")
	assert.Positive(t, calls["Scan"])
	assert.Less(t, units/minutes, 4000.0)
}

// TestLeaseOfKCLIsLeftAlone counts what a worker asks of the table while a KCL worker has one of its shards.
func TestLeaseOfKCLIsLeftAlone(t *testing.T) {
	db := newMetered(t)
	createLeaseTable(t, db.Client, app)
	put(t, db.Client, app, with(kclRow("shard-1", "41", 0), "leaseOwner", str("kcl")))
	h := newHand(t, openFleet(t, db, given), "a", []fleet.Shard{{ID: "shard-1"}, {ID: "shard-2"}})
	start := time.Unix(0, 0)
	rested := start.Add(fleet.DefaultFailover)
	let([]*hand{h}, start, rested)
	db.reset()
	let([]*hand{h}, rested, rested.Add(time.Minute))
	calls, _ := db.reset()
	assert.Zero(t, calls["GetItem"], "attempts to take it")
	assert.LessOrEqual(t, calls["UpdateItem"], 18+1)
	assert.LessOrEqual(t, calls["Scan"], 18+1, "three readings in a failover time")
	assert.GreaterOrEqual(t, calls["Scan"], 15, "it must be seen to become free")
	assert.Len(t, slices.DeleteFunc(leases(t, h.table), func(l driver.FleetLease) bool { return l.Foreign }), 1)
}

// TestLeaseThatKCLGaveBackIsTakenAgain has KCL steal a lease while its owner is about to release it: the release, which finds
// the lease lost, is no error.
func TestLeaseThatKCLGaveBackIsTakenAgain(t *testing.T) {
	db := newMetered(t)
	createLeaseTable(t, db.Client, app)
	h := newHand(t, openFleet(t, db, given), "a", []fleet.Shard{{ID: shard0}})
	now := time.Unix(0, 0)
	let([]*hand{h}, now, now.Add(fleet.DefaultFailover))
	now = now.Add(fleet.DefaultFailover)
	held := leases(t, h.table)[0]
	require.Equal(t, "a#1", held.Owner)

	require.NoError(t, kclTake(t.Context(), db.Client, lease(t, db.Client, app), "kcl"))
	require.NoError(t, h.table.Release(t.Context(), held))
	h.core.Ended(now, held, fleet.Released)
	const look = 21 * fleet.DefaultFailover // by then the lease rows are read though nothing is known to have changed
	let([]*hand{h}, now, now.Add(look))
	now = now.Add(look)
	assert.Equal(t, str("kcl"), lease(t, db.Client, app)["leaseOwner"])
	row := lease(t, db.Client, app)
	delete(row, "leaseOwner")
	put(t, db.Client, app, with(row, "leaseCounter", num(99)))
	let([]*hand{h}, now, now.Add(2*fleet.DefaultFailover))
	got := leases(t, h.table)[0]
	assert.Equal(t, "a#1", got.Owner)
	assert.Equal(t, held.Epoch+1, got.Epoch)
}
