package kinesistest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

// post sends a raw request to a handler.
func post(h http.Handler, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", target)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestWireForm(t *testing.T) {
	when := time.UnixMilli(1545084650987)
	s, orders := newOrders(t, kinesistest.Config{Now: func() time.Time { return when }}, 1)
	number, err := orders.PutTo(shard0, "test_0", []byte("hello"))
	require.NoError(t, err)

	got := post(s.Handler(), "Kinesis_20131202.GetShardIterator", `{"StreamName":"orders","ShardId":"shardId-000000000000","ShardIteratorType":"AT_TIMESTAMP","Timestamp":1545084650.987}`)
	require.Equal(t, http.StatusOK, got.Code)
	var opened struct{ ShardIterator string }
	require.NoError(t, json.Unmarshal(got.Body.Bytes(), &opened))

	got = post(s.Handler(), "Kinesis_20131202.GetRecords", `{"ShardIterator":"`+opened.ShardIterator+`","Limit":1}`)
	require.Equal(t, http.StatusOK, got.Code)
	assert.Equal(t, "application/x-amz-json-1.1", got.Header().Get("Content-Type"))
	assert.Equal(t, "Mon, 17 Dec 2018 22:10:50 GMT", got.Header().Get("Date"))
	assert.Len(t, got.Header().Get("X-Amzn-Requestid"), 36)
	var page struct{ NextShardIterator string }
	require.NoError(t, json.Unmarshal(got.Body.Bytes(), &page))
	assert.Equal(t, `{"MillisBehindLatest":0,"NextShardIterator":"`+page.NextShardIterator+`","Records":[{"SequenceNumber":"`+number+
		`","ApproximateArrivalTimestamp":1545084650.987,"Data":"aGVsbG8=","PartitionKey":"test_0"}]}`, got.Body.String())

	got = post(s.Handler(), "Kinesis_20131202.GetRecords", `{"ShardIterator":"x"}`)
	assert.Equal(t, http.StatusBadRequest, got.Code)
	assert.Equal(t, "InvalidArgumentException", got.Header().Get("X-Amzn-Errortype"))
	assert.Equal(t, `{"__type":"InvalidArgumentException","message":"Invalid ShardIterator."}`, got.Body.String())
}

func TestRequestsThatAreNoCalls(t *testing.T) {
	h := kinesistest.New(kinesistest.Config{}).Handler()
	tests := []struct {
		name, target, body string
		status             int
		code               string
	}{
		{"no target", "", "{}", 400, "UnknownOperationException"},
		{"other service", "DynamoDB_20120810.ListTables", "{}", 400, "UnknownOperationException"},
		{"unknown operation", "Kinesis_20131202.Subscribe", "{}", 400, "UnknownOperationException"},
		{"no JSON", "Kinesis_20131202.ListStreams", "<xml>", 400, "SerializationException"},
		{"empty", "Kinesis_20131202.ListStreams", "", 400, "SerializationException"},
		{"wrong type", "Kinesis_20131202.ListStreams", `{"Limit":"many"}`, 400, "SerializationException"},
		{"bad blob", "Kinesis_20131202.PutRecord", `{"StreamName":"a","PartitionKey":"k","Data":"!"}`, 400, "SerializationException"},
		{"text for a time", "Kinesis_20131202.GetShardIterator", `{"Timestamp":"now"}`, 400, "SerializationException"},
		{"too large", "Kinesis_20131202.ListStreams", strings.Repeat(" ", 16<<20+1), 413, "RequestEntityTooLargeException"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := post(h, tt.target, tt.body)
			assert.Equal(t, tt.status, got.Code)
			assert.Equal(t, tt.code, got.Header().Get("X-Amzn-Errortype"))
			assert.Contains(t, got.Body.String(), `"__type":"`+tt.code+`"`)
		})
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	assert.Equal(t, http.StatusBadRequest, w.Code)
}

func TestServerListensOnLoopback(t *testing.T) {
	server := kinesistest.NewServer(kinesistest.New(kinesistest.Config{}))
	defer server.Close()
	assert.True(t, strings.HasPrefix(server.URL, "http://127.0.0.1:"), server.URL)
}

