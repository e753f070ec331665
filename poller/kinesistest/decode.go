package kinesistest

import (
	"encoding/json"
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// epoch is a time as AWS JSON has it: seconds since 1970, with a fraction.
type epoch time.Time

// maxEpoch is the second up to which a time makes sense: the end of the year 9999.
const maxEpoch = 253402300799

// UnmarshalJSON rounds to milliseconds, which is as exact as the number is meant to be.
func (t *epoch) UnmarshalJSON(b []byte) error {
	var seconds float64
	if err := json.Unmarshal(b, &seconds); err != nil {
		return err
	}
	seconds = min(max(seconds, 0), maxEpoch)
	*t = epoch(time.UnixMilli(int64(math.Round(seconds * 1000))).UTC())
	return nil
}

// time returns nil for a time that is absent.
func (t *epoch) time() *time.Time { return (*time.Time)(t) }

// decode reads a request. The names of the SDK's fields are those of the API; its blobs are base64.
func decode[I any](body []byte) (*I, error) {
	in := new(I)
	return in, json.Unmarshal(body, in)
}

// decodeGetShardIterator is decode for a request with a time.
func decodeGetShardIterator(body []byte) (*kinesis.GetShardIteratorInput, error) {
	var in struct {
		kinesis.GetShardIteratorInput
		Timestamp *epoch // hides the SDK's field, whose JSON would be a text
	}
	err := json.Unmarshal(body, &in)
	in.GetShardIteratorInput.Timestamp = in.Timestamp.time()
	return &in.GetShardIteratorInput, err
}

// decodeListStreamConsumers is decode for a request with a time.
func decodeListStreamConsumers(body []byte) (*kinesis.ListStreamConsumersInput, error) {
	var in struct {
		kinesis.ListStreamConsumersInput
		StreamCreationTimestamp *epoch
	}
	err := json.Unmarshal(body, &in)
	in.ListStreamConsumersInput.StreamCreationTimestamp = in.StreamCreationTimestamp.time()
	return &in.ListStreamConsumersInput, err
}

// decodeSubscribeToShard is decode for a request with a time.
func decodeSubscribeToShard(body []byte) (*kinesis.SubscribeToShardInput, error) {
	var in struct {
		kinesis.SubscribeToShardInput
		StartingPosition *struct {
			types.StartingPosition
			Timestamp *epoch
		}
	}
	err := json.Unmarshal(body, &in)
	if p := in.StartingPosition; p != nil {
		p.StartingPosition.Timestamp = p.Timestamp.time()
		in.SubscribeToShardInput.StartingPosition = &p.StartingPosition
	}
	return &in.SubscribeToShardInput, err
}

// decodeListShards is decode for a request with times.
func decodeListShards(body []byte) (*kinesis.ListShardsInput, error) {
	var in struct {
		kinesis.ListShardsInput
		StreamCreationTimestamp *epoch
		ShardFilter             *struct {
			types.ShardFilter
			Timestamp *epoch
		}
	}
	err := json.Unmarshal(body, &in)
	in.ListShardsInput.StreamCreationTimestamp = in.StreamCreationTimestamp.time()
	if f := in.ShardFilter; f != nil {
		f.ShardFilter.Timestamp = f.Timestamp.time()
		in.ListShardsInput.ShardFilter = &f.ShardFilter
	}
	return &in.ListShardsInput, err
}
