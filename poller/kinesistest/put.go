package kinesistest

import (
	"bytes"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	maxPutRecords = 500
	maxPutBytes   = 10 << 20
)

// entry is one record to be put.
type entry struct {
	data         []byte
	key, hashKey *string
}

func (s *Service) putRecord(in *kinesis.PutRecordInput, r *request) (*kinesis.PutRecordOutput, error) {
	st, err := s.live(in.StreamName, in.StreamARN, r.now)
	if err != nil {
		return nil, err
	}
	e := entry{in.Data, in.PartitionKey, in.ExplicitHashKey}
	if err := st.check(e, ""); err != nil {
		return nil, err
	}
	if after := in.SequenceNumberForOrdering; after != nil {
		if q, ok := parseSequence(*after); !ok || q.arrived > r.now.Unix() {
			return nil, invalidArgument("ExclusiveMinimumSequenceNumber %s used in PutRecord on stream %s under account %s "+
				"is invalid.", *after, st.name, s.config.Account)
		}
	}
	sh, err := st.place(e)
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	rec := s.put(st, sh, e, r.now)
	return &kinesis.PutRecordOutput{ShardId: new(sh.id), SequenceNumber: new(rec.sequence)}, nil
}

func (s *Service) putRecords(in *kinesis.PutRecordsInput, r *request) (*kinesis.PutRecordsOutput, error) {
	st, err := s.live(in.StreamName, in.StreamARN, r.now)
	if err != nil {
		return nil, err
	}
	shards, err := st.placeAll(in.Records)
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	out := &kinesis.PutRecordsOutput{FailedRecordCount: new(int32(0))}
	for i, e := range in.Records {
		sh := shards[i]
		if r.fault.Throttle && (r.fault.Shard == "" || r.fault.Shard == sh.id) {
			*out.FailedRecordCount++
			out.Records = append(out.Records, types.PutRecordsResultEntry{
				ErrorCode:    new("ProvisionedThroughputExceededException"),
				ErrorMessage: new(s.rateExceededText(st.name, sh.id)),
			})
			continue
		}
		rec := s.put(st, sh, entry{e.Data, e.PartitionKey, e.ExplicitHashKey}, r.now)
		out.Records = append(out.Records, types.PutRecordsResultEntry{
			ShardId: new(sh.id), SequenceNumber: new(rec.sequence),
		})
	}
	return out, nil
}

// placeAll checks a PutRecords request as a whole, and returns the shard of each record.
func (st *stream) placeAll(records []types.PutRecordsRequestEntry) ([]*shard, error) {
	shards, size := make([]*shard, len(records)), 0
	for i, r := range records {
		e := entry{r.Data, r.PartitionKey, r.ExplicitHashKey}
		if err := st.check(e, fmt.Sprintf("records.%d.member.", i+1)); err != nil {
			return nil, err
		}
		if size += e.size(); size > maxPutBytes {
			return nil, invalidArgument("Records size exceeds 10 MB limit")
		}
		var err error
		if shards[i], err = st.place(e); err != nil {
			return nil, err
		}
	}
	return shards, nil
}

// check applies the stream's own constraints on one record; path is where it stands in the request.
func (st *stream) check(e entry, path string) error {
	var v violations
	if most := int(st.recordKiB) << 10; e.size() > most {
		v.length(path+"data", e.size(), 0, most)
	}
	v.present(path+"partitionKey", e.key != nil || st.distribution == types.RecordDistributionStrategyAuto)
	return v.error()
}

// place returns the shard that a record belongs to.
func (st *stream) place(e entry) (*shard, error) {
	if st.distribution == types.RecordDistributionStrategyAuto {
		st.turn++
		return st.open[st.turn%len(st.open)], nil
	}
	if e.hashKey == nil {
		return st.shardFor(hashOf(*e.key)), nil
	}
	key, ok := parseHashKey(*e.hashKey)
	if !ok {
		return nil, invalidArgument("Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "+
			"Specified value was %s", *e.hashKey)
	}
	return st.shardFor(key), nil
}

func (e entry) size() int {
	if e.key == nil {
		return len(e.data)
	}
	return len(e.data) + len(*e.key)
}

// record copies an entry, whose memory belongs to the caller.
func (e entry) record() record {
	if e.key == nil {
		return record{keyless: true, data: bytes.Clone(e.data)}
	}
	return record{key: *e.key, data: bytes.Clone(e.data)}
}
