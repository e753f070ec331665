package kinesistest

import (
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// How the requests are read: the object that AWS's model has, by its names.

func readCreateStream(m object) *kinesis.CreateStreamInput {
	in := &kinesis.CreateStreamInput{
		StreamName: m.text("StreamName"), ShardCount: m.integer("ShardCount"),
		WarmThroughputMiBps: m.integer("WarmThroughputMiBps"), MaxRecordSizeInKiB: m.integer("MaxRecordSizeInKiB"),
		RecordDistributionStrategy: enum[types.RecordDistributionStrategy](m, "RecordDistributionStrategy"),
		Tags:                       m.dictionary("Tags"),
	}
	if mode, ok := m.structure("StreamModeDetails"); ok {
		in.StreamModeDetails = &types.StreamModeDetails{StreamMode: enum[types.StreamMode](mode, "StreamMode")}
	}
	return in
}

func readDeleteStream(m object) *kinesis.DeleteStreamInput {
	return &kinesis.DeleteStreamInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		EnforceConsumerDeletion: m.boolean("EnforceConsumerDeletion"),
	}
}

func readDescribeStream(m object) *kinesis.DescribeStreamInput {
	return &kinesis.DescribeStreamInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		Limit: m.integer("Limit"), ExclusiveStartShardId: m.text("ExclusiveStartShardId"),
	}
}

func readDescribeStreamSummary(m object) *kinesis.DescribeStreamSummaryInput {
	return &kinesis.DescribeStreamSummaryInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
	}
}

func readListStreams(m object) *kinesis.ListStreamsInput {
	return &kinesis.ListStreamsInput{
		Limit: m.integer("Limit"), ExclusiveStartStreamName: m.text("ExclusiveStartStreamName"), NextToken: m.text("NextToken"),
	}
}

func readListShards(m object) *kinesis.ListShardsInput {
	in := &kinesis.ListShardsInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		NextToken: m.text("NextToken"), ExclusiveStartShardId: m.text("ExclusiveStartShardId"),
		MaxResults: m.integer("MaxResults"), StreamCreationTimestamp: m.time("StreamCreationTimestamp"),
	}
	if f, ok := m.structure("ShardFilter"); ok {
		in.ShardFilter = &types.ShardFilter{
			Type: enum[types.ShardFilterType](f, "Type"), ShardId: f.text("ShardId"), Timestamp: f.time("Timestamp"),
		}
	}
	return in
}

func readPutRecord(m object) *kinesis.PutRecordInput {
	return &kinesis.PutRecordInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		Data: m.blob("Data"), PartitionKey: m.text("PartitionKey"), ExplicitHashKey: m.text("ExplicitHashKey"),
		SequenceNumberForOrdering: m.text("SequenceNumberForOrdering"), DryRun: m.boolean("DryRun"),
	}
}

func readPutRecords(m object) *kinesis.PutRecordsInput {
	in := &kinesis.PutRecordsInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		DryRun: m.boolean("DryRun"),
	}
	entries := m.structures("Records")
	if entries == nil {
		return in
	}
	in.Records = make([]types.PutRecordsRequestEntry, len(entries))
	for i, e := range entries {
		in.Records[i] = types.PutRecordsRequestEntry{
			Data: e.blob("Data"), PartitionKey: e.text("PartitionKey"), ExplicitHashKey: e.text("ExplicitHashKey"),
		}
	}
	return in
}

func readGetShardIterator(m object) *kinesis.GetShardIteratorInput {
	return &kinesis.GetShardIteratorInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		ShardId: m.text("ShardId"), ShardIteratorType: enum[types.ShardIteratorType](m, "ShardIteratorType"),
		StartingSequenceNumber: m.text("StartingSequenceNumber"), Timestamp: m.time("Timestamp"), DryRun: m.boolean("DryRun"),
	}
}

func readGetRecords(m object) *kinesis.GetRecordsInput {
	return &kinesis.GetRecordsInput{
		ShardIterator: m.text("ShardIterator"), Limit: m.integer("Limit"),
		StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"), DryRun: m.boolean("DryRun"),
	}
}

func readSplitShard(m object) *kinesis.SplitShardInput {
	return &kinesis.SplitShardInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		ShardToSplit: m.text("ShardToSplit"), NewStartingHashKey: m.text("NewStartingHashKey"),
	}
}

func readMergeShards(m object) *kinesis.MergeShardsInput {
	return &kinesis.MergeShardsInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		ShardToMerge: m.text("ShardToMerge"), AdjacentShardToMerge: m.text("AdjacentShardToMerge"),
	}
}

func readRegisterStreamConsumer(m object) *kinesis.RegisterStreamConsumerInput {
	return &kinesis.RegisterStreamConsumerInput{
		StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		ConsumerName: m.text("ConsumerName"), Tags: m.dictionary("Tags"),
	}
}

func readDescribeStreamConsumer(m object) *kinesis.DescribeStreamConsumerInput {
	return &kinesis.DescribeStreamConsumerInput{
		StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		ConsumerName: m.text("ConsumerName"), ConsumerARN: m.text("ConsumerARN"),
	}
}

func readDeregisterStreamConsumer(m object) *kinesis.DeregisterStreamConsumerInput {
	return &kinesis.DeregisterStreamConsumerInput{
		StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		ConsumerName: m.text("ConsumerName"), ConsumerARN: m.text("ConsumerARN"),
	}
}

func readListStreamConsumers(m object) *kinesis.ListStreamConsumersInput {
	return &kinesis.ListStreamConsumersInput{
		StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"), NextToken: m.text("NextToken"),
		MaxResults: m.integer("MaxResults"), StreamCreationTimestamp: m.time("StreamCreationTimestamp"),
	}
}

func readSubscribeToShard(m object) *kinesis.SubscribeToShardInput {
	in := &kinesis.SubscribeToShardInput{
		ConsumerARN: m.text("ConsumerARN"), StreamId: m.text("StreamId"), ShardId: m.text("ShardId"), DryRun: m.boolean("DryRun"),
	}
	if p, ok := m.structure("StartingPosition"); ok {
		in.StartingPosition = &types.StartingPosition{
			Type: enum[types.ShardIteratorType](p, "Type"), SequenceNumber: p.text("SequenceNumber"), Timestamp: p.time("Timestamp"),
		}
	}
	return in
}

func readUpdateShardCount(m object) *kinesis.UpdateShardCountInput {
	return &kinesis.UpdateShardCountInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		TargetShardCount: m.integer("TargetShardCount"), ScalingType: enum[types.ScalingType](m, "ScalingType"),
	}
}

func readIncreaseRetention(m object) *kinesis.IncreaseStreamRetentionPeriodInput {
	return &kinesis.IncreaseStreamRetentionPeriodInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		RetentionPeriodHours: m.integer("RetentionPeriodHours"),
	}
}

func readDecreaseRetention(m object) *kinesis.DecreaseStreamRetentionPeriodInput {
	return &kinesis.DecreaseStreamRetentionPeriodInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		RetentionPeriodHours: m.integer("RetentionPeriodHours"),
	}
}
