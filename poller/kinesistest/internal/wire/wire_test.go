package wire_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest/internal/wire"
)

var page = &kinesis.GetRecordsOutput{
	Records: []types.Record{{
		SequenceNumber: new("7"), PartitionKey: new("a\"b"), Data: []byte{0, 0xff},
		ApproximateArrivalTimestamp: new(time.UnixMilli(1_800_000_000_250)),
	}},
	MillisBehindLatest: new(int64(5)),
}

func encoded(e wire.Encoder) []byte {
	e.Open()
	wire.EncodeGetRecords(&e, page)
	e.Close()
	return e.Buf
}

// TestAnAnswerIsTheSameInBothForms: the CBOR says what the JSON says, but that a time has tag 1 and milliseconds, and a blob is no
// text.
func TestAnAnswerIsTheSameInBothForms(t *testing.T) {
	inJSON := encoded(wire.Encoder{})
	assert.Equal(t, `{"MillisBehindLatest":5,"Records":[{"SequenceNumber":"7","ApproximateArrivalTimestamp":1800000000.250,"Data":"AP8=","PartitionKey":"a\"b"}]}`, string(inJSON))
	inCBOR, err := wire.Transcode(encoded(wire.Encoder{Form: wire.CBOR}))
	require.NoError(t, err)
	assert.JSONEq(t, string(inJSON), string(inCBOR))
}

// TestAbsentMembersAreLeftOutOrNull.
func TestAbsentMembersAreLeftOutOrNull(t *testing.T) {
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(encoded(wire.Encoder{Nulls: true}), &members))
	assert.Equal(t, "null", string(members["NextShardIterator"]))
	assert.Contains(t, members, "ChildShards")
}

// TestAMessageIsReadByTheSDK.
func TestAMessageIsReadByTheSDK(t *testing.T) {
	buf := wire.EndMessage(append(wire.BeginMessage(nil, ":message-type", "event", ":event-type", "SubscribeToShardEvent"), "payload"...))
	m, err := eventstream.NewDecoder().Decode(bytes.NewReader(buf), nil)
	require.NoError(t, err)
	assert.Equal(t, "payload", string(m.Payload))
	assert.Equal(t, "SubscribeToShardEvent", m.Headers.Get(":event-type").String())
}

// TestARequestHasTheTypesOfItsMembers: the first that is wrong is the error of the whole request, in AWS's words.
func TestARequestHasTheTypesOfItsMembers(t *testing.T) {
	in, err := wire.Decode([]byte(`{"ShardIterator":"x","Limit":7,"Unknown":[]}`), wire.ReadGetRecords)
	require.NoError(t, err)
	assert.Equal(t, &kinesis.GetRecordsInput{ShardIterator: new("x"), Limit: new(int32(7))}, in)
	_, err = wire.Decode([]byte(`{"ShardIterator":{},"Limit":"x"}`), wire.ReadGetRecords)
	assert.EqualError(t, err, "Start of structure or map found where not expected.")
}
