package kinesistest

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// Stream is a handle with which a test writes to a stream and changes it directly: without limits, faults, hooks or the
// log of calls. Each use looks up the stream by its name, so a handle outlives a deletion.
type Stream struct {
	service *Service
	name    string
}

// Name returns the stream's name.
func (h *Stream) Name() string { return h.name }

// ARN returns the stream's ARN.
func (h *Stream) ARN() string { return h.service.arn(h.name) }

// Put puts a record into the shard of its partition key, and returns the shard and the sequence number. An empty key
// means none, which only streams with AUTO record distribution accept.
func (h *Stream) Put(key string, data []byte) (shard, sequenceNumber string, err error) {
	in := &kinesis.PutRecordInput{StreamName: &h.name, Data: orEmpty(data)}
	if key != "" {
		in.PartitionKey = &key
	}
	out, err := direct(h, "put", opPutRecord.checked, in)
	if err != nil {
		return "", "", err
	}
	return *out.ShardId, *out.SequenceNumber, nil
}

// PutTo puts a record in a shard, which must be open, whatever its partition key, and returns the sequence number.
// An empty key makes a record without one in any stream.
func (h *Stream) PutTo(shard, key string, data []byte) (sequenceNumber string, err error) {
	e := entry{data: orEmpty(data)}
	if key != "" {
		e.key = &key
	}
	return direct(h, "put", func(s *Service, e entry, r *request) (string, error) {
		st, err := s.live(&h.name, nil, r.now)
		if err != nil {
			return "", err
		}
		sh, err := s.openShard(st, shard, r.now)
		if err != nil {
			return "", err
		}
		if e.size() > int(st.recordKiB)<<10 {
			return "", st.check(e, "")
		}
		return s.put(st, sh, e, r.now).sequence, nil
	}, e)
}

// Split splits an open shard in the middle of its hash keys, and returns its children, the lower one first.
func (h *Stream) Split(shard string) (low, high string, err error) {
	children, err := direct(h, "split", func(s *Service, in *kinesis.SplitShardInput, r *request) ([]types.ChildShard, error) {
		st, err := s.settled(&h.name, nil, r.now)
		if err != nil {
			return nil, err
		}
		sh, err := s.changeable(st, shard, r.now)
		if err != nil {
			return nil, err
		}
		in.NewStartingHashKey = new(sh.hashes.middle().String())
		_, err = s.splitShard(in, r)
		return sh.describeChildren(), err
	}, &kinesis.SplitShardInput{StreamName: &h.name, ShardToSplit: &shard})
	if err != nil {
		return "", "", err
	}
	return *children[0].ShardId, *children[1].ShardId, nil
}

// Merge merges two open shards with adjacent hash keys, and returns their child.
func (h *Stream) Merge(shard, adjacent string) (child string, err error) {
	return direct(h, "merge", func(s *Service, in *kinesis.MergeShardsInput, r *request) (string, error) {
		if _, err := s.mergeShards(in, r); err != nil {
			return "", err
		}
		return shardID(s.streams[h.name].count - 1), nil
	}, &kinesis.MergeShardsInput{StreamName: &h.name, ShardToMerge: &shard, AdjacentShardToMerge: &adjacent})
}

// UpdateShardCount splits and merges until the stream has that many open shards of equal size: at most double and at
// least half of the current number.
func (h *Stream) UpdateShardCount(shards int) error {
	_, err := direct(h, "update shard count", opUpdateShardCount.checked, &kinesis.UpdateShardCountInput{
		StreamName: &h.name, ScalingType: types.ScalingTypeUniformScaling, TargetShardCount: new(int32(shards)),
	})
	return err
}

// Replace deletes the stream and creates another one of the same name: with as many open shards, and without its
// records, consumers and iterators. The shards have the same IDs and other sequence numbers.
func (h *Stream) Replace() error {
	_, err := direct(h, "replace", func(s *Service, name string, r *request) (struct{}, error) {
		return struct{}{}, s.replace(name, r.now)
	}, h.name)
	return err
}

// RegisterConsumer registers a consumer with enhanced fan-out, and returns its ARN.
func (h *Stream) RegisterConsumer(name string) (arn string, err error) {
	out, err := direct(h, "register consumer", opRegisterStreamConsumer.checked, &kinesis.RegisterStreamConsumerInput{
		StreamARN: new(h.ARN()), ConsumerName: &name,
	})
	if err != nil {
		return "", err
	}
	return *out.Consumer.ConsumerARN, nil
}

// DeregisterConsumer deregisters a consumer, which ends its subscriptions.
func (h *Stream) DeregisterConsumer(name string) error {
	_, err := direct(h, "deregister consumer", opDeregisterStreamConsumer.checked, &kinesis.DeregisterStreamConsumerInput{
		StreamARN: new(h.ARN()), ConsumerName: &name,
	})
	return err
}

// Shards returns the shards that the stream lists, closed ones included. A stream that does not exist has none.
func (h *Stream) Shards() []types.Shard {
	shards, _ := direct(h, "shards", func(s *Service, _ struct{}, r *request) ([]types.Shard, error) {
		st, err := s.byName(h.name, r.now)
		if err != nil {
			return nil, err
		}
		return describeAll(st.listed(r.now)), nil
	}, struct{}{})
	return shards
}

// ExpireIterators makes the iterators of one shard that were issued until now answer ExpiredIteratorException.
func (h *Stream) ExpireIterators(shard string) error {
	_, err := direct(h, "expire iterators", func(s *Service, id string, r *request) (struct{}, error) {
		st, err := s.byName(h.name, r.now)
		if err != nil {
			return struct{}{}, err
		}
		sh := st.shard(id, r.now)
		if sh == nil {
			return struct{}{}, s.shardNotFound(h.name, id)
		}
		sh.generation++
		return struct{}{}, nil
	}, shard)
	return err
}

// direct runs do as a call of its own.
func direct[I, O any](h *Stream, what string, do func(*Service, I, *request) (O, error), in I) (O, error) {
	out, err := exclusively(h.service, do, in, Fault{})
	if err != nil {
		var zero O
		return zero, fmt.Errorf("kinesistest: stream %s: %s: %w", h.name, what, err)
	}
	return out, nil
}

// orEmpty distinguishes a record with empty data from one without data.
func orEmpty(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}
