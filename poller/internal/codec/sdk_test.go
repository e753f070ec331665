package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/schemas"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
)

var (
	getRecords = smithy.NewOperationSchema(schemas.GetRecords, schemas.GetRecordsInput, schemas.GetRecordsOutput)
	sdk        = awsjson.New11(schemas.Kinesis_20131202)
)

func httpResponse(status int, body io.Reader, length int64) *smithyhttp.Response {
	return &smithyhttp.Response{Response: &http.Response{
		StatusCode: status, Header: http.Header{}, Body: io.NopCloser(body), ContentLength: length,
	}}
}

// decodeWith decodes a good answer. A panic of any decoder fails the test.
func decodeWith(t *testing.T, p smithyhttp.ClientProtocol, body []byte) (*kinesis.GetRecordsOutput, error) {
	t.Helper()
	out := new(kinesis.GetRecordsOutput)
	return out, p.DeserializeResponse(t.Context(), getRecords, kinesis.TypeRegistry, httpResponse(http.StatusOK, bytes.NewReader(body), int64(len(body))), out)
}

// decodeBySDK decodes a good answer by the SDK alone. A time that it gets wrong is an error, as is one at which it panics.
func decodeBySDK(t *testing.T, body []byte) (out *kinesis.GetRecordsOutput, err error) {
	t.Helper()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the SDK panics: %v", v)
		}
	}()
	out, err = decodeWith(t, sdk, body)
	if err == nil && hasOddTime(body) {
		err = errors.New("the SDK makes any time of it")
	}
	return out, err
}

var times = regexp.MustCompile(`"ApproximateArrivalTimestamp"\s*:\s*("[^"]*"|[-+.0-9eE]+)`)

// hasOddTime reports whether a time of an answer is beyond what the SDK can hold, be it in a member that comes again.
func hasOddTime(body []byte) bool {
	for _, found := range times.FindAllSubmatch(body, -1) {
		seconds, err := strconv.ParseFloat(string(found[1]), 64)
		if err != nil || math.Abs(seconds*1000) >= maxMillis {
			return true // a text is none: the SDK knows three that are numbers, and no time
		}
	}
	return false
}

// isWhole reports whether a body is one JSON object with records, each of its members once. It is slow, and obvious.
func isWhole(body []byte) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return false
	}
	seen := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return false
		}
		if _, twice := seen[name.(string)]; twice {
			return false
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return false
		}
		seen[name.(string)] = value
	}
	if _, err := d.Token(); err != nil {
		return false
	}
	_, err := d.Token()
	records, ok := seen["Records"]
	return errors.Is(err, io.EOF) && ok && string(records) != "null"
}

// requireAsSDK holds the codec against the SDK: typed, direct, and read in pieces of one byte. What is not whole is an error,
// whatever the SDK makes of it.
func requireAsSDK(t *testing.T, body []byte) {
	t.Helper()
	want, wantErr := decodeBySDK(t, body)
	if wantErr == nil && !isWhole(body) {
		wantErr = errors.New("the answer is not whole")
	}

	typed := &Protocol{ClientProtocol: sdk}
	got, err := decodeWith(t, typed, body)
	requireRefused(t, wantErr, err)
	poison()
	if wantErr == nil {
		require.Equal(t, want, got)
	}

	direct := &Protocol{ClientProtocol: sdk, Direct: true}
	got, err = decodeWith(t, direct, body)
	requireRefused(t, wantErr, err)
	poison()
	require.Equal(t, typed.Decoded, direct.Decoded)
	if wantErr == nil {
		requireSameRecords(t, want.Records, got.Records, direct)
	}

	src := open(bytes.NewReader(body), -1)
	src.step = 1
	a, ok := decodeJSON(src)
	require.Equal(t, typed.Decoded, ok, "in pieces")
	if ok {
		require.Equal(t, direct.Records, a.records, "in pieces")
		scribble(src.buf[:cap(src.buf)])
		require.Equal(t, direct.Records, a.records, "after the body was written over")
	}
	src.free()
	requireApart(t, direct.Records)
}

func requireSameError(t *testing.T, want, got error) {
	t.Helper()
	if want == nil {
		require.NoError(t, got)
		return
	}
	require.EqualError(t, got, want.Error())
}

// requireRefused holds an error against the one of the reference, if there is one. Their texts differ.
func requireRefused(t *testing.T, want, got error) {
	t.Helper()
	if want == nil {
		require.NoError(t, got)
		return
	}
	require.Error(t, got, "want %v", want)
	require.IsType(t, new(smithy.DeserializationError), got)
}

// requireSameRecords holds the records of a page against the SDK's.
func requireSameRecords(t *testing.T, want, left []types.Record, p *Protocol) {
	t.Helper()
	if !p.Decoded {
		require.Equal(t, want, left)
		return
	}
	require.Empty(t, left)
	require.Len(t, p.Records, len(want))
	for i, w := range want {
		key := ""
		if w.PartitionKey != nil {
			key = *w.PartitionKey
		}
		require.Equal(t, batch.Record{
			SequenceNumber: *w.SequenceNumber, PartitionKey: key, Data: w.Data, ArrivalTime: *w.ApproximateArrivalTimestamp,
		}, p.Records[i])
	}
}

// requireApart writes over the data of each record, and behind it, and looks whether any other has changed.
func requireApart(t *testing.T, records []batch.Record) {
	t.Helper()
	var copies [][]byte
	for i := range records {
		copies = append(copies, bytes.Clone(records[i].Data))
	}
	for i := range records {
		r := &records[i]
		require.Equal(t, copies[i], r.Data, "record %d was written over", i)
		require.Equal(t, len(r.Data), cap(r.Data), "record %d has room for its neighbour", i)
		scribble(r.Data)
	}
}

// poison writes over the buffers that the pools hold.
func poison() {
	for _, length := range []int64{0, -1} {
		b := open(nil, length)
		scribble(b.buf[:cap(b.buf)])
		b.free()
	}
}

func scribble(b []byte) {
	for i := range b {
		b[i] = 0xee
	}
}
