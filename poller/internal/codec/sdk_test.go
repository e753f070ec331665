package codec

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
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

// decodeWith decodes a good answer. A panic of the SDK is the error that the codec makes of it; one of the codec is not
// held up.
func decodeWith(t *testing.T, p smithyhttp.ClientProtocol, body []byte) (out *kinesis.GetRecordsOutput, err error) {
	t.Helper()
	out = new(kinesis.GetRecordsOutput)
	defer func() {
		if p != sdk {
			return
		}
		if v := recover(); v != nil {
			err = &smithy.DeserializationError{Err: fmt.Errorf("the SDK's decoder panics: %v", v)}
		}
	}()
	err = p.DeserializeResponse(t.Context(), getRecords, kinesis.TypeRegistry, httpResponse(http.StatusOK, bytes.NewReader(body), int64(len(body))), out)
	return out, err
}

// requireAsSDK holds the codec against the SDK: typed, direct, and read in pieces of one byte.
func requireAsSDK(t *testing.T, body []byte) {
	t.Helper()
	want, wantErr := decodeWith(t, sdk, body)

	typed := &Protocol{ClientProtocol: sdk}
	got, err := decodeWith(t, typed, body)
	requireSameError(t, wantErr, err)
	poison()
	if wantErr == nil {
		require.Equal(t, want, got)
	}

	direct := &Protocol{ClientProtocol: sdk, Direct: true}
	got, err = decodeWith(t, direct, body)
	requireSameError(t, wantErr, err)
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
