package realpeers_test

import (
	"context"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
	"github.com/shardmill/shardmill/mapping/migrate"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// The suffixes of the tables that KCL 3.0 to 3.4 keep in addition to an application's lease table.
var suffixes = []string{"-WorkerMetricStats", "-CoordinatorState"}

// A live fleet of KCL 3 is refused with the reason, by a mapping that uses its table and by migrate. Once the fleet has
// stopped, its positions are imported and a mapping resumes there. Then they are exported, and KCL resumes where the mapping
// stopped. The other rows of its tables (the leader, the workers' reports, the state of KCL's own migration) stay as they are.
func TestKCL3IsRefusedAliveAndItsPositionsPassOnceItHasStopped(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		before  string // the version of KCL that we take over from; 3.5 takes over from us
		several bool   // the application reads several streams
	}{
		{"one stream", rig.KCL3, false},
		{"several streams", rig.KCL3, true},
		{"one stream, before its tables are one", rig.KCL34, false},
		{"several streams, before its tables are one", rig.KCL34, true},
	} {
		if c.several == (c.before == rig.KCL34) && !*whole {
			continue // the two others have both versions, and both kinds of lease table
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2, kinesistest.NewServer)
			a := w.application("orders-app", c.several)
			puts := w.startTraffic(many(60, 400), 50)
			n := many(200, 4_000)

			before := a.start(c.before, "kcl-before")
			w.reads(before, n)
			merged := w.reshard()
			a.refusesLive("kcl-before")
			eventually(t, "records of a shard that was split and merged", func() bool { return w.delivered(merged) }, before.Exited())
			before.Stop(t)
			seen := w.total()
			t.Logf("KCL %s: put %d so far, delivered %d", c.before, len(w.records()), seen)

			a.forgetsReports()
			others := a.others()
			store := mapping.NewMemoryStore()
			plan, err := migrate.Import(t.Context(), a.table(), migrate.Target{
				Store: store, Mapping: a.mapping, StartingPosition: mapping.TrimHorizon, Shards: a.shards(),
			})
			require.NoError(t, err)
			require.NoError(t, plan.Apply(t.Context()))
			imported := plan.Changes()
			a.run(store, n)
			ours := w.total() - seen
			plan, err = migrate.Export(t.Context(), store, a.mapping, a.table(), a.shards(), false)
			require.NoError(t, err)
			require.NoError(t, plan.Apply(t.Context()))
			t.Logf("ours: put %d so far, delivered %d; %d shards imported, %d exported; %d rows of other kinds", len(w.records()), ours, imported, plan.Changes(), len(others))
			assert.NotEmpty(t, others)
			assert.Equal(t, others, a.others(), "rows that are no leases")

			after := a.start(rig.KCL3, "kcl-after")
			w.reads(after, n)
			puts.end()
			eventually(t, "all records", func() bool { return w.distinct() >= len(w.records()) }, after.Exited())
			after.Stop(t)
			t.Logf("KCL %s: put %d, delivered %d", rig.KCL3, len(w.records()), w.total()-seen-ours)
			v := judge(w.records(), w.all())
			assertNothingLost(t, v)
			assert.Empty(t, w.pastCheckpoints(), "delivered at or below a checkpoint")
			assertOrder(t, w.all())
		})
	}
}

// application is one of KCL 3.
type application struct {
	w       *world
	name    string
	stream  string // as KCL names it
	mapping string // the name of the mapping that takes over from it, and back
}

func (w *world) application(name string, several bool) *application {
	w.Helper()
	w.createLeaseTable(name)
	a := &application{w: w, name: name, stream: w.stream.Name()}
	var err error
	a.mapping, err = mapping.StoreKey(w.stream.ARN(), "orders-app")
	require.NoError(w, err)
	if several {
		d, err := a.poller().Describe(w.Context())
		require.NoError(w, err)
		a.stream, err = migrate.KCLStream(w.stream.ARN(), d.Created)
		require.NoError(w, err)
	}
	return a
}

func (a *application) start(version, worker string) *rig.Peer {
	a.w.Helper()
	k := a.w.worker(version, worker, a.name)
	k.Stream, k.Every = a.stream, 20
	return a.w.start(k)
}

func (a *application) table() migrate.Table {
	return migrate.Table{Client: a.w.db, Name: a.name, Format: migrate.KCL, Stream: a.stream}
}

func (a *application) poller() *poller.Poller {
	a.w.Helper()
	p, err := poller.New(poller.Config{Client: a.w.server.Client(), StreamARN: a.w.stream.ARN()})
	require.NoError(a.w, err)
	return p
}

func (a *application) shards() []poller.Shard {
	a.w.Helper()
	shards, err := a.poller().Shards(a.w.Context())
	require.NoError(a.w, err)
	return shards
}

