package poller_test

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// consumed is a stream with one shard and a consumer.
func consumed(t testing.TB, cfg kinesistest.Config) (*kinesistest.Service, *kinesistest.Stream, string) {
	t.Helper()
	service := kinesistest.New(modeltest.Watch(t, cfg))
	stream, err := service.CreateStream("orders", 1)
	require.NoError(t, err)
	arn, err := stream.RegisterConsumer("shipping")
	require.NoError(t, err)
	return service, stream, arn
}

// pushing returns a Reader of a consumer's shard.
func pushing(t testing.TB, client poller.Client, cfg poller.Config) poller.Reader {
	t.Helper()
	p, err := poller.New(withClient(cfg, client))
	require.NoError(t, err)
	shards, err := p.Shards(t.Context())
	require.NoError(t, err)
	r, err := p.Open(shards[0], poller.Start{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.(io.Closer).Close()) })
	return r
}

func withClient(cfg poller.Config, client poller.Client) poller.Config {
	cfg.Client = client
	return cfg
}

func put(t testing.TB, stream *kinesistest.Stream, data string) {
	_, _, err := stream.Put("key", []byte(data))
	assert.NoError(t, err)
}

// putEverySecond puts n numbered records, one a second.
func putEverySecond(t testing.TB, stream *kinesistest.Stream, n int) {
	go func() {
		for i := range n {
			rest(t.Context(), time.Second)
			put(t, stream, strconv.Itoa(i))
		}
	}()
}

// readNumbers reads until n numbered records came, and checks that they come in order, each once.
func readNumbers(t testing.TB, r poller.Reader, from, n int) (errs []error) {
	t.Helper()
	for n > 0 {
		page, err := r.Next(t.Context())
		if err != nil {
			errs = append(errs, err)
			require.Less(t, len(errs), 100, "%v", err)
		}
		for i := range page.Records {
			require.Equal(t, strconv.Itoa(from), string(page.Records[i].Data))
			from++
			n--
		}
	}
	return errs
}

// subscriptions returns when a service was called for subscriptions, and checks that they are apart.
func subscriptions(t testing.TB, service *kinesistest.Service, since time.Time) (at []time.Duration) {
	t.Helper()
	for _, c := range service.Calls() {
		if c.Op == kinesistest.SubscribeToShard {
			at = append(at, c.Time.Sub(since))
		}
	}
	requireApart(t, at)
	return at
}

// TestFanOutThroughTheSDKUnderAFakeClock: half an hour of the real SDK over net.Pipe, with all that can befall it.
func TestFanOutThroughTheSDKUnderAFakeClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		born := time.Now()
		service, stream, arn := consumed(t, kinesistest.Config{})
		server := kinesistest.NewPipeServer(service)
		defer server.Close()
		for i, f := range []kinesistest.Fault{
			{},
			{Silent: true, After: 50},
			{Err: &types.LimitExceededException{Message: aws.String("Rate exceeded")}},
			{Hang: true},
			{End: true, After: 20},
			{EventErr: &types.InternalFailureException{Message: aws.String("internal")}, After: 20},
			{EventErr: &types.ResourceInUseException{Message: aws.String("taken over")}},
			{EventErr: io.ErrClosedPipe, After: 3}, // breaks the connection
			{Throttle: true},
		} {
			f.Op, f.Times = kinesistest.SubscribeToShard, 1
			if i == 0 {
				f.After = 1 << 30 // the first one is well
			}
			service.Inject(f)
		}
		putEverySecond(t, stream, 1800)
		r := pushing(t, server.Client(), poller.Config{ConsumerARN: arn})
		errs := readNumbers(t, r, 0, 1800)
		require.Len(t, errs, 6, "silent, refused, hung, two exceptions, throttled; the SDK takes the rest for ends: %v", errs)
		require.InDelta(t, 1800, time.Since(born).Seconds(), 1)
		at := subscriptions(t, service, born)
		require.InDelta(t, 285, at[1].Seconds(), 0.5)

		_, _, err := stream.Split(shardID)
		require.NoError(t, err)
		var end bool
		for !end {
			page, err := r.Next(t.Context())
			require.NoError(t, err)
			end = page.End
		}
		children := r.(poller.ChildFinder).Children()
		require.Len(t, children, 2)
		shards, err := newPoller(t, server.Client(), poller.Config{}).Shards(t.Context())
		require.NoError(t, err)
		for i, child := range children {
			listed := shards[i+1]
			listed.StartingSequenceNumber = ""
			require.Equal(t, listed, child, "what ListShards tells")
		}
	})
}

