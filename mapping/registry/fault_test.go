package registry_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/registry"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// strange are the values that a member of a request may have although they do not fit.
var strange = []any{
	nil, true, -1, 0, 1.5, 1e18, "", "\n", "é", "\x00", "ship-orders", "ship-orders\n", "ship orders", streamARN, streamARN + "\n",
	"arn:aws:kinesis:us-east-1:123456789012:stream/or ders", "arn:aws:kinesis:us-east-1:123456789012:stream/none",
	"arn:aws:kinesis:us-east-1\n:123456789012:stream/orders", "arn:aws\x00:kinesis:us-east-1:123456789012:stream/orders",
	"arn:aws:kinesis:us-east-1:123456789012:stream/" + strings.Repeat("x", 200), "arn:aws:kinesis:us-east-1:123456789012:stream/é",
	streamARN + "/consumer/a:1", streamARN + "/consumer/a\n:1", "arn:aws:kinesis:eu-west-1:123456789012:stream/orders",
	"arn:aws:kinesis:us-east-1:000000000000:stream/orders", "arn:aws:sqs:us-east-1:123456789012:q\n", "LATEST", "AT_TIMESTAMP",
	[]any{},
	[]any{"x"},
	map[string]any{},
	map[string]any{"a\n": "b"},
	strings.Repeat("9", 400),
	map[string]any{"OnFailure": map[string]any{"Destination": "arn:aws:sqs:us-east-1:123456789012:q\n"}},
	map[string]any{"Filters": []any{map[string]any{"Pattern": "{\n"}}},
}

var members = []string{
	"EventSourceArn", "FunctionName", "StartingPosition", "StartingPositionTimestamp", "Tags", "BatchSize", "DestinationConfig",
	"MaximumBatchingWindowInSeconds", "ParallelizationFactor", "FilterCriteria", "Enabled", "MaximumRecordAgeInSeconds",
	"TumblingWindowInSeconds", "FunctionResponseTypes", "KMSKeyArn", "MetricsConfig",
}

// TestNoRequestIsTheServersFault sends requests of all kinds: whatever a client sends is answered, or refused as the client's
// fault. The stream's service refuses names that the mapping lets pass.
func TestNoRequestIsTheServersFault(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		server := kinesistest.NewPipeServer(w.service)
		defer server.Close()
		cfg := w.config()
		cfg.AllowUnsigned, cfg.Client = true, server.Client()
		reg, err := registry.New(cfg)
		require.NoError(t, err)
		r := rand.New(rand.NewPCG(3, 5))
		for range 2000 {
			body := map[string]any{"EventSourceArn": streamARN, "FunctionName": "ship-orders", "StartingPosition": "LATEST"}
			for range 1 + r.IntN(2) {
				body[members[r.IntN(len(members))]] = strange[r.IntN(len(strange))]
			}
			keys := slices.Sorted(maps.Keys(body))
			if key := keys[r.IntN(len(keys))]; r.IntN(3) == 0 {
				if text, ok := body[key].(string); ok {
					at := r.IntN(len(text) + 1)
					body[key] = text[:at] + []string{"\n", "\x00", "é", " ", "/", ":", "%0a"}[r.IntN(7)] + text[at:]
				}
			}
			b, err := json.Marshal(body)
			require.NoError(t, err)
			text, _ := strange[r.IntN(len(strange))].(string)
			uuid := url.PathEscape(text)
			method, path := http.MethodPost, "/2015-03-31/event-source-mappings/"
			switch r.IntN(8) {
			case 0:
				method, path = http.MethodPut, path+uuid
			case 1:
				method, path = http.MethodDelete, path+uuid
			case 2:
				method, path = http.MethodGet, path+"?EventSourceArn="+uuid+"&Marker="+uuid
			case 3:
				path = "/2017-03-31/tags/" + uuid
			}
			answer := httptest.NewRecorder()
			reg.Handler().ServeHTTP(answer, httptest.NewRequest(method, path, bytes.NewReader(b)))
			require.Less(t, answer.Code, 500, "%s %s %s: %s\n%s", method, path, b, answer.Body, w.logs.String())
		}
	})
}