// refusesLive waits until KCL's worker has reported, and has a mapping and an import refuse its table with that reason.
func (a *application) refusesLive(worker string) {
	a.w.Helper()
	target := migrate.Target{Store: mapping.NewMemoryStore(), Mapping: a.mapping, StartingPosition: mapping.TrimHorizon, Shards: a.shards()}
	var plan *migrate.Plan
	eventually(a.w, "a report of KCL's worker", func() bool {
		var err error
		plan, err = migrate.Import(a.w.Context(), a.table(), target)
		require.NoError(a.w, err)
		return plan.Refused() != nil
	})
	require.ErrorContains(a.w, plan.Refused(), "a KCL 3 fleet is alive: worker "+worker+" reported")
	require.ErrorIs(a.w, plan.Apply(a.w.Context()), migrate.ErrRefused)

	for _, share := range []bool{false, true} {
		store, err := dynamostore.NewFleet(dynamostore.Options{Client: a.w.db, LeaseTable: func(string) string { return a.name }, ShareWithKCL: share})
		require.NoError(a.w, err)
		m, err := mapping.New(mapping.Config{
			EventSourceARN: a.w.stream.ARN(), FunctionName: "orders-app", StartingPosition: mapping.TrimHorizon, Client: a.w.server.Client(),
			Store: store, Logger: slog.New(slog.DiscardHandler), Function: invoke.Func(func(context.Context, *invoke.Event) error { return nil }),
		})
		require.NoError(a.w, err)
		err = m.Run(a.w.Context())
		require.ErrorIs(a.w, err, driver.ErrForeignFleet)
		require.ErrorContains(a.w, err, "a KCL 3 fleet is alive: worker "+worker+" reported")
	}
}

// forgetsReports waits for the five minutes for which a worker's report counts. In the short form it sets the time of the
// reports back instead.
func (a *application) forgetsReports() {
	a.w.Helper()
	if *whole {
		timer := time.NewTimer(5*time.Minute + 5*time.Second)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-a.w.Context().Done():
		}
		return
	}
	for table, key := range map[string]string{a.name: "leaseKey", a.name + suffixes[0]: "wid"} {
		for _, row := range a.rows(table) {
			at, ok := row["lut"].(*types.AttributeValueMemberN)
			if !ok {
				continue
			}
			n, err := strconv.Atoi(at.Value)
			require.NoError(a.w, err)
			_, err = a.w.db.UpdateItem(a.w.Context(), &dynamodb.UpdateItemInput{
				TableName: &table, Key: map[string]types.AttributeValue{key: row[key]}, UpdateExpression: aws.String("SET lut = :t"),
				ExpressionAttributeValues: map[string]types.AttributeValue{":t": &types.AttributeValueMemberN{Value: strconv.Itoa(n - 400)}},
			})
			require.NoError(a.w, err)
		}
	}
}

// rows returns all rows of a table, none where it is missing.
func (a *application) rows(table string) []map[string]types.AttributeValue {
	a.w.Helper()
	out, err := a.w.db.Scan(a.w.Context(), &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	if err != nil {
		var missing *types.ResourceNotFoundException
		require.ErrorAs(a.w, err, &missing)
		return nil
	}
	return out.Items
}

// others returns the rows of the application that are no leases, by table and key.
func (a *application) others() map[string]map[string]types.AttributeValue {
	a.w.Helper()
	all := map[string]map[string]types.AttributeValue{}
	note := func(table, key string, row map[string]types.AttributeValue) {
		if s, ok := row[key].(*types.AttributeValueMemberS); ok {
			all[table+" "+s.Value] = row
		}
	}
	for _, row := range a.rows(a.name) {
		if kind, ok := row["entityType"].(*types.AttributeValueMemberS); ok && kind.Value != "LEASE" {
			note(a.name, "leaseKey", row)
		}
	}
	for table, key := range map[string]string{a.name + suffixes[0]: "wid", a.name + suffixes[1]: "key"} {
		for _, row := range a.rows(table) {
			note(table, key, row)
		}
	}
	return all
}

// run runs our mapping until it has received so many records more, with a reshard in between.
func (a *application) run(store driver.Store, n int) {
	w := a.w
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	m := w.mapping(ours{"ours", w.stream.ARN(), store, w.witness, nil, func(c *mapping.Config) { c.Read.Deaggregate = true }})
	var g errgroup.Group
	ended := make(chan struct{})
	g.Go(func() error {
		defer close(ended)
		return m.Run(ctx)
	})
	defer func() {
		cancel()
		require.NoError(w, g.Wait())
	}()
	n += w.distinct()
	merged := w.reshard()
	eventually(w, "records, and some of a shard that was split and merged", func() bool { return w.distinct() >= n && w.delivered(merged) }, ended)
}
