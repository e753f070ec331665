package drill

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

const (
	// Region is the region of the stream.
	Region = "us-east-1"

	// PutInterval is the interval of the records of each key.
	PutInterval = 250 * time.Millisecond

	keysOfShard = 4 // partition keys of each shard; each half of a split shard gets half of them
)

// stream is the stream that the workers share. Each key has an explicit hash key, so that all shards have the same
// number of keys.
type stream struct {
	*kinesistest.Stream
	client *kinesistest.Client
	ledger *ledger
	hashes []string // by key
	number int      // of the last record
}

// openStream creates the stream. Its name is new each time, because a DynamoDB may hold the progress of an earlier
// stream.
func openStream(service *kinesistest.Service, shards int, l *ledger) (*stream, error) {
	handle, err := service.CreateStream("fleet-"+strconv.FormatInt(time.Now().UnixMilli(), 10), shards)
	if err != nil {
		return nil, err
	}
	s := &stream{Stream: handle, client: service.Client(), ledger: l}
	keys := int64(shards * keysOfShard)
	for i := range keys {
		hash := new(big.Int).Lsh(big.NewInt(2*i+1), 127) // in the middle of its share of 2^128
		s.hashes = append(s.hashes, hash.Div(hash, big.NewInt(keys)).String())
	}
	return s, nil
}

// feed puts records to all shards until ctx ends.
func (s *stream) feed(ctx context.Context) error {
	tick := time.NewTicker(PutInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := s.putRound(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("put records: %w", err)
		}
	}
}

// putRound puts a record of each key. It is not interrupted: the ledger must know what was put.
func (s *stream) putRound(ctx context.Context) error {
	const most = 500 // records in a call
	for first := 0; first < len(s.hashes); first += most {
		in := &kinesis.PutRecordsInput{StreamARN: aws.String(s.ARN())}
		for key := first; key < min(first+most, len(s.hashes)); key++ {
			s.number++
			in.Records = append(in.Records, types.PutRecordsRequestEntry{
				PartitionKey: aws.String("key-" + strconv.Itoa(key)), ExplicitHashKey: &s.hashes[key], Data: strconv.AppendInt(nil, int64(s.number), 10),
			})
		}
		out, err := s.client.PutRecords(context.WithoutCancel(ctx), in)
		if err != nil {
			return err
		}
		for _, r := range out.Records {
			if r.ErrorCode != nil {
				return errors.New(aws.ToString(r.ErrorCode))
			}
		}
		for i := range in.Records {
			s.ledger.wasPut(s.number - i)
		}
	}
	return nil
}

// split splits a shard, and returns a description of the event.
func (s *stream) split(shard string) (string, error) {
	low, high, err := s.Split(shard)
	if err != nil {
		return "", err
	}
	s.ledger.wasSplit(shard, low, high)
	return fmt.Sprintf("split %s into %s and %s", shard, low, high), nil
}
