package poller

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/require"
)

const testARN = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"

// newSDK returns the SDK's own client.
func newSDK(url string, c kinesis.HTTPClient) *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(url),
		HTTPClient:   c,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"}, nil
		}),
	})
}

// serve starts a server that counts its connections, and returns the SDK's client of it.
func serve(t *testing.T, h http.HandlerFunc) (*kinesis.Client, *atomic.Int32) {
	t.Helper()
	connections := new(atomic.Int32)
	server := httptest.NewUnstartedServer(h)
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return newSDK(server.URL, &http.Client{Transport: transport}), connections
}

// answer writes what GetShardIterator and GetRecords answer, in one.
func answer(w io.Writer, records int) {
	var list []string
	for i := range records {
		list = append(list, fmt.Sprintf(`{"SequenceNumber":"%d","PartitionKey":"k","Data":"aGVsbG8=","ApproximateArrivalTimestamp":1.7E9}`, i+1))
	}
	_, _ = fmt.Fprintf(w, `{"ShardIterator":"it","NextShardIterator":"it","MillisBehindLatest":0,"Records":[%s]}`, strings.Join(list, ","))
}

func TestAFastServerCostsNoConnectionAndNoError(t *testing.T) {
	client, connections := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), `"ShardIterator":"it"`) {
			w.WriteHeader(http.StatusBadRequest)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		answer(w, 100)
	})
	for range 300 {
		var w wire
		out, err := client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: aws.String("it"), StreamARN: aws.String(testARN)}, w.poll)
		require.NoError(t, err)
		require.Len(t, out.Records, 100)
		require.True(t, w.answered)
	}
	require.Equal(t, int32(1), connections.Load(), "connections")
}

func TestPollsAreNotRetriedByTheSDKAndListsAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := map[string]int{}
		p, err := New(Config{StreamARN: testARN, Client: newSDK("http://kinesis", doer(func(r *http.Request) *http.Response {
			_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
			calls[op]++
			failed := respond(time.Now(), strings.NewReader(`{"__type":"InternalFailure"}`))
			failed.StatusCode = http.StatusInternalServerError
			return failed
		}))})
		require.NoError(t, err)
		_, err = newReader(p, &Shard{ID: "shard"}, Start{}).Next(t.Context())
		require.Equal(t, Retry, Classify(err), "%v", err)
		_, err = p.Shards(t.Context())
		require.Equal(t, Retry, Classify(err), "%v", err)
		require.Equal(t, map[string]int{"GetShardIterator": 1, "ListShards": 3}, calls)
	})
}

func TestAnErrorOfTheServiceIsKnownThroughTheSDK(t *testing.T) {
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"ProvisionedThroughputExceededException","message":"Rate exceeded"}`)
	})
	p, err := New(Config{Client: client, StreamARN: testARN})
	require.NoError(t, err)
	r, err := p.Open(Shard{ID: "shard"}, Start{})
	require.NoError(t, err)
	_, err = r.Next(t.Context())
	require.Equal(t, Throttled, Classify(err), "%v", err)
}

func TestAServerThatHangsWithinTheBodyIsLeftAtTheDeadline(t *testing.T) {
	hang := make(chan struct{})
	client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "GetShardIterator") {
			answer(w, 0)
			return
		}
		_, _ = io.WriteString(w, `{"Records":[`)
		_ = http.NewResponseController(w).Flush()
		<-hang
	})
	t.Cleanup(func() { close(hang) }) // before the server is closed
	p, err := New(Config{Client: client, StreamARN: testARN, CallTimeout: 100 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	r, err := p.Open(Shard{ID: "shard"}, Start{})
	require.NoError(t, err)
	_, err = r.Next(t.Context())
	require.Regexp(t, `^poller: shard shard: get records: no byte of an answer for 100ms: host 127\.0\.0\.1:\d+, phase body for \S+s, 12 bytes received$`, err.Error())
	require.Equal(t, int32(maxLimit/2), r.(*reader).limit.now)
}

// doer is a server without a network, for a bubble.
type doer func(*http.Request) *http.Response

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r), nil }

// respond answers with a body, and the time of a clock.
func respond(clock time.Time, body io.Reader) *http.Response {
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Date": {clock.UTC().Format(http.TimeFormat)}},
		Body:       io.NopCloser(body),
	}
}

func whole(clock time.Time, records int) *http.Response {
	var b strings.Builder
	answer(&b, records)
	return respond(clock, strings.NewReader(b.String()))
}

// stuck is a body that never comes.
type stuck struct{ ctx context.Context }

func (s stuck) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func TestALimitIsHalvedByAnswersThatComeTooSlowlyAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := 3
		p, err := New(Config{StreamARN: testARN, Limit: 1000, Logger: slog.New(slog.DiscardHandler), Client: newSDK("http://kinesis", doer(func(r *http.Request) *http.Response {
			if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "GetRecords") && slow > 0 {
				slow--
				return respond(time.Now(), stuck{r.Context()})
			}
			return whole(time.Now(), 1)
		}))})
		require.NoError(t, err)
		reader := newReader(p, &Shard{ID: "shard"}, Start{})
		var limits []int32
		for range 20 {
			_, _ = reader.Next(t.Context())
			limits = append(limits, reader.limit.now)
		}
		require.Equal(t, []int32{
			500, 250, 125,
			125, 125, 125, 125, 250,
			250, 250, 250, 250, 500,
			500, 500, 500, 500, 1000,
			1000, 1000,
		}, limits)
	})
}

func TestALimitIsNeverLessThanOne(t *testing.T) {
	l := adaptiveLimit{now: 3, max: 3}
	for _, want := range []int32{1, 1} {
		l.halve()
		require.Equal(t, want, l.now)
	}
	for range 2 * goodReads {
		l.succeeded()
	}
	require.Equal(t, int32(3), l.now)
}

func TestTheServicesClockIsNeverAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		skew := time.Hour + 700*time.Millisecond
		service := func() time.Time { return time.Now().Add(skew) }
		p, err := New(Config{StreamARN: testARN, Client: newSDK("http://kinesis", doer(func(*http.Request) *http.Response {
			return whole(service(), 0)
		})), PollInterval: leastCourtesy / 2}) // so that only the caller decides when it polls
		require.NoError(t, err)
		_, ok := p.Now()
		require.False(t, ok, "before the first answer")

		reader := newReader(p, &Shard{ID: "shard"}, Start{})
		for i := range 200 { // the polls drift through the service's second, and past the life of a bound
			began := service()
			if i == 100 {
				skew -= 10 * time.Minute // somebody sets the service's clock
			}
			page, err := reader.Next(t.Context())
			require.NoError(t, err)
			now, ok := p.Now()
			require.True(t, ok)
			if i == 100 {
				continue // until a second answer agrees
			}
			require.WithinRange(t, now, service().Add(-time.Second), service())
			if i == 50 {
				require.WithinRange(t, now, service().Add(-50*time.Millisecond), service(), "the best bound of late is kept")
			}
			if i == 0 {
				require.Equal(t, start.Add(time.Hour).UTC(), page.CaughtUpTo, "the second of the Date")
			}
			require.WithinRange(t, page.CaughtUpTo, began.Add(-time.Second), service())
			timer := time.NewTimer(1010 * time.Millisecond)
			<-timer.C
		}
	})
}
