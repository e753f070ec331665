package codec

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/schemas"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/eventstream"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
	"github.com/stretchr/testify/require"
)

// oddTimes are values for a time that the SDK panics at, makes any time of, or refuses.
var oddTimes = []string{
	`"NaN"`, `"nan"`, `"Infinity"`, `"-Infinity"`, `"soon"`, `1e400`, `-1e400`, `1e300`, `9223372036854775807`, `9223372036.854`, `1e11`, `-1e11`, `true`, `{}`,
}

func eventWithTime(at string) string {
	return `{"Records":[{"SequenceNumber":"1","PartitionKey":"k","Data":"AAAA","ApproximateArrivalTimestamp":` + at +
		`}],"ContinuationSequenceNumber":"1","MillisBehindLatest":0}`
}

// message frames what comes in a subscription.
func message(t testing.TB, payload []byte, headers ...string) []byte {
	t.Helper()
	m := eventstream.Message{Payload: payload}
	for i := 0; i < len(headers); i += 2 {
		m.Headers.Set(headers[i], eventstream.StringValue(headers[i+1]))
	}
	var b bytes.Buffer
	require.NoError(t, eventstream.NewEncoder().Encode(&b, m))
	return b.Bytes()
}

func event(t testing.TB, payload string) []byte {
	return message(t, []byte(payload), ":message-type", "event", ":event-type", "SubscribeToShardEvent")
}

func newEvents() *Events { return &Events{ClientProtocol: awsjson.New11(schemas.Kinesis_20131202)} }

func decodeEvent(p smithyhttp.ClientProtocol, message []byte) (smithy.Deserializable, error) {
	return p.DeserializeEventMessage(schemas.SubscribeToShardEventStream, kinesis.TypeRegistry, bytes.NewReader(message))
}

// TestNoTimeInAnEventEndsTheProcess reads as the SDK does, in its goroutine.
func TestNoTimeInAnEventEndsTheProcess(t *testing.T) {
	for _, at := range oddTimes {
		stream := io.NopCloser(io.MultiReader(bytes.NewReader(event(t, eventWithTime("1.7E9"))), bytes.NewReader(event(t, eventWithTime(at)))))
		r := smithyhttp.NewEventStreamReader(newEvents(), schemas.SubscribeToShardEventStream, kinesis.TypeRegistry, stream)
		var got []smithy.Deserializable
		for e := range r.Events() {
			got = append(got, e)
		}
		require.Len(t, got, 1, at)
		require.IsType(t, new(types.SubscribeToShardEvent), got[0])
		require.Equal(t, time.Unix(1_700_000_000, 0).UTC(), *got[0].(*types.SubscribeToShardEvent).Records[0].ApproximateArrivalTimestamp)
		require.Error(t, r.Err(), at)
	}
}

// TestNoTimeInAnAnswerEndsTheProcess is the same of answers, by whatever way they are decoded.
func TestNoTimeInAnAnswerEndsTheProcess(t *testing.T) {
	summary := smithy.NewOperationSchema(schemas.DescribeStreamSummary, schemas.DescribeStreamSummaryInput, schemas.DescribeStreamSummaryOutput)
	for _, at := range oddTimes {
		for _, p := range []*Protocol{{}, {Direct: true}, {SDK: true}, {CBOR: true}} {
			_, err := answerTo(t, p, 200, eventWithTime(at))
			require.ErrorContains(t, err, "deserialization failed, ", at)
		}
		body := `{"StreamDescriptionSummary":{"RetentionPeriodHours":24,"StreamCreationTimestamp":` + at + `}}`
		resp := httpResponse(200, bytes.NewReader([]byte(body)), -1)
		err := (&Protocol{ClientProtocol: sdk}).DeserializeResponse(t.Context(), summary, kinesis.TypeRegistry, resp, new(kinesis.DescribeStreamSummaryOutput))
		require.ErrorContains(t, err, "deserialization failed, ", at)
	}
}

// panicky is a protocol whose decoders panic.
type panicky struct{ smithyhttp.ClientProtocol }

func (panicky) DeserializeInitialResponse(*smithy.Schema, io.Reader, smithy.Deserializable) error {
	panic("out of order")
}

func (panicky) DeserializeEventMessage(*smithy.Schema, *smithy.TypeRegistry, io.Reader) (smithy.Deserializable, error) {
	panic("out of order")
}

func TestAPanicOfADecoderIsAnErrorOfTheSubscription(t *testing.T) {
	p := &Events{ClientProtocol: panicky{}}
	require.ErrorContains(t, p.DeserializeInitialResponse(nil, nil, nil), "the SDK's decoder panics: out of order")
	_, err := decodeEvent(p, nil)
	require.ErrorContains(t, err, "the SDK's decoder panics: out of order")
}

func TestWhateverElseComesInASubscriptionIsTheSDKs(t *testing.T) {
	for name, m := range map[string][]byte{
		"an event":            event(t, eventWithTime("1.7E9")),
		"an empty event":      event(t, `{}`),
		"an event of no kind": message(t, nil, ":message-type", "event"),
		"an unknown event":    message(t, []byte(`{"a":1}`), ":message-type", "event", ":event-type", "Heartbeat"),
		"an exception":        message(t, []byte(`{"message":"gone"}`), ":message-type", "exception", ":exception-type", "ResourceNotFoundException"),
		"an error":            message(t, nil, ":message-type", "error", ":error-code", "InternalFailure", ":error-message", "oops"),
		"half a message":      event(t, `{}`)[:20],
		"nothing":             nil,
		"HTML":                []byte("<html><body>Bad Gateway</body></html>"),
	} {
		want, wantErr := decodeEvent(awsjson.New11(schemas.Kinesis_20131202), m)
		got, err := decodeEvent(newEvents(), m)
		require.Equal(t, want, got, name)
		require.Equal(t, wantErr, err, name)
	}
}

// FuzzEvent gives events with any payload: none may panic, and what the SDK takes is taken as it does.
func FuzzEvent(f *testing.F) {
	for _, at := range oddTimes {
		f.Add([]byte(eventWithTime(at)))
	}
	for seed := range uint64(50) {
		f.Add(generateJSON(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		m := event(t, string(payload))
		got, err := decodeEvent(newEvents(), m)
		want, wantErr := eventBySDK(m)
		if err != nil && wantErr == nil {
			require.True(t, hasOddTime(payload) || !isWhole(payload), "%v", err) // in what is not valid, more may be a time
			return
		}
		require.Equal(t, wantErr == nil, err == nil, "the SDK says %v, we %v", wantErr, err)
		if err == nil {
			require.Equal(t, want, got)
		}
	})
}

// eventBySDK decodes by the SDK alone, with an error for a panic.
func eventBySDK(m []byte) (event smithy.Deserializable, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the SDK panics: %v", v)
		}
	}()
	return decodeEvent(awsjson.New11(schemas.Kinesis_20131202), m)
}
