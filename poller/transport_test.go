package poller

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOnlyTheSDKsOwnHTTPClientIsReplaced(t *testing.T) {
	with := func(c aws.HTTPClient) *kinesis.Client {
		return kinesis.New(kinesis.Options{Region: "us-east-1", HTTPClient: c})
	}
	tuned := awshttp.NewBuildableClient().WithTimeout(time.Minute).WithTransportOptions(func(tr *http.Transport) {
		tr.MaxIdleConnsPerHost, tr.MaxIdleConns, tr.DisableCompression = 1000, 0, true
	})
	own := transportOf(with(tuned))
	require.NotNil(t, own)
	tr := own.Transport.(*http.Transport)
	assert.Equal(t, []any{1000, 0, true, time.Minute}, []any{tr.MaxIdleConnsPerHost, tr.MaxIdleConns, tr.DisableCompression, own.Timeout}, "its user's settings stay")
	tr = transportOf(with(nil)).Transport.(*http.Transport)
	assert.Equal(t, []int{maxCalls, maxCalls}, []int{tr.MaxIdleConnsPerHost, tr.MaxIdleConns})

	assert.Nil(t, transportOf(with(&http.Client{})))
	assert.Nil(t, transportOf(with(awshttp.NewBuildableClient().WithReadTimeout(time.Minute))))
	assert.Nil(t, transportOf(struct{ Client }{with(nil)}))
}

// TestPollsOfManyShardsReuseTheirConnections reads 300 shards at once with the SDK's default client.
func TestPollsOfManyShardsReuseTheirConnections(t *testing.T) {
	var connections, running, most atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		n := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); n > m; m = most.Load() {
			if most.CompareAndSwap(m, n) {
				break
			}
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		fmt.Fprint(w, `{"ShardIterator":"it","NextShardIterator":"it","MillisBehindLatest":0,"Records":[]}`)
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	p, err := New(Config{StreamARN: testARN, PollInterval: 200 * time.Millisecond, Client: kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: aws.AnonymousCredentials{},
	})})
	require.NoError(t, err)
	defer p.CloseIdleConnections()
	var readers sync.WaitGroup
	for i := range 300 {
		readers.Go(func() {
			r := newReader(p, &Shard{ID: fmt.Sprint("shard-", i)}, Start{})
			for range 5 {
				_, err := r.Next(t.Context())
				assert.NoError(t, err)
			}
		})
	}
	readers.Wait()
	assert.LessOrEqual(t, most.Load(), int64(maxCalls))
	assert.LessOrEqual(t, connections.Load(), int64(2*maxCalls), "1,800 calls; the SDK keeps 10")
}

// hanging is a Client whose calls last until their ctx ends, or for a second.
type hanging struct {
	Client
	running, most atomic.Int64
}

func (h *hanging) GetShardIterator(ctx context.Context, _ *kinesis.GetShardIteratorInput, _ ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error) {
	n := h.running.Add(1)
	defer h.running.Add(-1)
	h.most.Store(max(h.most.Load(), n))
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return &kinesis.GetShardIteratorOutput{ShardIterator: aws.String("it")}, nil
}

func (h *hanging) GetRecords(context.Context, *kinesis.GetRecordsInput, ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	return &kinesis.GetRecordsOutput{NextShardIterator: aws.String("it"), MillisBehindLatest: aws.Int64(0)}, nil
}

// TestCallsAtOnceAreBounded opens more shards than calls may run, and one that gives up while it waits for its turn.
func TestCallsAtOnceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hanging{}
		p, err := New(Config{StreamARN: testARN, Client: h, CallTimeout: 1500 * time.Millisecond})
		require.NoError(t, err)
		began := time.Now()
		var readers sync.WaitGroup
		for i := range 3 * maxCalls {
			readers.Go(func() {
				_, err := newReader(p, &Shard{ID: fmt.Sprint("shard-", i)}, Start{}).Next(t.Context())
				assert.NoError(t, err, "waiting for a turn is no part of the call's deadline")
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err = newReader(p, &Shard{ID: "last"}, Start{}).Next(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		readers.Wait()
		assert.EqualValues(t, maxCalls, h.most.Load())
		assert.Equal(t, 3*time.Second, time.Since(began))
	})
}

// deaf is a Client whose reads are never answered. It lists one shard.
type deaf struct{ Client }

func (d *deaf) GetShardIterator(ctx context.Context, _ *kinesis.GetShardIteratorInput, _ ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (d *deaf) ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	return &kinesis.ListShardsOutput{Shards: []types.Shard{{ShardId: aws.String("shard")}}}, nil
}

// TestReadsThatHangHoldNoListingUp: it is the listing that tells which shards there are to read.
func TestReadsThatHangHoldNoListingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := New(Config{StreamARN: testARN, Client: &deaf{}})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		var readers sync.WaitGroup
		for i := range 2 * maxCalls {
			readers.Go(func() {
				_, err := newReader(p, &Shard{ID: fmt.Sprint("shard-", i)}, Start{}).Next(ctx)
				assert.ErrorIs(t, err, context.Canceled)
			})
		}
		synctest.Wait()
		began := time.Now()
		var listings sync.WaitGroup
		for range 4 * maxListCalls {
			listings.Go(func() {
				shards, err := p.Shards(t.Context())
				assert.NoError(t, err)
				assert.Len(t, shards, 1)
			})
		}
		listings.Wait()
		assert.Zero(t, time.Since(began), "how long the listings waited")
		cancel()
		readers.Wait()
	})
}

// TestAConnectionThatTimedOutIsNotUsedAgain has a call that runs into its deadline, after which one and only one goes out
// so that its connection, which may be the same, is the last time used.
func TestAConnectionThatTimedOutIsNotUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var alone []bool
		client := newSDK("http://kinesis", httpFunc(func(r *http.Request) (*http.Response, error) {
			if alone = append(alone, r.Close); len(alone) == 2 {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return respond(time.Now(), strings.NewReader(`{"ShardIterator":"it","NextShardIterator":"it","MillisBehindLatest":0,"Records":[]}`)), nil
		}))
		p, err := New(Config{StreamARN: testARN, Client: client})
		require.NoError(t, err)
		r := newReader(p, &Shard{ID: "shard"}, Start{})
		_, err = r.Next(t.Context())
		require.ErrorContains(t, err, "no whole answer within 30s")
		for range 2 {
			_, err = r.Next(t.Context())
			require.NoError(t, err)
		}
		assert.Equal(t, []bool{false, false, true, false}, alone)
	})
}

type httpFunc func(*http.Request) (*http.Response, error)

func (f httpFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }
