package poller

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hangs are transports whose connections come no further than a phase, until over is closed.
var hangs = map[string]func(over <-chan struct{}) *http.Transport{
	"connect": func(over <-chan struct{}) *http.Transport {
		dialer := &net.Dialer{ControlContext: func(context.Context, string, string, syscall.RawConn) error {
			<-over
			return net.ErrClosed
		}}
		return &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, "192.0.2.7:443")
		}}
	},
	"TLS": func(<-chan struct{}) *http.Transport { return &http.Transport{DialContext: pipeTo(swallow)} },
	"headers": func(<-chan struct{}) *http.Transport {
		return &http.Transport{DialTLSContext: pipeTo(swallow)}
	},
	"body": func(<-chan struct{}) *http.Transport {
		return &http.Transport{DialTLSContext: pipeTo(func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Records\":[")
			swallow(c)
		})}
	},
}

// pipeTo dials a server of one connection.
func pipeTo(serve func(net.Conn)) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go serve(server)
		return client, nil
	}
}

// swallow reads, and answers nothing.
func swallow(c net.Conn) {
	_, _ = io.Copy(io.Discard, c)
	_ = c.Close()
}

// clientOver is the SDK's client with the SDK's endpoints, over a transport.
func clientOver(t *testing.T, transport *http.Transport) *kinesis.Client {
	t.Helper()
	t.Cleanup(transport.CloseIdleConnections)
	return kinesis.New(kinesis.Options{Region: "us-east-1", Credentials: aws.AnonymousCredentials{}, HTTPClient: &http.Client{Transport: transport}})
}

// TestATimeOutNamesHostPhaseAndTime: by ARN the SDK goes to hosts of an account, which an endpoint of a VPC may not cover.
func TestATimeOutNamesHostPhaseAndTime(t *testing.T) {
	const data, control = "123456789012.data-kinesis.us-east-1.amazonaws.com", "123456789012.control-kinesis.us-east-1.amazonaws.com"
	for phase, transport := range hangs {
		t.Run(phase, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				over := make(chan struct{})
				client := clientOver(t, transport(over))
				t.Cleanup(func() { close(over) })
				p, err := New(Config{StreamARN: testARN, ConsumerARN: testConsumer, CallTimeout: 3 * time.Second, Client: client, Logger: slog.New(slog.DiscardHandler)})
				require.NoError(t, err)
				said := func(host string) string {
					where := map[string]string{
						"connect": host + " (192.0.2.7:443), phase connect for 3s",
						"body":    host + ", phase body for 3s, 12 bytes received",
					}[phase]
					if where == "" {
						where = host + ", phase " + phase + " for 3s"
					}
					return ": host " + where
				}
				what := "no whole answer within 3s"
				if phase == "body" {
					what = "no byte of an answer for 3s"
				}
				began := time.Now()
				_, err = newReader(p, &Shard{ID: "shard"}, Start{}).Next(t.Context())
				require.EqualError(t, err, "poller: shard shard: get shard iterator: "+what+said(data))
				require.Equal(t, 3*time.Second, time.Since(began))
				_, err = p.Shards(t.Context())
				require.EqualError(t, err, "poller: list shards: "+what+said(control))
				if phase == "body" {
					return // which a subscription has of its events
				}
				_, err = newFanoutReader(p, &Shard{ID: "shard"}, Start{}).Next(t.Context())
				require.EqualError(t, err, "poller: shard shard: subscribe to shard: "+what+said(data))
				require.Equal(t, 9*time.Second, time.Since(began).Truncate(time.Second))
			})
		})
	}
}

// stuckCredentials never come, as those of a metadata service that does not answer.
type stuckCredentials struct{}

func (stuckCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	<-ctx.Done()
	return aws.Credentials{}, ctx.Err()
}

// TestATimeOutBeforeAnyRequestSaysWhatTheCallWaitsFor: there is no host yet.
func TestATimeOutBeforeAnyRequestSaysWhatTheCallWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := kinesis.New(kinesis.Options{Region: "us-east-1", Credentials: stuckCredentials{}, HTTPClient: &http.Client{}})
		p, err := New(Config{StreamARN: testARN, ConsumerARN: testConsumer, CallTimeout: 3 * time.Second, Client: client, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		const said = "no whole answer within 3s: phase credentials for 3s, no request was made"
		_, err = p.Shards(t.Context())
		require.EqualError(t, err, "poller: list shards: "+said)
		_, err = newReader(p, &Shard{ID: "shard"}, Start{}).Next(t.Context())
		require.EqualError(t, err, "poller: shard shard: get shard iterator: "+said)
		_, err = newFanoutReader(p, &Shard{ID: "shard"}, Start{}).Next(t.Context())
		require.EqualError(t, err, "poller: shard shard: subscribe to shard: "+said)
	})
}

// TestATimeOutInALookupNamesThatPhase: not in a bubble, which the resolver of net cannot be in.
func TestATimeOutInALookupNamesThatPhase(t *testing.T) {
	over := make(chan struct{})
	resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		<-over
		return nil, net.ErrClosed
	}}
	client := clientOver(t, &http.Transport{DialContext: (&net.Dialer{Resolver: resolver}).DialContext})
	t.Cleanup(func() { close(over) })
	p, err := New(Config{StreamARN: testARN, CallTimeout: 100 * time.Millisecond, Client: client})
	require.NoError(t, err)
	_, err = newReader(p, &Shard{ID: "shard"}, Start{}).Next(t.Context())
	require.ErrorContains(t, err, "no whole answer within 100ms: host 123456789012.data-kinesis.us-east-1.amazonaws.com, phase lookup for ")
}

// TestASubscriptionThatFallsSilentNamesItsHost.
func TestASubscriptionThatFallsSilentNamesItsHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := subscribedOverHTTP(t, func(int, string) []string { return nil })
		_, err := r.Next(t.Context())
		require.EqualError(t, err, "poller: shard shard: subscribe to shard: no event arrived for 35s: the connection counts as dead: host kinesis")
		require.ErrorIs(t, err, errSilent)
	})
}

// TestAHalfOfASubscriptionsAnswerHasTheDeadlineOfTheCall: it is granted with the first message of its body.
func TestAHalfOfASubscriptionsAnswerHasTheDeadlineOfTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := New(Config{ConsumerARN: testConsumer, Client: newSDK("http://kinesis", doer(func(r *http.Request) *http.Response {
			return respond(time.Now(), stuck{r.Context()})
		}))})
		require.NoError(t, err)
		_, err = newFanoutReader(p, &Shard{ID: "shard"}, Start{}).Next(t.Context())
		require.ErrorContains(t, err, "subscribe to shard: no whole answer within 30s: host kinesis, phase body for 30s")
	})
}

// TestAUsersTraceIsCalledToo.
func TestAUsersTraceIsCalledToo(t *testing.T) {
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answer(w, 1)
	})
	p, err := New(Config{StreamARN: testARN, Client: client})
	require.NoError(t, err)
	var dialled, connected atomic.Int64
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		ConnectStart: func(string, string) { dialled.Add(1) },
		GotConn:      func(httptrace.GotConnInfo) { connected.Add(1) },
	})
	r := newReader(p, &Shard{ID: "shard"}, Start{})
	for range 3 {
		_, err = r.Next(ctx)
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, dialled.Load())
	require.EqualValues(t, 4, connected.Load())
}

// TestATraceIsUsedAgainOnlyByOneCallAtATime reads many shards over connections that are closed after each answer.
// What it holds is held by the race detector as well.
func TestATraceIsUsedAgainOnlyByOneCallAtATime(t *testing.T) {
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Connection", "close")
		answer(w, 1)
	})
	p, err := New(Config{StreamARN: testARN, Client: client})
	require.NoError(t, err)
	var calls sync.WaitGroup
	for i := range 20 {
		calls.Go(func() {
			for j := range 20 {
				shard := Shard{ID: fmt.Sprintf("shard-%d-%d", i, j)} // one each, because the reads of a shard wait for each other
				_, err := newReader(p, &shard, Start{}).Next(t.Context())
				assert.NoError(t, err)
			}
		})
	}
	calls.Wait()
}

// TestALiveContextIsOne: what is looked up in it is found, and what is derived of it ends with it, by its cause.
func TestALiveContextIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		parent := context.WithValue(t.Context(), key{}, "value")
		l := newLive(parent, time.Second, time.Minute, place{})
		require.Same(t, l, liveOf(context.WithValue(l, key{}, "other")))
		require.Nil(t, liveOf(parent))
		require.Equal(t, "value", l.Value(key{}))
		child, cancel := context.WithCancel(l)
		defer cancel()
		began := time.Now()
		<-child.Done()
		require.Equal(t, time.Second, time.Since(began))
		late, ok := errors.AsType[*timeoutError](context.Cause(child))
		require.True(t, ok)
		require.EqualError(t, late, "no whole answer within 1s")
		require.True(t, late.Timeout())
		l.close()

		lasting := newLive(parent, time.Second, time.Minute, place{})
		lasting.close()
		time.Sleep(time.Hour)
		require.NoError(t, lasting.Err(), "its deadline is over")
		lasting.cancel(nil)
	})
}

// TestATracerThatDialledIsNotUsedAgain: net/http goes on dialling for a call that is over.
func TestATracerThatDialledIsNotUsedAgain(t *testing.T) {
	l := newLive(t.Context(), time.Minute, time.Minute, place{})
	defer l.cancel(nil)
	ctx := l.follow(t.Context(), "kinesis")
	trace := httptrace.ContextClientTrace(ctx)
	trace.GetConn("kinesis:443")
	trace.ConnectStart("tcp", "192.0.2.7:443")
	require.True(t, strings.HasPrefix(l.place.String(time.Now()), "host kinesis (192.0.2.7:443), phase connect for "))
	trace.GotConn(httptrace.GotConnInfo{})
	trace.TLSHandshakeStart() // of another connection, that is not needed any more
	require.Contains(t, l.place.String(time.Now()), "phase headers")
	l.close()
	trace.ConnectStart("tcp", "192.0.2.8:443")
	require.NotContains(t, l.place.String(time.Now()), "192.0.2.8")
	for range 100 {
		other := newLive(t.Context(), time.Minute, time.Minute, place{})
		require.NotSame(t, trace, httptrace.ContextClientTrace(other.follow(t.Context(), "kinesis")))
		other.close()
		other.cancel(nil)
	}
}

// TestATracerDialsByALookupOrAnAddress: a call that took an idle connection leaves its trace to the next one.
func TestATracerDialsByALookupOrAnAddress(t *testing.T) {
	for name, c := range map[string]struct {
		enter func(*httptrace.ClientTrace)
		want  bool
	}{
		"an idle connection": {func(trace *httptrace.ClientTrace) { trace.GotConn(httptrace.GotConnInfo{Reused: true}) }, false},
		"a new connection":   {func(trace *httptrace.ClientTrace) { trace.GotConn(httptrace.GotConnInfo{}) }, true},
		"a lookup":           {func(trace *httptrace.ClientTrace) { trace.DNSStart(httptrace.DNSStartInfo{}) }, true},
		"an address":         {func(trace *httptrace.ClientTrace) { trace.ConnectStart("tcp", "192.0.2.7:443") }, true},
	} {
		l := newLive(t.Context(), time.Minute, time.Minute, place{})
		trace := httptrace.ContextClientTrace(l.follow(t.Context(), "kinesis"))
		trace.GetConn("kinesis:443")
		require.False(t, l.place.dialled)
		c.enter(trace)
		require.Equal(t, c.want, l.place.dialled, name)
		l.cancel(nil)
	}
}