func TestCloseEndsHangingCalls(t *testing.T) {
	entered := make(chan struct{})
	s := kinesistest.New(kinesistest.Config{OnCall: func(kinesistest.Call) error { close(entered); return nil }})
	s.Inject(kinesistest.Fault{Op: kinesistest.ListStreams, Hang: true})
	server := kinesistest.NewServer(s)
	c := kinesis.NewFromConfig(server.Config(), func(o *kinesis.Options) { o.Retryer = aws.NopRetryer{} })

	var calls errgroup.Group
	calls.Go(func() error {
		_, err := c.ListStreams(t.Context(), nil)
		return err
	})
	<-entered
	server.Close()
	require.Error(t, calls.Wait())
	server.Close()
	_, err := c.ListStreams(t.Context(), nil)
	require.Error(t, err, "a closed Server answers nobody")
}

func TestHangOverHTTPEndsWithTheClient(t *testing.T) {
	s := kinesistest.New(kinesistest.Config{})
	server := kinesistest.NewServer(s)
	defer server.Close()
	s.Inject(kinesistest.Fault{Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := server.Client().ListStreams(ctx, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = server.Client().ListStreams(t.Context(), nil)
	require.NoError(t, err)
}

func TestCloseDoesNotWaitForSilentConnections(t *testing.T) {
	server := kinesistest.NewServer(kinesistest.New(kinesistest.Config{}))
	address := strings.TrimPrefix(server.URL, "http://")
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: Kinesis_20131202.ListStreams\r\nContent-Length: 100\r\n\r\n{")
	require.NoError(t, err)
	server.Close()
	_, err = io.ReadAll(conn)
	if err == nil {
		return // closed in good order
	}
	require.ErrorContains(t, err, "reset")
}

func TestServersClientKeepsItsConnection(t *testing.T) {
	s, orders := newOrders(t, kinesistest.Config{NoLimits: true}, 1)
	put(t, orders, shard0, strings.Repeat("x", 1000))
	server := kinesistest.NewServer(s)
	defer server.Close()
	c := kinesis.NewFromConfig(server.Config(), func(o *kinesis.Options) { o.Retryer = aws.NopRetryer{} })
	it := horizonOf(t, c, shard0)
	for range 200 {
		read(t, c, it)
	}
}

func FuzzHandler(f *testing.F) {
	f.Add("GetRecords", []byte(`{"ShardIterator":"AQAAAA","Limit":1}`))
	f.Add("PutRecords", []byte(`{"StreamName":"orders","Records":[{"Data":"eA==","PartitionKey":"k"},null]}`))
	f.Add("PutRecord", []byte(`{"StreamName":"orders","Data":"","PartitionKey":"k","ExplicitHashKey":"340282366920938463463374607431768211455"}`))
	f.Add("GetShardIterator", []byte(`{"StreamName":"orders","ShardId":"0","ShardIteratorType":"AT_TIMESTAMP","Timestamp":-1e300}`))
	f.Add("ListShards", []byte(`{"StreamName":"orders","ShardFilter":{"Type":"AT_TIMESTAMP","Timestamp":1e999}}`))
	f.Add("ListShards", []byte(`{"NextToken":""}`))
	f.Add("SplitShard", []byte(`{"StreamName":"orders","ShardToSplit":"shardId-000000000001","NewStartingHashKey":"340282366920938463463374607431768211455"}`))
	f.Add("MergeShards", []byte(`{"StreamName":"orders","ShardToMerge":"1","AdjacentShardToMerge":"0"}`))
	f.Add("CreateStream", []byte(`{"StreamName":"b","ShardCount":-1,"StreamModeDetails":{}}`))
	f.Add("DescribeStream", []byte(`{"StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/orders","Limit":1}`))
	f.Add("IncreaseStreamRetentionPeriod", []byte(`{"StreamName":"orders","RetentionPeriodHours":2147483647}`))
	f.Add("UpdateShardCount", []byte(`{"StreamName":"orders","TargetShardCount":3,"ScalingType":"UNIFORM_SCALING"}`))
	f.Add("RegisterStreamConsumer", []byte(`{"StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/orders","ConsumerName":"a"}`))
	f.Add("DeregisterStreamConsumer", []byte(`{"ConsumerARN":"arn:aws:kinesis:us-east-1:123456789012:stream/orders/consumer/a:0"}`))
	f.Add("ListStreamConsumers", []byte(`{"StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/orders","NextToken":"","StreamCreationTimestamp":1}`))
	f.Add("SubscribeToShard", []byte(`{"ConsumerARN":"arn:aws:kinesis:us-east-1:123456789012:stream/orders/consumer/a:1","ShardId":"0","StartingPosition":{"Type":"AT_TIMESTAMP","Timestamp":1}}`))
	f.Add("ListStreams", []byte(`null`))
	f.Fuzz(func(t *testing.T, op string, body []byte) {
		s, orders := newOrders(t, kinesistest.Config{}, 2)
		put(t, orders, shard1, "x")
		got := post(s.Handler(), "Kinesis_20131202."+op, string(body))
		require.Contains(t, []int{http.StatusOK, http.StatusBadRequest, http.StatusRequestEntityTooLarge}, got.Code, got.Body.String())
		if b := got.Body.Bytes(); len(b) > 0 {
			require.True(t, json.Valid(b), "got %s, want JSON", b)
		}
	})
}

func FuzzPartitionKeyOnTheWire(f *testing.F) {
	f.Add("k")
	f.Add("\x00\"\\\u2028\xff�")
	f.Fuzz(func(t *testing.T, key string) {
		s := kinesistest.New(kinesistest.Config{}) // not watched: a Client's output has the key as it is
		orders, err := s.CreateStream("orders", 1)
		require.NoError(t, err)
		_, err = orders.PutTo(shard0, "x"+key, nil)
		if err != nil {
			t.Skip("too large")
		}
		it := horizonOf(t, s.Client(), shard0)
		got := post(s.Handler(), "Kinesis_20131202.GetRecords", `{"ShardIterator":"`+*it+`"}`)
		var page struct {
			Records []struct{ PartitionKey string }
		}
		require.NoError(t, json.Unmarshal(got.Body.Bytes(), &page))
		assert.Equal(t, string([]rune("x"+key)), page.Records[0].PartitionKey, "each byte that is no UTF-8 becomes U+FFFD")
	})
}

// BenchmarkGetRecords measures a page of 10,000 records as the handler writes it.
func BenchmarkGetRecords(b *testing.B) {
	s := kinesistest.New(kinesistest.Config{NoLimits: true})
	orders, err := s.CreateStream("orders", 1)
	require.NoError(b, err)
	for range 10_000 {
		_, err := orders.PutTo(shard0, "customer-4711", bytes.Repeat([]byte("x"), 500))
		require.NoError(b, err)
	}
	opened, err := s.Client().GetShardIterator(b.Context(), &kinesis.GetShardIteratorInput{
		StreamName: new("orders"), ShardId: new(shard0), ShardIteratorType: "TRIM_HORIZON",
	})
	require.NoError(b, err)
	h := s.Handler()
	bodies := map[string][]byte{
		"json": []byte(`{"ShardIterator":"` + *opened.ShardIterator + `"}`),
		"cbor": cbor.Encode(cbor.Map{"ShardIterator": cbor.String(*opened.ShardIterator)}),
	}
	for _, form := range []string{"json", "cbor"} {
		body := bodies[form]
		b.Run("form="+form, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := &discard{header: http.Header{}}
				r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
				r.Header.Set("Content-Type", "application/x-amz-"+form+"-1.1")
				r.Header.Set("X-Amz-Target", "Kinesis_20131202.GetRecords")
				h.ServeHTTP(w, r)
				b.SetBytes(w.n)
			}
			b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// discard is a ResponseWriter that only counts.
type discard struct {
	header http.Header
	n      int64
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(int)     {}
func (d *discard) Write(b []byte) (int, error) {
	d.n += int64(len(b))
	return len(b), nil
}
