package kinesistest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/aws/smithy-go/eventstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

const cborType = "application/x-amz-cbor-1.1"

// postCBOR sends a request in CBOR to a handler.
func postCBOR(h http.Handler, op string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("Content-Type", cborType)
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+op)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// plain returns what a value in CBOR says, as encoding/json would from the JSON form.
func plain(t *testing.T, v cbor.Value) any {
	t.Helper()
	switch v := v.(type) {
	case cbor.Map:
		m := map[string]any{}
		for name, member := range v {
			m[name] = plain(t, member)
		}
		return m
	case cbor.List:
		l := []any{}
		for _, item := range v {
			l = append(l, plain(t, item))
		}
		return l
	case cbor.String:
		return string(v)
	case cbor.Slice:
		return base64.StdEncoding.EncodeToString(v)
	case cbor.Uint:
		return float64(v)
	case cbor.Bool:
		return bool(v)
	case *cbor.Tag:
		require.EqualValues(t, 1, v.ID)
		ms, ok := v.Value.(cbor.Uint)
		require.True(t, ok, "%T", v.Value)
		return float64(ms) / 1000
	}
	require.Fail(t, "unknown value", "%T", v)
	return nil
}

func TestCBORWireForm(t *testing.T) {
	when := time.UnixMilli(1545084650987)
	s, orders := newOrders(t, kinesistest.Config{Now: func() time.Time { return when }}, 1)
	number, err := orders.PutTo(shard0, "test_0", []byte("hello"))
	require.NoError(t, err)
	it := *horizonOf(t, s.Client(), shard0)

	// A map of indefinite length, with a definite text of two bytes' length in it, as encoders of streams write it.
	request := append([]byte("\xbf\x6dShardIterator\x78"), byte(len(it)))
	request = append(append(request, it...), "\x65Limit\x01\xff"...)
	got := postCBOR(s.Handler(), "GetRecords", request)
	require.Equal(t, http.StatusOK, got.Code, got.Body)
	assert.Equal(t, cborType, got.Header().Get("Content-Type"))
	page, err := cbor.Decode(got.Body.Bytes())
	require.NoError(t, err)
	next, ok := page.(cbor.Map)["NextShardIterator"].(cbor.String)
	require.True(t, ok)
	want := "bf" + text("MillisBehindLatest") + "00" + text("NextShardIterator") + text(string(next)) + text("Records") + "9f" +
		"bf" + text("SequenceNumber") + text(number) + text("ApproximateArrivalTimestamp") + "c11b00000167be38c5eb" +
		text("Data") + "4568656c6c6f" + text("PartitionKey") + text("test_0") + "ff" + "ff" + "ff"
	assert.Equal(t, want, hex.EncodeToString(got.Body.Bytes()))

	got = postCBOR(s.Handler(), "GetRecords", []byte("\xa1\x6dShardIterator\x61x"))
	assert.Equal(t, http.StatusBadRequest, got.Code)
	assert.Equal(t, "InvalidArgumentException", got.Header().Get("X-Amzn-Errortype"))
	assert.Equal(t, cborType, got.Header().Get("Content-Type"))
	assert.Equal(t, "bf"+text("__type")+text("InvalidArgumentException")+text("message")+text("Invalid ShardIterator.")+"ff",
		hex.EncodeToString(got.Body.Bytes()))
}

// text returns a text of CBOR in hexadecimal.
func text(s string) string {
	head := []byte{0x60 | byte(len(s))}
	if len(s) > 23 {
		head = []byte{0x78, byte(len(s))}
	}
	return hex.EncodeToString(append(head, s...))
}

// twoForms makes the same calls to two Services with the same clock, to one in JSON and to the other in CBOR.
type twoForms struct {
	t            *testing.T
	inJSON, cbor http.Handler
}

