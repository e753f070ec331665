package realpeers_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
	"github.com/shardmill/shardmill/mapping/storetest"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// motoDynamoDB returns a client of moto's DynamoDB, and its endpoint. Moto's server runs calls in threads, and reads, compares and
// writes an item without a lock: so they pass a proxy one by one.
func motoDynamoDB(t *testing.T) (*dynamodb.Client, string) {
	t.Helper()
	target, err := url.Parse(rig.Moto(t))
	require.NoError(t, err)
	turn := make(chan struct{}, 1) // of capacity 1: whose call is in it may pass
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case turn <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		defer func() { <-turn }()
		// A call whose client goes away runs on in moto: the next one must wait for it.
		ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
		defer cancel()
		proxy.ServeHTTP(w, r.WithContext(ctx))
	}))
	t.Cleanup(server.Close)
	return dynamodb.NewFromConfig(rig.AWSConfig(server.URL)), server.URL
}

// Our store's whole suite, and a fleet's, on a DynamoDB that others wrote.
func TestStoresConformOnMotosDynamoDB(t *testing.T) {
	if !*whole {
		t.Skip("thousands of calls, at moto's pace: with -whole")
	}
	t.Parallel()
	db, _ := motoDynamoDB(t)
	opened := 0
	options := func() dynamostore.Options {
		opened++
		return dynamostore.Options{Client: db, Worker: "worker"}
	}
	storetest.Run(t, func(t *testing.T) driver.Store {
		s, err := dynamostore.New(options())
		require.NoError(t, err)
		return s
	})
	storetest.RunFleet(t, func(t *testing.T) driver.FleetStore {
		s, err := dynamostore.NewFleet(options())
		require.NoError(t, err)
		return s
	})
	t.Logf("%d rules of a store and of a fleet's", opened)
}

// A fleet of three on moto's tables: workers join and stop, while a stream is split and merged.
func TestFleetOnMotosDynamoDB(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, 4, kinesistest.NewServer, func() string { _, endpoint := motoDynamoDB(t); return endpoint })
	n := many(900, 9_000)
	workers := map[string]func(){}
	for _, name := range []string{"a", "b", "c"} {
		workers[name] = w.joins(name)
	}
	w.puts(1, n/3, 100)
	more := n // the numbers up to it are for later
	eventually(t, "all of three", func() bool {
		if w.workersWithShards() == 3 {
			return w.distinct() >= len(w.records())
		}
		if w.distinct() >= len(w.records()) { // the others have read all before a late worker had a shard
			w.puts(more+1, more+10, 100)
			more += 10
		}
		return false
	})
	w.reshard()
	w.puts(n/3+1, 2*n/3, 100)
	eventually(t, "the records of the new shards", func() bool { return w.distinct() >= len(w.records()) })
	workers["a"]()
	w.puts(2*n/3+1, n, 100)
	eventually(t, "all records", func() bool { return w.distinct() >= len(w.records()) })
	for _, name := range []string{"b", "c"} {
		workers[name]()
	}

	v := judge(w.records(), w.all())
	assertNothingLost(t, v)
	assert.Zero(t, v.repeated, "workers that stop hand over what they have")
	assertOrder(t, w.all())
}

// joins starts a worker of a fleet of ours, and returns what stops it.
func (w *world) joins(name string) (stop func()) {
	w.Helper()
	store, err := dynamostore.NewFleet(dynamostore.Options{Client: dynamodb.NewFromConfig(rig.AWSConfig(w.dynamo)), Worker: name})
	require.NoError(w, err)
	return background(w.T, w.mapping(ours{name, w.stream.ARN(), store, w.witness, nil, func(c *mapping.Config) {
		c.FailoverTime = 15 * time.Second // moto takes its time, and one call after the other
	}}))
}

// workersWithShards returns how many workers have received records.
func (w *world) workersWithShards() int {
	by := map[string]bool{}
	for _, d := range w.all() {
		by[d.by] = true
	}
	return len(by)
}
