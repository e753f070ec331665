package lambdaapi

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever comes in, the answer is one of the API's, nothing panics (which would be a 500), and no more is read than may be.
func FuzzHandler(f *testing.F) {
	one, tags := mappingsPath+"/"+testUUID, tagsPath+strings.ReplaceAll(testARN, ":", "%3A")
	f.Add("POST", mappingsPath+"/", "", []byte(`{"EventSourceArn":"arn:aws:kinesis:us-east-1:1:stream/s","FunctionName":"f",`+
		`"StartingPosition":"AT_TIMESTAMP","StartingPositionTimestamp":1789811731.0856,"Tags":{"a":"b"},"Topics":[]}`), false)
	f.Add("POST", mappingsPath, "", []byte(`{"x":"`), true)
	f.Add("GET", mappingsPath, "FunctionName=f&MaxItems=10&Marker=a%2B", []byte(nil), false)
	f.Add("PUT", one, "", []byte(`{"DestinationConfig":{"OnFailure":{"Destination":""},"OnSuccess":{"Destination":"s"}},`+
		`"FilterCriteria":{"Filters":[{"Pattern":"{}"},null]},"FunctionResponseTypes":["ReportBatchItemFailures"]}`), false)
	f.Add("PUT", one+"/", "", []byte(`{"BatchSize":1e400,"Enabled":null,"MetricsConfig":{"Metrics":[]},"ScalingConfig":{"a":[{}]}}`), false)
	f.Add("DELETE", one, "", []byte(nil), true)
	f.Add("POST", tags, "", []byte(`{"Tags":{"a":"b","c":null}}`), false)
	f.Add("DELETE", tags, "tagKeys=a&tagKeys=b", []byte(nil), false)
	f.Add("GET", tagsPath+testARN, "%zz;", []byte(nil), false)
	f.Add("PATCH", "/2015-03-31/%65vent-source-mappings//", "", []byte("["), false)
	f.Fuzz(func(t *testing.T, method, path, query string, body []byte, endlessly bool) {
		u, err := url.Parse("http://localhost/" + strings.TrimPrefix(path, "/"))
		if err != nil || len(body) > maxBody {
			t.Skip("net/http answers it")
		}
		u.RawQuery = query
		source := &counted{Reader: bytes.NewReader(body)}
		length := int64(len(body))
		if endlessly {
			source.Reader, length = io.MultiReader(source.Reader, endless(' ')), -1
		}
		r := &http.Request{
			Method: method, URL: u, Host: u.Host, Header: http.Header{}, ContentLength: length,
			Body: io.NopCloser(source),
		}
		ops, w := &spy{configuration: full()}, httptest.NewRecorder()
		NewHandler(ops, nil, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)

		require.LessOrEqual(t, source.read, maxBody+1)
		require.LessOrEqual(t, len(ops.calls), 1)
		code := w.Header().Get("x-amzn-errortype")
		switch w.Code {
		case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
			require.Empty(t, code)
			require.Len(t, ops.calls, 1)
		case http.StatusBadRequest:
			require.Equal(t, codeSerialization, code)
			require.Empty(t, ops.calls)
		case http.StatusNotFound:
			require.Equal(t, codeUnknownOperation, code)
			require.Zero(t, source.read)
		case http.StatusRequestEntityTooLarge:
			require.Equal(t, codeTooLarge, code)
			require.True(t, endlessly)
		default:
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		if w.Code == http.StatusNoContent {
			require.Zero(t, w.Body.Len())
		} else {
			require.True(t, json.Valid(w.Body.Bytes()), w.Body.String())
		}
	})
}

// What is read of a body is what encoding/json finds there, member by member.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		`{"FunctionName":"f","BatchSize":10,"Enabled":true,"FunctionResponseTypes":["a",null]}`,
		`{"FunctionName":"\ud800\u0000","FunctionName":null,"functionname":1}`,
		`{"BatchSize":1.5e1,"Tags":{"a":"1","a":null,"":"x"}}`,
		`{"FilterCriteria":{"Filters":[{"Pattern":"p"},{}]},"Enabled":false}`,
		`{"StartingPositionTimestamp":1789811731.0856,"x":[[[{"y":[]}]]]}`,
		`{"StartingPositionTimestamp":-62135596800}`,
		`{"BatchSize":-1e400,"x":1e400}`, `[]`, `{"Tags":[]}`, " {\n}\t",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := decodeCreate(body)
		if err != nil {
			require.Equal(t, codeSerialization, Failed(err).Code)
			return
		}
		var members map[string]any
		if len(body) > 0 {
			d := json.NewDecoder(bytes.NewReader(body))
			d.UseNumber() // 1e400 is a number, though none of Go's.
			require.NoError(t, d.Decode(&members))
		}
		name, _ := members["FunctionName"].(string)
		require.Equal(t, name, in.FunctionName)
		enabled, ok := members["Enabled"].(bool)
		require.Equal(t, ok, in.Enabled != nil)
		require.True(t, !ok || enabled == *in.Enabled)
		number, ok := members["BatchSize"].(json.Number)
		require.Equal(t, ok, in.BatchSize != nil)
		if size, err := number.Float64(); ok && err == nil && size > -1e9 && size < 1e9 {
			require.Equal(t, int(size), *in.BatchSize)
		}
		_, ok = members["StartingPositionTimestamp"].(json.Number)
		require.Equal(t, ok, !in.StartingPositionTimestamp.IsZero())
		tags, ok := members["Tags"].(map[string]any)
		require.Equal(t, ok, in.Tags != nil)
		for key, tag := range tags {
			text, there := in.Tags[key]
			require.Equal(t, tag != nil, there)
			require.True(t, tag == nil || tag == text)
		}
		require.LessOrEqual(t, len(in.Tags), len(tags))
		criteria, ok := members["FilterCriteria"].(map[string]any)
		require.Equal(t, ok, in.FilterCriteria != nil)
		if filters, _ := criteria["Filters"].([]any); ok {
			require.LessOrEqual(t, len(in.FilterCriteria.Filters), len(filters))
		}
	})
}