// call returns the answer, which is the same in both forms but for the tokens that only their own Service knows.
func (f twoForms) call(op string, in, more cbor.Map) (asJSON, asCBOR map[string]any) {
	f.t.Helper()
	fromJSON := maps.Clone(in)
	maps.Copy(fromJSON, more)
	request, err := json.Marshal(plain(f.t, fromJSON))
	require.NoError(f.t, err)
	first := post(f.inJSON, "Kinesis_20131202."+op, string(request))
	second := postCBOR(f.cbor, op, cbor.Encode(in))
	require.Equal(f.t, first.Code, second.Code, "%s: %s", op, second.Body)
	if first.Body.Len() == 0 {
		require.Zero(f.t, second.Body.Len())
		return nil, nil
	}
	require.NoError(f.t, json.Unmarshal(first.Body.Bytes(), &asJSON))
	decoded, err := cbor.Decode(second.Body.Bytes())
	require.NoError(f.t, err)
	asCBOR, ok := plain(f.t, decoded).(map[string]any)
	require.True(f.t, ok)
	one, other := maps.Clone(asJSON), maps.Clone(asCBOR)
	for _, token := range []string{"ShardIterator", "NextShardIterator", "NextToken"} {
		assert.Equal(f.t, one[token] == nil, other[token] == nil)
		delete(one, token)
		delete(other, token)
	}
	assert.Equal(f.t, one, other, op)
	return asJSON, asCBOR
}

func TestEveryOperationSpeaksCBOR(t *testing.T) {
	when := time.UnixMilli(1545084650987)
	config := kinesistest.Config{NoLimits: true, Now: func() time.Time { return when }}
	services := [2]*kinesistest.Service{kinesistest.New(config), kinesistest.New(config)}
	f := twoForms{t, modeltest.WatchHandler(t, services[0].Handler()), modeltest.WatchHandler(t, services[1].Handler())}
	name := cbor.String("orders")
	arn := cbor.String("arn:aws:kinesis:us-east-1:123456789012:stream/orders")
	at := &cbor.Tag{ID: 1, Value: cbor.Uint(when.UnixMilli())}

	f.call("CreateStream", cbor.Map{"StreamName": name, "ShardCount": cbor.Uint(2)}, nil)
	f.call("PutRecord", cbor.Map{"StreamName": name, "PartitionKey": cbor.String("k\x00\"é"), "Data": cbor.Slice("\x00\xff")}, nil)
	f.call("PutRecords", cbor.Map{"StreamName": name, "Records": cbor.List{
		cbor.Map{"PartitionKey": cbor.String("a"), "Data": cbor.Slice{}},
		cbor.Map{"PartitionKey": cbor.String("b"), "Data": cbor.Slice(bytes.Repeat([]byte("x"), 70_000)), "ExplicitHashKey": cbor.String("0")},
	}}, nil)
	for _, shard := range []cbor.String{shard0, shard1} {
		one, other := f.call("GetShardIterator", cbor.Map{
			"StreamARN": arn, "ShardId": shard, "ShardIteratorType": cbor.String("AT_TIMESTAMP"), "Timestamp": at,
		}, nil)
		records, _ := f.call("GetRecords", cbor.Map{"ShardIterator": cbor.String(other["ShardIterator"].(string))},
			cbor.Map{"ShardIterator": cbor.String(one["ShardIterator"].(string))})
		assert.NotEmpty(t, records["Records"])
	}
	f.call("SplitShard", cbor.Map{"StreamName": name, "ShardToSplit": cbor.String(shard0), "NewStartingHashKey": cbor.String("1000")}, nil)
	f.call("MergeShards", cbor.Map{"StreamName": name, "ShardToMerge": cbor.String(shard1), "AdjacentShardToMerge": cbor.String(shard3)}, nil)
	f.call("UpdateShardCount", cbor.Map{"StreamName": name, "TargetShardCount": cbor.Uint(4), "ScalingType": cbor.String("UNIFORM_SCALING")}, nil)
	f.call("IncreaseStreamRetentionPeriod", cbor.Map{"StreamName": name, "RetentionPeriodHours": cbor.Uint(48)}, nil)
	f.call("DecreaseStreamRetentionPeriod", cbor.Map{"StreamName": name, "RetentionPeriodHours": cbor.Uint(24)}, nil)
	f.call("ListShards", cbor.Map{"StreamName": name, "MaxResults": cbor.Uint(3), "ShardFilter": cbor.Map{
		"Type": cbor.String("FROM_TIMESTAMP"), "Timestamp": at,
	}}, nil)
	f.call("DescribeStream", cbor.Map{"StreamName": name}, nil)
	f.call("DescribeStreamSummary", cbor.Map{"StreamName": name}, nil)
	f.call("ListStreams", cbor.Map{}, nil)
	f.call("RegisterStreamConsumer", cbor.Map{"StreamARN": arn, "ConsumerName": cbor.String("a")}, nil)
	f.call("DescribeStreamConsumer", cbor.Map{"StreamARN": arn, "ConsumerName": cbor.String("a")}, nil)
	f.call("ListStreamConsumers", cbor.Map{"StreamARN": arn, "StreamCreationTimestamp": at}, nil)
	f.call("DeregisterStreamConsumer", cbor.Map{"StreamARN": arn, "ConsumerName": cbor.String("a")}, nil)
	f.call("DeleteStream", cbor.Map{"StreamName": name}, nil)
	refused, _ := f.call("DescribeStream", cbor.Map{"StreamName": name}, nil)
	assert.Equal(t, "ResourceNotFoundException", refused["__type"])

	for i, call := range services[1].Calls() {
		assert.True(t, call.CBOR)
		assert.False(t, services[0].Calls()[i].CBOR)
	}
}

