package codec

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"
)

// other is a protocol that the SDK does not have.
type other struct{ smithyhttp.ClientProtocol }

func TestOnlyTheSDKsOwnProtocolIsWrapped(t *testing.T) {
	var p Protocol
	require.True(t, p.Wrap(sdk))
	require.False(t, new(Protocol).Wrap(other{sdk}))
	require.False(t, new(Protocol).Wrap(nil))
	require.Equal(t, sdk.ID(), p.ID())
}

// answerTo decodes an answer of status to a request of p.
func answerTo(t *testing.T, p *Protocol, status int, body string) (*kinesis.GetRecordsOutput, error) {
	t.Helper()
	p.ClientProtocol = sdk
	out := new(kinesis.GetRecordsOutput)
	resp := httpResponse(status, strings.NewReader(body), int64(len(body)))
	err := p.DeserializeResponse(t.Context(), getRecords, kinesis.TypeRegistry, resp, out)
	rest, readErr := io.ReadAll(resp.Body)
	require.NoError(t, readErr)
	require.True(t, len(rest) == 0 || err != nil, "the body that the SDK drains is the one that came")
	return out, err
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	b, err := cbor.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

func TestARequestInCBORHasTheMembersThatAreSet(t *testing.T) {
	for _, in := range []*kinesis.GetRecordsInput{
		{ShardIterator: aws.String("it")},
		{
			ShardIterator: aws.String(strings.Repeat("i", 300)), StreamARN: aws.String("arn"), StreamId: aws.String("id"),
			Limit: aws.Int32(10_000), DryRun: aws.Bool(true),
		},
		{ShardIterator: aws.String("it"), Limit: aws.Int32(-1), DryRun: aws.Bool(false)},
	} {
		req := smithyhttp.NewStackRequest().(*smithyhttp.Request)
		require.NoError(t, (&Protocol{ClientProtocol: sdk, CBOR: true}).SerializeRequest(t.Context(), getRecords, in, req))
		require.Equal(t, "application/x-amz-cbor-1.1", req.Header.Get("Content-Type"))
		require.Equal(t, "Kinesis_20131202.GetRecords", req.Header.Get("X-Amz-Target"))
		body, err := io.ReadAll(req.GetStream())
		require.NoError(t, err)
		var got kinesis.GetRecordsInput
		require.NoError(t, cbor.Unmarshal(body, &got))
		require.Equal(t, *in, got)
	}
}

func TestARequestInJSONIsTheSDKs(t *testing.T) {
	req := smithyhttp.NewStackRequest().(*smithyhttp.Request)
	in := &kinesis.GetRecordsInput{ShardIterator: aws.String("it")}
	require.NoError(t, (&Protocol{ClientProtocol: sdk}).SerializeRequest(t.Context(), getRecords, in, req))
	require.Equal(t, "application/x-amz-json-1.1", req.Header.Get("Content-Type"))
	body, err := io.ReadAll(req.GetStream())
	require.NoError(t, err)
	require.JSONEq(t, `{"ShardIterator":"it"}`, string(body))
}

func TestErrorsInCBORAreThoseOfTheSDK(t *testing.T) {
	for _, body := range []string{
		encoded(t, map[string]string{"__type": "ExpiredIteratorException", "message": "too old"}),
		encoded(t, map[string]string{"__type": "com.amazonaws.kinesis#ExpiredIteratorException", "message": "too old"}),
		`{"__type":"ExpiredIteratorException","message":"too old"}`,
	} {
		p := &Protocol{CBOR: true}
		_, err := answerTo(t, p, http.StatusBadRequest, body)
		said, ok := errors.AsType[*types.ExpiredIteratorException](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, "too old", said.ErrorMessage())
		require.False(t, p.Refused, "an error of the service is no refusal")
	}
	p := &Protocol{CBOR: true}
	_, err := answerTo(t, p, http.StatusInternalServerError, encoded(t, map[string]any{"__type": "InternalFailure", "details": []byte{1}, "n": -3}))
	said, ok := errors.AsType[smithy.APIError](err)
	require.True(t, ok)
	require.Equal(t, "InternalFailure", said.ErrorCode())
	require.False(t, p.Refused)
}

func TestAnEndpointThatDoesNotSpeakCBORIsKnown(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		body    string
		refused bool
	}{
		"does not parse it":    {http.StatusBadRequest, `{"__type":"SerializationException"}`, true},
		"knows no such call":   {http.StatusNotFound, `{"__type":"UnknownOperationException"}`, true},
		"wants another type":   {http.StatusUnsupportedMediaType, "", true},
		"is no such service":   {http.StatusNotFound, "<html>", false},
		"is a gateway":         {http.StatusForbidden, `{"message":"Forbidden"}`, false},
		"says nothing":         {http.StatusBadRequest, "", false},
		"is broken":            {http.StatusServiceUnavailable, "<html>", false},
		"throttles":            {http.StatusBadRequest, `{"__type":"ProvisionedThroughputExceededException"}`, false},
		"denies":               {http.StatusBadRequest, `{"__type":"AccessDeniedException"}`, false},
		"garbled":              {http.StatusBadRequest, "\xa1\x66__type", false},
		"refuses it in CBOR":   {http.StatusBadRequest, "\xa1\x66__type\x76SerializationException", false},
		"answers with garbage": {http.StatusOK, "\xa1\x67Records\x81\x01", false},
		"writes data as text":  {http.StatusOK, "\xbf\x67Records\x9f\xbf\x64Data\x64QUJD\xff\xff\xff", true},
		"is cut off in text":   {http.StatusOK, "\xbf\x67Records\x9f\xbf\x64Data\x64QUJD\xff\xff", false},
		"answers with HTML":    {http.StatusOK, "<html>down for maintenance</html>", false},
		"answers with nothing": {http.StatusOK, "", false},
		"answers no records":   {http.StatusOK, `{}`, false},
		"is out of order":      {http.StatusOK, `{"__type":"InternalFailure"}`, false},
		"answers with a list":  {http.StatusOK, `[{"Records":[]}]`, false},
		"cuts its JSON off":    {http.StatusOK, `{"Records":[`, false},
	} {
		p := &Protocol{CBOR: true}
		_, err := answerTo(t, p, c.status, c.body)
		require.Error(t, err, name)
		require.Equal(t, c.refused, p.Refused, name)
	}
}

