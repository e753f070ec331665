package poller_test

import (
	"bytes"
	"crypto/sha256"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// serve starts a Server, and returns the SDK's client of it with the SDK's own way of sending requests.
func serve(t *testing.T, service *kinesistest.Service) *kinesis.Client {
	t.Helper()
	server := kinesistest.NewServer(service)
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	cfg := server.Config()
	cfg.HTTPClient = &http.Client{Transport: modeltest.WatchTransport(t, transport)}
	return kinesis.NewFromConfig(cfg)
}

// TestShardsAreReadSideBySideOverHTTP reads as a mapping does: through the SDK, a goroutine for each shard.
func TestShardsAreReadSideBySideOverHTTP(t *testing.T) {
	for name, c := range map[string]struct {
		cfg       poller.Config
		refuse    error
		cborCalls bool
	}{
		"JSON":         {},
		"the SDK":      {cfg: poller.Config{SDKDecoding: true, CBOR: true}},
		"CBOR":         {cfg: poller.Config{CBOR: true}, cborCalls: true},
		"refused CBOR": {cfg: poller.Config{CBOR: true}, refuse: &smithy.GenericAPIError{Code: "UnknownOperationException"}},
	} {
		t.Run(name, func(t *testing.T) {
			service := kinesistest.New(modeltest.Watch(t, kinesistest.Config{MaxRecordsPerRead: 25, NoLimits: true, RefuseCBOR: c.refuse}))
			readSideBySide(t, service, c.cfg)
			inCBOR := 0
			for _, call := range service.Calls() {
				if call.CBOR && call.Err == nil {
					inCBOR++
				}
			}
			require.Equal(t, c.cborCalls, inCBOR > 0)
		})
	}
}

func readSideBySide(t *testing.T, service *kinesistest.Service, cfg poller.Config) {
	t.Helper()
	stream, err := service.CreateStream("orders", 4)
	require.NoError(t, err)
	put := map[string][]string{}
	fill(t, stream, put, 200)
	service.Inject(kinesistest.Fault{Op: kinesistest.GetRecords, Throttle: true})
	service.ExpireIterators()

	cfg.PollInterval = 200 * time.Millisecond
	p := newPoller(t, serve(t, service), cfg)
	list, err := p.Shards(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 4)

	var mu sync.Mutex
	got := map[string][]string{}
	errs := map[poller.Class]int{}
	var g errgroup.Group
	for _, shard := range list {
		g.Go(func() error {
			r := newReading(p)
			err := r.shard(t.Context(), shard)
			mu.Lock()
			defer mu.Unlock()
			for key, data := range r.got {
				got[key] = append(got[key], data...)
			}
			for class, n := range r.errs {
				errs[class] += n
			}
			return err
		})
	}
	require.NoError(t, g.Wait())
	require.Equal(t, put, got)
	require.Equal(t, map[poller.Class]int{poller.Throttled: 1}, errs)

	now, ok := p.Now()
	require.True(t, ok)
	require.WithinRange(t, now, time.Now().Add(-2*time.Second), time.Now())
}

func TestARecordOverHTTPIsWhatWasPut(t *testing.T) {
	service := kinesistest.New(modeltest.Watch(t, kinesistest.Config{}))
	stream, err := service.CreateStream("orders", 1)
	require.NoError(t, err)
	before := time.Now().Truncate(time.Millisecond)
	big := bytes.Repeat([]byte("0123456789"), 100_000) // just under the 1 MiB of a stream that was not told otherwise
	sequence, err := stream.PutTo(shardID, "", big)
	require.NoError(t, err)

	page, err := open(t, serve(t, service), poller.Start{}, poller.Config{}).Next(t.Context())
	require.NoError(t, err)
	require.Len(t, page.Records, 1)
	got := page.Records[0]
	require.Equal(t, sequence, got.SequenceNumber)
	require.Empty(t, got.PartitionKey)
	require.Equal(t, sha256.Sum256(big), sha256.Sum256(got.Data))
	require.WithinRange(t, got.ArrivalTime, before, time.Now())
	require.Zero(t, got.ArrivalTime.Nanosecond()%int(time.Millisecond))
}
