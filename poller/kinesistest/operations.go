package kinesistest

import (
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/shardmill/shardmill/poller/kinesistest/internal/wire"
)

// The operations, each with the part of its request that hooks, faults and the log use.

var opCreateStream = operation[kinesis.CreateStreamInput, kinesis.CreateStreamOutput]{
	name:  CreateStream,
	read:  wire.ReadCreateStream,
	check: checkCreateStream,
	about: func(_ *Service, in *kinesis.CreateStreamInput) subject { return subject{name: in.StreamName} },
	do:    (*Service).createStream,
	meta:  func(o *kinesis.CreateStreamOutput) *middleware.Metadata { return &o.ResultMetadata },
}

var opListStreams = operation[kinesis.ListStreamsInput, kinesis.ListStreamsOutput]{
	name:  ListStreams,
	read:  wire.ReadListStreams,
	check: checkListStreams,
	about: func(*Service, *kinesis.ListStreamsInput) subject { return subject{} },
	do:    (*Service).listStreams,
	meta:  func(o *kinesis.ListStreamsOutput) *middleware.Metadata { return &o.ResultMetadata },
}

var opGetShardIterator = operation[kinesis.GetShardIteratorInput, kinesis.GetShardIteratorOutput]{
	name:  GetShardIterator,
	read:  wire.ReadGetShardIterator,
	check: checkGetShardIterator,
	about: func(_ *Service, in *kinesis.GetShardIteratorInput) subject {
		return subject{name: in.StreamName, arn: in.StreamARN, shard: canonical(in.ShardId)}
	},
	do:   (*Service).getShardIterator,
	meta: func(o *kinesis.GetShardIteratorOutput) *middleware.Metadata { return &o.ResultMetadata },
}

var opGetRecords = operation[kinesis.GetRecordsInput, kinesis.GetRecordsOutput]{
	name:  GetRecords,
	read:  wire.ReadGetRecords,
	check: checkGetRecords,
	about: (*Service).aboutIterator,
	do:    (*Service).getRecords,
	meta:  func(o *kinesis.GetRecordsOutput) *middleware.Metadata { return &o.ResultMetadata },
}

var opPutRecord = operation[kinesis.PutRecordInput, kinesis.PutRecordOutput]{
	name:  PutRecord,
	read:  wire.ReadPutRecord,
	check: checkPutRecord,
	about: (*Service).aboutRecord,
	do:    (*Service).putRecord,
	meta:  func(o *kinesis.PutRecordOutput) *middleware.Metadata { return &o.ResultMetadata },
}

var opDeleteStream = operation[kinesis.DeleteStreamInput, kinesis.DeleteStreamOutput]{
	name:  DeleteStream,
	read:  wire.ReadDeleteStream,
	check: checkDeleteStream,
	about: func(_ *Service, in *kinesis.DeleteStreamInput) subject {
		return subject{name: in.StreamName, arn: in.StreamARN}
	},
	do:   (*Service).deleteStream,
	meta: func(o *kinesis.DeleteStreamOutput) *middleware.Metadata { return &o.ResultMetadata },
}

var opDescribeStream = operation[kinesis.DescribeStreamInput, kinesis.DescribeStreamOutput]{
	name:  DescribeStream,
	read:  wire.ReadDescribeStream,
	check: checkDescribeStream,
	about: func(_ *Service, in *kinesis.DescribeStreamInput) subject {
		return subject{name: in.StreamName, arn: in.StreamARN}
	},
	do:   (*Service).describeStream,
	meta: func(o *kinesis.DescribeStreamOutput) *middleware.Metadata { return &o.ResultMetadata },
}

var opDescribeStreamSummary = operation[kinesis.DescribeStreamSummaryInput, kinesis.DescribeStreamSummaryOutput]{
	name:  DescribeStreamSummary,
	read:  wire.ReadDescribeStreamSummary,
	check: checkDescribeStreamSummary,
	about: func(_ *Service, in *kinesis.DescribeStreamSummaryInput) subject {
		return subject{name: in.StreamName, arn: in.StreamARN}
	},
	do:   (*Service).describeStreamSummary,
	meta: func(o *kinesis.DescribeStreamSummaryOutput) *middleware.Metadata { return &o.ResultMetadata },
}

var opListShards = operation[kinesis.ListShardsInput, kinesis.ListShardsOutput]{
	name:  ListShards,
	read:  wire.ReadListShards,
	check: checkListShards,
	about: func(_ *Service, in *kinesis.ListShardsInput) subject {
		return subject{name: in.StreamName, arn: in.StreamARN}
	},
	do:   (*Service).listShards,
	meta: func(o *kinesis.ListShardsOutput) *middleware.Metadata { return &o.ResultMetadata },
}