func TestAnAnswerInJSONToARequestInCBORIsTaken(t *testing.T) {
	p := &Protocol{CBOR: true}
	out, err := answerTo(t, p, http.StatusOK, answersInJSON[0])
	require.NoError(t, err)
	require.Len(t, out.Records, 1)
	require.True(t, p.Refused)
}

func TestChildShardsInCBORAreThoseOfTheSDK(t *testing.T) {
	p := &Protocol{CBOR: true, Direct: true}
	out, err := answerTo(t, p, http.StatusOK, encoded(t, map[string]any{
		"MillisBehindLatest": 0,
		"Records":            []any{},
		"ChildShards": []any{map[string]any{
			"ShardId": "b", "ParentShards": []string{"a"}, "HashKeyRange": map[string]string{"StartingHashKey": "0", "EndingHashKey": "9"},
		}},
	}))
	require.NoError(t, err)
	require.True(t, p.Decoded)
	require.Nil(t, out.NextShardIterator)
	require.Equal(t, aws.Int64(0), out.MillisBehindLatest)
	require.Equal(t, []types.ChildShard{{
		ShardId: aws.String("b"), ParentShards: []string{"a"},
		HashKeyRange: &types.HashKeyRange{StartingHashKey: aws.String("0"), EndingHashKey: aws.String("9")},
	}}, out.ChildShards)
}

func TestErrorsOfReadingAreThoseOfTheSDK(t *testing.T) {
	broken := errors.New("connection reset")
	full := answersInJSON[0]
	for name, c := range map[string]struct {
		body   func() io.Reader
		length int64
	}{
		"at once":       {func() io.Reader { return iotest.ErrReader(broken) }, 100},
		"in the middle": {func() io.Reader { return io.MultiReader(strings.NewReader(full[:50]), iotest.ErrReader(broken)) }, int64(len(full))},
		"at the end":    {func() io.Reader { return io.MultiReader(strings.NewReader(full), iotest.ErrReader(broken)) }, -1},
		"with the last": {func() io.Reader {
			return iotest.DataErrReader(io.MultiReader(strings.NewReader(full), iotest.ErrReader(broken)))
		}, -1},
	} {
		for _, cbor := range []bool{false, true} {
			want := sdk.DeserializeResponse(t.Context(), getRecords, kinesis.TypeRegistry, httpResponse(200, c.body(), c.length), new(kinesis.GetRecordsOutput))
			p := &Protocol{ClientProtocol: sdk, CBOR: cbor}
			got := p.DeserializeResponse(t.Context(), getRecords, kinesis.TypeRegistry, httpResponse(200, c.body(), c.length), new(kinesis.GetRecordsOutput))
			require.Error(t, want, name)
			require.EqualError(t, got, want.Error(), name)
			require.IsType(t, want, got, name)
			require.Equal(t, errors.Is(want, broken), errors.Is(got, broken), name)
			if errors.Is(want, broken) {
				require.False(t, p.Refused, "a broken connection is no refusal")
			}
		}
	}
}

func TestABodyIsReadToItsEndWhateverItsLengthSays(t *testing.T) {
	body := sampleJSON(100, 5000) // several pieces
	for _, length := range []int64{-1, 0, 1, int64(len(body)) / 2, int64(len(body)), int64(len(body)) + 1, maxBody} {
		for _, src := range []io.Reader{bytes.NewReader(body), iotest.HalfReader(bytes.NewReader(body)), iotest.DataErrReader(bytes.NewReader(body))} {
			p := &Protocol{ClientProtocol: sdk, Direct: true}
			err := p.DeserializeResponse(t.Context(), getRecords, kinesis.TypeRegistry, httpResponse(200, src, length), new(kinesis.GetRecordsOutput))
			require.NoError(t, err)
			require.True(t, p.Decoded)
			require.Len(t, p.Records, 5000)
		}
	}
}

// endless is a body without an end.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	e.read += len(b)
	return len(b), nil
}

// still is a body that brings nothing, and no error.
type still struct{}

func (still) Read([]byte) (int, error) { return 0, nil }

func TestABodyIsBounded(t *testing.T) {
	out := new(kinesis.GetRecordsOutput)
	src := new(endless)
	p := &Protocol{ClientProtocol: sdk}
	err := p.DeserializeResponse(t.Context(), getRecords, kinesis.TypeRegistry, httpResponse(200, src, -1), out)
	require.ErrorIs(t, err, errBodyTooLong)
	require.Equal(t, maxBody, src.read)

	src = new(endless)
	err = p.DeserializeResponse(t.Context(), getRecords, kinesis.TypeRegistry, httpResponse(200, src, maxBody+1), out)
	require.ErrorIs(t, err, errBodyTooLong)
	require.Zero(t, src.read)

	err = p.DeserializeResponse(t.Context(), getRecords, kinesis.TypeRegistry, httpResponse(200, still{}, -1), out)
	require.ErrorIs(t, err, io.ErrNoProgress)
}