func TestAConsumerThatIsGoneIsNoEndOfItsShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, stream, arn := consumed(t, kinesistest.Config{TransitionTime: 0})
		server := kinesistest.NewPipeServer(service)
		defer server.Close()
		putEverySecond(t, stream, 30)
		r := pushing(t, server.Client(), poller.Config{ConsumerARN: arn, FallBackToPolling: true})
		readNumbers(t, r, 0, 5)
		require.NoError(t, stream.DeregisterConsumer("shipping"))
		for range 2 {
			var err error
			for err == nil {
				_, err = r.Next(t.Context())
			}
			require.Equal(t, poller.StreamGone, poller.Classify(err), "within a subscription, then in place of one: %v", err)
		}
	})
}

func TestAConsumerThatIsBeingMadeIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := kinesistest.New(modeltest.Watch(t, kinesistest.Config{TransitionTime: 20 * time.Second}))
		stream, err := service.CreateStream("orders", 1)
		require.NoError(t, err)
		rest(t.Context(), 20*time.Second)
		arn, err := stream.RegisterConsumer("shipping")
		require.NoError(t, err)
		server := kinesistest.NewPipeServer(service)
		defer server.Close()
		put(t, stream, "0")
		for _, err := range readNumbers(t, pushing(t, server.Client(), poller.Config{ConsumerARN: arn}), 0, 1) {
			require.Equal(t, poller.Retry, poller.Classify(err))
		}
	})
}

func TestTheFiveSecondsBeginWithTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, stream, arn := consumed(t, kinesistest.Config{})
		server := kinesistest.NewPipeServer(service)
		defer server.Close()
		service.Inject(kinesistest.Fault{Op: kinesistest.SubscribeToShard, Delay: 3 * time.Second, End: true, After: 1})
		put(t, stream, "0")
		r := pushing(t, server.Client(), poller.Config{ConsumerARN: arn})
		require.Empty(t, readNumbers(t, r, 0, 1))
		put(t, stream, "1")
		require.Empty(t, readNumbers(t, r, 1, 1), "a second subscription that comes too early is refused")
	})
}

func TestTheServicesTimeIsKnownFromASubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, stream, arn := consumed(t, kinesistest.Config{})
		server := kinesistest.NewPipeServer(service)
		defer server.Close()
		put(t, stream, "0")
		p, err := poller.New(poller.Config{Client: server.Client(), ConsumerARN: arn})
		require.NoError(t, err)
		r, err := p.Open(poller.Shard{ID: shardID}, poller.Start{})
		require.NoError(t, err)
		defer r.(io.Closer).Close()
		readNumbers(t, r, 0, 1)
		now, ok := p.Now()
		require.True(t, ok)
		require.WithinRange(t, now, time.Now().Add(-time.Second), time.Now())
	})
}

// TestPeerBugsHalfOpenConnectionIsNotSubscribedOnAgain: net/http goes on using a dead HTTP/2 connection for as long as the
// system does not give it up.
func TestPeerBugsHalfOpenConnectionIsNotSubscribedOnAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ws wires
		service, stream, arn := consumed(t, kinesistest.Config{})
		r := pushing(t, pipedHTTP2(t, service, &ws), poller.Config{ConsumerARN: arn})
		for i := range 10 {
			put(t, stream, strconv.Itoa(i))
		}
		readNumbers(t, r, 0, 10)
		put(t, stream, "10")
		ws.cutAll()
		began := time.Now()
		errs := readNumbers(t, r, 10, 1)
		require.Len(t, errs, 1)
		require.ErrorContains(t, errs[0], "no event arrived for 35s")
		require.Less(t, time.Since(began), 36*time.Second, "the next subscription has a connection of its own")
	})
}

