package kinesistest_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

// dialect is a way in which a client opens its connections.
type dialect struct {
	name      string
	secure    bool
	transport func(server *kinesistest.Server) *http.Transport
	major     int // of the protocol that is spoken then
}

// dialects are those of Amazon's clients: with TLS and without, and HTTP/2 that is negotiated, or sent unasked as the SDKs
// for Java and JavaScript do.
func dialects() []dialect {
	return []dialect{
		{"HTTP/1.1", false, func(*kinesistest.Server) *http.Transport { return new(http.Transport) }, 1},
		{"HTTP/2 unasked", false, func(*kinesistest.Server) *http.Transport {
			return &http.Transport{Protocols: onlyUnencryptedHTTP2()}
		}, 2},
		{"TLS, HTTP/1.1", true, func(s *kinesistest.Server) *http.Transport {
			return &http.Transport{TLSClientConfig: trusting(s)}
		}, 1},
		{"TLS, HTTP/2 negotiated", true, func(s *kinesistest.Server) *http.Transport {
			return &http.Transport{TLSClientConfig: trusting(s), ForceAttemptHTTP2: true}
		}, 2},
		{"TLS, HTTP/2 unasked", true, func(s *kinesistest.Server) *http.Transport {
			// To the transport the connection is a plain one, as to a client that does not look at what TLS negotiated.
			dialer := &tls.Dialer{Config: trusting(s)}
			return &http.Transport{Protocols: onlyUnencryptedHTTP2(), DialContext: dialer.DialContext}
		}, 2},
	}
}

func onlyUnencryptedHTTP2() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

func trusting(server *kinesistest.Server) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

// majors notes the protocol of every answer. It hands requests on with their body in memory, as a Server's own client does:
// see https://github.com/aws/aws-sdk-go-v2/issues/2737.
type majors struct {
	next http.RoundTripper
	seen map[int]int
}

func (m majors) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp, err := m.next.RoundTrip(r)
	if err == nil {
		m.seen[resp.ProtoMajor]++
	}
	return resp, err
}

func TestServerSpeaksTheProtocolsOfAmazonsClients(t *testing.T) {
	for _, d := range dialects() {
		t.Run(d.name, func(t *testing.T) {
			s, orders := newOrders(t, kinesistest.Config{}, 1)
			start := kinesistest.NewServer
			if d.secure {
				start = kinesistest.NewTLSServer
			}
			server := start(s)
			defer server.Close()
			transport := d.transport(server)
			defer transport.CloseIdleConnections()
			seen := majors{transport, map[int]int{}}
			c := kinesis.NewFromConfig(server.Config(), func(o *kinesis.Options) {
				o.BaseEndpoint = new(strings.Replace(server.URL, "https:", "http:", 1))
				if transport.DialContext == nil {
					o.BaseEndpoint = &server.URL
				}
				o.HTTPClient = &http.Client{Transport: seen}
			})

			put(t, orders, shard0, "a", strings.Repeat("b", 500_000)) // more than a stream's first window
			page := read(t, c, horizonOf(t, c, shard0))
			require.Len(t, page.Records, 2)
			assert.Len(t, page.Records[1].Data, 500_000)
			assert.Equal(t, []string{"a", strings.Repeat("b", 500_000)}, subscribed(t, c, 2))
			assert.Equal(t, []int{d.major}, keysOf(seen.seen), "the protocols that were spoken")
		})
	}
}

// subscribed returns the first n records of shard0, by a subscription.
func subscribed(t *testing.T, c *kinesis.Client, n int) []string {
	t.Helper()
	arn := registered(t, c)
	out, err := c.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{
		ConsumerARN: &arn, ShardId: new(shard0),
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
	})
	require.NoError(t, err)
	stream := out.GetStream()
	defer stream.Close()
	var got []string
	for len(got) < n {
		event, ok := <-stream.Events()
		require.True(t, ok, "the stream ended: %v", stream.Err())
		records, ok := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent)
		require.True(t, ok, "%T", event)
		for _, r := range records.Value.Records {
			got = append(got, string(r.Data))
		}
	}
	return got
}

// registered registers a consumer of orders, and returns its ARN.
func registered(t *testing.T, c *kinesis.Client) string {
	t.Helper()
	stream, err := c.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: new("orders")})
	require.NoError(t, err)
	out, err := c.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{
		StreamARN: stream.StreamDescriptionSummary.StreamARN, ConsumerName: new("fan"),
	})
	require.NoError(t, err)
	return *out.Consumer.ConsumerARN
}

func keysOf(m map[int]int) []int {
	var keys []int
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}

// A connection that never shakes hands is closed with the Server, and holds up nobody else.
func TestSilentTLSConnectionHoldsUpNobody(t *testing.T) {
	s, _ := newOrders(t, kinesistest.Config{}, 1)
	server := kinesistest.NewTLSServer(s)
	silent, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(server.URL, "https://"))
	require.NoError(t, err)
	defer silent.Close()
	_, err = server.Client().ListStreams(t.Context(), nil)
	require.NoError(t, err)
	server.Close()
	_, err = silent.Read(make([]byte, 1))
	require.Error(t, err)
}