var opPutRecords = operation[kinesis.PutRecordsInput, kinesis.PutRecordsOutput]{
	name:  PutRecords,
	read:  wire.ReadPutRecords,
	check: checkPutRecords,
	about: func(_ *Service, in *kinesis.PutRecordsInput) subject {
		return subject{name: in.StreamName, arn: in.StreamARN}
	},
	do:   (*Service).putRecords,
	meta: func(o *kinesis.PutRecordsOutput) *middleware.Metadata { return &o.ResultMetadata },
}

var opSplitShard = operation[kinesis.SplitShardInput, kinesis.SplitShardOutput]{
	name:  SplitShard,
	read:  wire.ReadSplitShard,
	check: checkSplitShard,
	about: func(_ *Service, in *kinesis.SplitShardInput) subject {
		return subject{name: in.StreamName, arn: in.StreamARN, shard: canonical(in.ShardToSplit)}
	},
	do:   (*Service).splitShard,
	meta: func(o *kinesis.SplitShardOutput) *middleware.Metadata { return &o.ResultMetadata },
}

var opMergeShards = operation[kinesis.MergeShardsInput, kinesis.MergeShardsOutput]{
	name:  MergeShards,
	read:  wire.ReadMergeShards,
	check: checkMergeShards,
	about: func(_ *Service, in *kinesis.MergeShardsInput) subject {
		return subject{name: in.StreamName, arn: in.StreamARN, shard: canonical(in.ShardToMerge)}
	},
	do:   (*Service).mergeShards,
	meta: func(o *kinesis.MergeShardsOutput) *middleware.Metadata { return &o.ResultMetadata },
}

var opUpdateShardCount = operation[kinesis.UpdateShardCountInput, kinesis.UpdateShardCountOutput]{
	name:  UpdateShardCount,
	read:  wire.ReadUpdateShardCount,
	check: checkUpdateShardCount,
	about: func(_ *Service, in *kinesis.UpdateShardCountInput) subject {
		return subject{name: in.StreamName, arn: in.StreamARN}
	},
	do:   (*Service).updateShardCount,
	meta: func(o *kinesis.UpdateShardCountOutput) *middleware.Metadata { return &o.ResultMetadata },
}

var opIncreaseStreamRetentionPeriod = operation[kinesis.IncreaseStreamRetentionPeriodInput, kinesis.IncreaseStreamRetentionPeriodOutput]{
	name:  IncreaseStreamRetentionPeriod,
	read:  wire.ReadIncreaseRetention,
	check: checkIncreaseRetention,
	about: func(_ *Service, in *kinesis.IncreaseStreamRetentionPeriodInput) subject {
		return subject{name: in.StreamName, arn: in.StreamARN}
	},
	do:   (*Service).increaseRetention,
	meta: func(o *kinesis.IncreaseStreamRetentionPeriodOutput) *middleware.Metadata { return &o.ResultMetadata },
}

var opDecreaseStreamRetentionPeriod = operation[kinesis.DecreaseStreamRetentionPeriodInput, kinesis.DecreaseStreamRetentionPeriodOutput]{
	name:  DecreaseStreamRetentionPeriod,
	read:  wire.ReadDecreaseRetention,
	check: checkDecreaseRetention,
	about: func(_ *Service, in *kinesis.DecreaseStreamRetentionPeriodInput) subject {
		return subject{name: in.StreamName, arn: in.StreamARN}
	},
	do:   (*Service).decreaseRetention,
	meta: func(o *kinesis.DecreaseStreamRetentionPeriodOutput) *middleware.Metadata { return &o.ResultMetadata },
}

// aboutIterator returns the stream and the shard of an iterator.
func (s *Service) aboutIterator(in *kinesis.GetRecordsInput) subject {
	if in.ShardIterator == nil {
		return subject{arn: in.StreamARN}
	}
	it, ok := s.parseIterator(*in.ShardIterator)
	if !ok {
		return subject{arn: in.StreamARN}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.byID(it.stream); st != nil {
		return subject{name: &st.name, shard: shardID(int(it.shard))}
	}
	return subject{arn: in.StreamARN, shard: shardID(int(it.shard))}
}

// aboutRecord returns the shard of a record, if its key decides that.
func (s *Service) aboutRecord(in *kinesis.PutRecordInput) subject {
	about := subject{name: in.StreamName, arn: in.StreamARN}
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.live(in.StreamName, in.StreamARN, s.config.Now())
	if err != nil || in.PartitionKey == nil || st.distribution == types.RecordDistributionStrategyAuto {
		return about
	}
	if sh, err := st.place(entry{in.Data, in.PartitionKey, in.ExplicitHashKey}); err == nil {
		about.shard = sh.id
	}
	return about
}

// canonical returns the full id of a shard, in whatever form it was written.
func canonical(id *string) string {
	if id == nil {
		return ""
	}
	if index, ok := parseShardID(*id); ok {
		return shardID(index)
	}
	return *id
}