func TestCBORRequestsInEveryShape(t *testing.T) {
	s, _ := newOrders(t, kinesistest.Config{NoLimits: true}, 1)
	h := s.Handler()
	long := "\x78\x06orders"
	for name, body := range map[string]string{
		"definite":             "\xa2\x6aStreamName\x66orders\x65Limit\x01",
		"indefinite":           "\xbf\x6aStreamName\x66orders\x65Limit\x01\xff",
		"text in pieces":       "\xa1\x6aStreamName\x7f\x63ord\x63ers\xff",
		"empty text in pieces": "\xa2\x6aStreamName\x7f\x66orders\xff\x64None\x7f\xff",
		"long head":            "\xa1\x6aStreamName" + long,
		"name in pieces":       "\xa1\x7f\x66Stream\x64Name\xff\x66orders",
		"other numbers":        "\xa2\x6aStreamName\x66orders\x65Limit\xfb\x40\x08\x00\x00\x00\x00\x00\x00",
		"half":                 "\xa2\x6aStreamName\x66orders\x65Limit\xf9\x42\x00",
		"single":               "\xa2\x6aStreamName\x66orders\x65Limit\xfa\x40\x40\x00\x00",
		"eight bytes":          "\xa2\x6aStreamName\x66orders\x65Limit\x1b\x00\x00\x00\x00\x00\x00\x00\x07",
		"null and undefined":   "\xa3\x6aStreamName\x66orders\x65Limit\xf6\x69StreamARN\xf7",
		"unknown members":      "\xa3\x6aStreamName\x66orders\x61a\x9f\x80\xa0\x20\xf4\xff\x61b\xc1\x20",
		"self-described":       "\xd9\xd9\xf7\xa1\x6aStreamName\x66orders",
	} {
		got := postCBOR(h, "DescribeStream", []byte(body))
		assert.Equal(t, http.StatusOK, got.Code, "%s: %s", name, got.Body)
	}
	for name, tt := range map[string]struct{ body, message string }{
		"empty":            {"", "unexpected EOF"},
		"cut short":        {"\xa1\x6aStreamName\x66orde", "unexpected EOF"},
		"no break":         {"\xbf\x6aStreamName\x66orders", "unexpected EOF"},
		"two items":        {"\xa0\xa0", "the request has ended"},
		"no text as name":  {"\xa1\x01\x02", "not a text"},
		"no map":           {"\x01", "Expected null"},
		"negative limit":   {"\xa1\x65Limit\x3b\xff\xff\xff\xff\xff\xff\xff\xff", "too small"},
		"NaN":              {"\xa1\x65Limit\xf9\x7e\x00", "not a number"},
		"infinity":         {"\xa1\x65Limit\xfa\xff\x80\x00\x00", "not a number"},
		"simple":           {"\xa1\x65Limit\xf0", "no meaning"},
		"reserved":         {"\xa1\x65Limit\x1c", "not the size"},
		"break alone":      {"\xa1\x65Limit\xff", "not the size"},
		"no UTF-8":         {"\xa1\x6aStreamName\x61\xff", "UTF-8"},
		"mixed pieces":     {"\xa1\x6aStreamName\x7f\x41a\xff", "another type"},
		"nested pieces":    {"\xa1\x6aStreamName\x7f\x7f\xff\xff", "another type"},
		"endless length":   {"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "unexpected EOF"},
		"endless bytes":    {"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", "unexpected EOF"},
		"deep":             {strings.Repeat("\x81", 100), "deep"},
		"deep tags":        {strings.Repeat("\xc2", 100), "deep"},
		"text as time":     {"\xa1\x61a\xc1\x61x", "time"},
		"JSON all the way": {`{"StreamName":"orders"}`, "CBOR at byte"},
	} {
		got := postCBOR(h, "DescribeStream", []byte(tt.body))
		assert.Equal(t, http.StatusBadRequest, got.Code, name)
		assert.Equal(t, "SerializationException", got.Header().Get("X-Amzn-Errortype"), name)
		assert.Contains(t, got.Body.String(), tt.message, name)
	}
}

func TestCBORTimes(t *testing.T) {
	when := time.UnixMilli(1545084650987)
	s, orders := newOrders(t, kinesistest.Config{NoLimits: true, Now: func() time.Time { return when }}, 1)
	put(t, orders, shard0, "a")
	when = when.Add(time.Second)
	put(t, orders, shard0, "b")
	for _, at := range []cbor.Value{cbor.Uint(1545084650988), cbor.Float64(1545084650987.5), cbor.Float64(1545084651987)} {
		got := postCBOR(s.Handler(), "GetShardIterator", cbor.Encode(cbor.Map{
			"StreamName": cbor.String("orders"), "ShardId": cbor.String(shard0), "ShardIteratorType": cbor.String("AT_TIMESTAMP"),
			"Timestamp": &cbor.Tag{ID: 1, Value: at},
		}))
		require.Equal(t, http.StatusOK, got.Code, got.Body)
		opened, err := cbor.Decode(got.Body.Bytes())
		require.NoError(t, err)
		it, ok := opened.(cbor.Map)["ShardIterator"].(cbor.String)
		require.True(t, ok)
		assert.Equal(t, []string{"b"}, dataOf(read(t, s.Client(), (*string)(&it))), "%v", at)
	}
}

func TestEndpointWithoutCBOR(t *testing.T) {
	for _, code := range []string{"UnknownOperationException", "SerializationException"} {
		s := kinesistest.New(kinesistest.Config{RefuseCBOR: &smithy.GenericAPIError{Code: code, Message: "what is that?"}})
		got := postCBOR(s.Handler(), "ListStreams", []byte("\xa0"))
		assert.Equal(t, http.StatusBadRequest, got.Code)
		assert.Equal(t, "application/x-amz-json-1.1", got.Header().Get("Content-Type"))
		assert.Equal(t, code, got.Header().Get("X-Amzn-Errortype"))
		assert.JSONEq(t, `{"__type":"`+code+`","message":"what is that?"}`, got.Body.String())
		assert.Equal(t, http.StatusOK, post(s.Handler(), "Kinesis_20131202.ListStreams", "{}").Code)
		calls := s.Calls(kinesistest.ListStreams)
		require.Len(t, calls, 2)
		assert.True(t, calls[0].CBOR)
		assert.ErrorContains(t, calls[0].Err, code)
		assert.False(t, calls[1].CBOR)
	}
}

func TestSubscriptionInCBOR(t *testing.T) {
	s, orders := newOrders(t, kinesistest.Config{}, 1)
	arn, err := orders.RegisterConsumer("billing")
	require.NoError(t, err)
	number := put(t, orders, shard0, "hello")[0]
	server := httptest.NewServer(modeltest.WatchHandler(t, s.Handler()))
	defer server.Close()
	s.Inject(kinesistest.Fault{
		Op: kinesistest.SubscribeToShard, After: 1, EventErr: &smithy.GenericAPIError{Code: "InternalFailureException", Message: "oops"},
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, bytes.NewReader(cbor.Encode(cbor.Map{
		"ConsumerARN": cbor.String(arn), "ShardId": cbor.String(shard0),
		"StartingPosition": cbor.Map{"Type": cbor.String("AT_TIMESTAMP"), "Timestamp": &cbor.Tag{ID: 1, Value: cbor.Uint(1)}},
	})))
	require.NoError(t, err)
	r.Header.Set("Content-Type", cborType)
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.SubscribeToShard")
	w, err := server.Client().Do(r)
	require.NoError(t, err)
	defer w.Body.Close()
	assert.Equal(t, "application/vnd.amazon.eventstream", w.Header.Get("Content-Type"))

	for _, want := range []struct {
		header, name string
		payload      map[string]any
	}{
		{":event-type", "initial-response", map[string]any{}},
		{":event-type", "SubscribeToShardEvent", map[string]any{"ContinuationSequenceNumber": number, "MillisBehindLatest": 0.0}},
		{":exception-type", "InternalFailureException", map[string]any{"__type": "InternalFailureException", "message": "oops"}},
	} {
		message, err := eventstream.NewDecoder().Decode(w.Body, nil)
		require.NoError(t, err)
		assert.Equal(t, want.name, message.Headers.Get(want.header).String())
		assert.Equal(t, "application/cbor", message.Headers.Get(":content-type").String())
		decoded, err := cbor.Decode(message.Payload)
		require.NoError(t, err)
		payload, ok := plain(t, decoded).(map[string]any)
		require.True(t, ok)
		if records, ok := payload["Records"].([]any); ok {
			require.Len(t, records, 1)
			assert.Equal(t, "aGVsbG8=", records[0].(map[string]any)["Data"])
			delete(payload, "Records")
		}
		assert.Equal(t, want.payload, payload)
	}
	_, err = w.Body.Read(make([]byte, 1))
	assert.ErrorIs(t, err, io.EOF)
}

func FuzzCBOR(f *testing.F) {
	f.Add("GetRecords", []byte("\xbf\x6dShardIterator\x61x\x65Limit\x01\xff"))
	f.Add("PutRecords", []byte("\xa2\x6aStreamName\x66orders\x67Records\x81\xa2\x64Data\x5f\x41a\x41b\xff\x6cPartitionKey\x61k"))
	f.Add("ListShards", []byte("\xa2\x6aStreamName\x66orders\x6bShardFilter\xa2\x64Type\x6cAT_TIMESTAMP\x69Timestamp\xc1\xfb\x7f\xef\xff\xff\xff\xff\xff\xff"))
	f.Add("ListStreams", []byte("\xf6"))
	f.Fuzz(func(t *testing.T, op string, body []byte) {
		s, orders := newOrders(t, kinesistest.Config{}, 2)
		put(t, orders, shard1, "x")
		got := postCBOR(s.Handler(), op, body)
		require.Contains(t, []int{http.StatusOK, http.StatusBadRequest, http.StatusRequestEntityTooLarge}, got.Code, got.Body.String())
		if b := got.Body.Bytes(); len(b) > 0 {
			_, err := cbor.Decode(b)
			require.NoError(t, err)
		}
	})
}