// TestPeerBugsUnboundedFanOutBufferOfTheSDK: what nobody asks for stays on the line, through the SDK and HTTP/2.
func TestPeerBugsUnboundedFanOutBufferOfTheSDK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ws wires
		service, stream, arn := consumed(t, kinesistest.Config{})
		const size = 500_000
		for i := range 60 { // 30 MB
			put(t, stream, fmt.Sprintf("%0*d", size, i))
		}
		r := pushing(t, pipedHTTP2(t, service, &ws), poller.Config{ConsumerARN: arn})
		page, err := r.Next(t.Context())
		require.NoError(t, err)
		n := len(page.Records)
		for range 10 {
			rest(t.Context(), 10*time.Second)
			synctest.Wait()
		}
		const window = 4 << 20 // of net/http, for a stream
		held := ws.read.Load() - int64(n*size*4/3)
		require.Less(t, held, int64(window+3*(1<<20)*4/3), "more than the window and two events were taken off the line")
		for n < 60 {
			page, err = r.Next(t.Context())
			require.NoError(t, err)
			for i := range page.Records {
				require.Equal(t, fmt.Sprintf("%0*d", size, n), string(page.Records[i].Data))
				n++
			}
		}
	})
}

func TestFanOutOverHTTP2AndTLS(t *testing.T) {
	var ws wires
	service, stream, arn := consumed(t, kinesistest.Config{NoLimits: true})
	server := kinesistest.NewTLSServer(service)
	t.Cleanup(server.Close)
	r := pushing(t, overTLS(t, server, &ws), poller.Config{ConsumerARN: arn})
	for i := range 500 {
		put(t, stream, strconv.Itoa(i))
	}
	require.Empty(t, readNumbers(t, r, 0, 500))
	var worst time.Duration
	for i := range 20 {
		began := time.Now()
		put(t, stream, strconv.Itoa(500+i))
		require.Empty(t, readNumbers(t, r, 500+i, 1))
		worst = max(worst, time.Since(began))
	}
	require.Less(t, worst, time.Second, "pushed, not polled")
	_, _, err := stream.Split(shardID)
	require.NoError(t, err)
	for end := false; !end; {
		page, err := r.Next(t.Context())
		require.NoError(t, err)
		end = page.End
	}
	require.Len(t, r.(poller.ChildFinder).Children(), 2)
	require.Len(t, subscriptions(t, service, time.Now()), 1)
	require.LessOrEqual(t, ws.count(), 2)
}

// TestShardsAreSubscribedToSideBySide is for the race detector: all subscriptions share one client of the SDK.
func TestShardsAreSubscribedToSideBySide(t *testing.T) {
	service := kinesistest.New(modeltest.Watch(t, kinesistest.Config{NoLimits: true}))
	stream, err := service.CreateStream("orders", 4)
	require.NoError(t, err)
	arn, err := stream.RegisterConsumer("shipping")
	require.NoError(t, err)
	server := kinesistest.NewTLSServer(service)
	t.Cleanup(server.Close)
	put := map[string][]string{}
	fill(t, stream, put, 400)

	p, err := poller.New(poller.Config{Client: server.Client(), ConsumerARN: arn})
	require.NoError(t, err)
	shards, err := p.Shards(t.Context())
	require.NoError(t, err)
	var mu sync.Mutex
	got, records := map[string][]string{}, 0
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	var readers errgroup.Group
	for _, shard := range shards {
		readers.Go(func() error {
			r, err := p.Open(shard, poller.Start{})
			if err != nil {
				return err
			}
			defer r.(io.Closer).Close()
			for ctx.Err() == nil {
				page, err := r.Next(ctx)
				if err != nil && ctx.Err() == nil {
					return err
				}
				mu.Lock()
				for _, rec := range page.Records {
					got[rec.PartitionKey] = append(got[rec.PartitionKey], string(rec.Data))
				}
				if records += len(page.Records); records == 400 {
					enough()
				}
				mu.Unlock()
			}
			return nil
		})
	}
	require.NoError(t, readers.Wait())
	require.Equal(t, put, got)
}

// BenchmarkFanOutDelivery is the time from a put to the page that has it, over HTTP/2 and TLS.
func BenchmarkFanOutDelivery(b *testing.B) {
	var ws wires
	service, stream, arn := consumed(b, kinesistest.Config{NoLimits: true})
	server := kinesistest.NewTLSServer(service)
	b.Cleanup(server.Close)
	r := pushing(b, overTLS(b, server, &ws), poller.Config{ConsumerARN: arn})
	put(b, stream, "0")
	readNumbers(b, r, 0, 1)
	for n := 1; b.Loop(); n++ {
		put(b, stream, strconv.Itoa(n))
		readNumbers(b, r, n, 1)
	}
}
