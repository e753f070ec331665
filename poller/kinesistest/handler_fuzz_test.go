package kinesistest

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// strange are the values that a member of a request may have although they do not fit.
var strange = []any{
	nil, true, -1, 0, 1, 1.5, 1e18, 1e300, "", "\n", "orders\n", "or ders", "é", "\x00", "\u2028", "\ufffd", "shardId-000000000000", "0", "-1",
	"99999999999999999999999999999999999999999999", "arn:aws:kinesis:us-east-1:123456789012:stream/orders", "a=", "AAAA", "LATEST",
	"TRIM_HORIZON", "AT_TIMESTAMP", "ON_DEMAND", "AUTO", "UNIFORM_SCALING",
	[]any{},
	[]any{nil},
	[]any{"x"},
	map[string]any{},
	map[string]any{"Type": "AT_TIMESTAMP", "Timestamp": -1e300},
	map[string]any{"StreamMode": "ON_DEMAND"},
	strings.Repeat("9", 400), strings.Repeat("\n", 129), strings.Repeat("x", 3000),
}

// members are those of all requests.
var members = []string{
	"StreamName", "StreamARN", "ShardCount", "StreamModeDetails", "Tags", "MaxRecordSizeInKiB", "RecordDistributionStrategy", "Data",
	"PartitionKey", "ExplicitHashKey", "SequenceNumberForOrdering", "Records", "ShardId", "ShardIteratorType", "StartingSequenceNumber",
	"Timestamp", "ShardIterator", "Limit", "ShardToSplit", "NewStartingHashKey", "ShardToMerge", "AdjacentShardToMerge",
	"ConsumerName", "ConsumerARN", "StartingPosition", "NextToken", "MaxResults", "ExclusiveStartShardId", "StreamCreationTimestamp",
	"ShardFilter", "ExclusiveStartStreamName", "TargetShardCount", "ScalingType", "RetentionPeriodHours", "EnforceConsumerDeletion", "DryRun",
}

// sane are requests that change something.
var sane = map[Op]string{
	CreateStream:                  `{"StreamName":"more","ShardCount":2}`,
	PutRecord:                     `{"StreamName":"orders","Data":"AAAA","PartitionKey":"a"}`,
	PutRecords:                    `{"StreamName":"orders","Records":[{"Data":"AAAA","PartitionKey":"a"},{"Data":"","PartitionKey":"b"}]}`,
	SplitShard:                    `{"StreamName":"orders","ShardToSplit":"0","NewStartingHashKey":"9"}`,
	MergeShards:                   `{"StreamName":"orders","ShardToMerge":"0","AdjacentShardToMerge":"1"}`,
	RegisterStreamConsumer:        `{"StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/orders","ConsumerName":"c"}`,
	DeregisterStreamConsumer:      `{"StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/orders","ConsumerName":"audit"}`,
	UpdateShardCount:              `{"StreamName":"orders","TargetShardCount":3,"ScalingType":"UNIFORM_SCALING"}`,
	IncreaseStreamRetentionPeriod: `{"StreamName":"orders","RetentionPeriodHours":48}`,
	DecreaseStreamRetentionPeriod: `{"StreamName":"orders","RetentionPeriodHours":24}`,
	DeleteStream:                  `{"StreamName":"orders","EnforceConsumerDeletion":true}`,
	GetShardIterator:              `{"StreamName":"orders","ShardId":"0","ShardIteratorType":"TRIM_HORIZON"}`,
	ListShards:                    `{"StreamName":"orders","MaxResults":1}`,
	GetRecords:                    `{"ShardIterator":"AAAA"}`,
}

// spoil puts strange values where a request has others, or none.
func spoil(r *rand.Rand, request string) []byte {
	body := map[string]any{}
	if request != "" {
		_ = json.Unmarshal([]byte(request), &body)
	}
	for range r.IntN(4) {
		body[members[r.IntN(len(members))]] = strange[r.IntN(len(strange))]
	}
	if keys := slices.Sorted(maps.Keys(body)); len(keys) > 0 && r.IntN(2) == 0 {
		key := keys[r.IntN(len(keys))]
		if text, ok := body[key].(string); ok && r.IntN(2) == 0 {
			at := r.IntN(len(text) + 1)
			body[key] = text[:at] + []string{"\n", "\x00", "é", " ", "/", ":", "%0a"}[r.IntN(7)] + text[at:]
		} else {
			body[key] = strange[r.IntN(len(strange))]
		}
	}
	b, _ := json.Marshal(body)
	if r.IntN(10) == 0 {
		b[r.IntN(len(b))] = byte(r.IntN(256))
	}
	return b
}

// TestNoRequestIsTheServicesFault sends requests of all kinds, in JSON and CBOR, to a Service with a file: whatever a client
// sends is answered, or refused as the client's fault, and the file can be read again.
func TestNoRequestIsTheServicesFault(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	for range 60 {
		d := &disk{room: -1, syncs: -1, truncates: -1}
		s, err := resume(d, "streams", Config{})
		require.NoError(t, err)
		orders, err := s.CreateStream("orders", 2)
		require.NoError(t, err)
		_, err = orders.RegisterConsumer("audit")
		require.NoError(t, err)
		h, ok := s.Handler().(*handler)
		require.True(t, ok)
		ops := append(slices.Sorted(maps.Keys(h.endpoints)), "Unknown", "")
		for range 200 {
			op := ops[r.IntN(len(ops))]
			ask(t, h, op, spoil(r, sane[op]), r.IntN(4) == 0)
		}
		require.NoError(t, s.Err())
		_, err = resume(d.again(), "streams", Config{})
		require.NoError(t, err)
	}
}

func ask(t *testing.T, h http.Handler, op Op, body []byte, cbor bool) {
	t.Helper()
	request := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	request.Header.Set("X-Amz-Target", targetPrefix+string(op))
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	if cbor {
		request.Header.Set("Content-Type", "application/x-amz-cbor-1.1") // in which most bodies are nonsense
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request)
	require.Less(t, w.Code, 500, "%s %s: %s", op, body, w.Body)
}

// FuzzServicesFault lets the fuzzer find requests.
func FuzzServicesFault(f *testing.F) {
	for op, body := range sane {
		f.Add(string(op), []byte(body), false)
	}
	f.Add("PutRecord", []byte("\xbfjStreamNameforders\xff"), true)
	f.Add("SubscribeToShard", []byte(`{"ConsumerARN":"\n","ShardId":"0","StartingPosition":{"Type":"LATEST"}}`), false)
	f.Fuzz(func(t *testing.T, op string, body []byte, cbor bool) {
		if op == string(SubscribeToShard) {
			op = string(GetRecords) // a subscription that is granted lasts
		}
		d := &disk{room: -1, syncs: -1, truncates: -1}
		s, err := resume(d, "streams", Config{})
		require.NoError(t, err)
		_, err = s.CreateStream("orders", 2)
		require.NoError(t, err)
		ask(t, s.Handler(), Op(op), body, cbor)
		_, err = resume(d.again(), "streams", Config{})
		require.NoError(t, err)
	})
}
