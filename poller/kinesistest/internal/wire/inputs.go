package wire

import (
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// How the requests are read: the object that AWS's model has, by its names.

// ReadCreateStream reads a request of CreateStream.
func ReadCreateStream(m Object) *kinesis.CreateStreamInput {
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

// ReadDeleteStream reads a request of DeleteStream.
func ReadDeleteStream(m Object) *kinesis.DeleteStreamInput {
	return &kinesis.DeleteStreamInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		EnforceConsumerDeletion: m.boolean("EnforceConsumerDeletion"),
	}
}

// ReadDescribeStream reads a request of DescribeStream.
func ReadDescribeStream(m Object) *kinesis.DescribeStreamInput {
	return &kinesis.DescribeStreamInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		Limit: m.integer("Limit"), ExclusiveStartShardId: m.text("ExclusiveStartShardId"),
	}
}

// ReadDescribeStreamSummary reads a request of DescribeStreamSummary.
func ReadDescribeStreamSummary(m Object) *kinesis.DescribeStreamSummaryInput {
	return &kinesis.DescribeStreamSummaryInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
	}
}

// ReadListStreams reads a request of ListStreams.
func ReadListStreams(m Object) *kinesis.ListStreamsInput {
	return &kinesis.ListStreamsInput{
		Limit: m.integer("Limit"), ExclusiveStartStreamName: m.text("ExclusiveStartStreamName"), NextToken: m.text("NextToken"),
	}
}

// ReadListShards reads a request of ListShards.
func ReadListShards(m Object) *kinesis.ListShardsInput {
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

// ReadPutRecord reads a request of PutRecord.
func ReadPutRecord(m Object) *kinesis.PutRecordInput {
	return &kinesis.PutRecordInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		Data: m.blob("Data"), PartitionKey: m.text("PartitionKey"), ExplicitHashKey: m.text("ExplicitHashKey"),
		SequenceNumberForOrdering: m.text("SequenceNumberForOrdering"), DryRun: m.boolean("DryRun"),
	}
}

// ReadPutRecords reads a request of PutRecords.
func ReadPutRecords(m Object) *kinesis.PutRecordsInput {
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

// ReadGetShardIterator reads a request of GetShardIterator.
func ReadGetShardIterator(m Object) *kinesis.GetShardIteratorInput {
	return &kinesis.GetShardIteratorInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		ShardId: m.text("ShardId"), ShardIteratorType: enum[types.ShardIteratorType](m, "ShardIteratorType"),
		StartingSequenceNumber: m.text("StartingSequenceNumber"), Timestamp: m.time("Timestamp"), DryRun: m.boolean("DryRun"),
	}
}

// ReadGetRecords reads a request of GetRecords.
func ReadGetRecords(m Object) *kinesis.GetRecordsInput {
	return &kinesis.GetRecordsInput{
		ShardIterator: m.text("ShardIterator"), Limit: m.integer("Limit"),
		StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"), DryRun: m.boolean("DryRun"),
	}
}

// ReadSplitShard reads a request of SplitShard.
func ReadSplitShard(m Object) *kinesis.SplitShardInput {
	return &kinesis.SplitShardInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		ShardToSplit: m.text("ShardToSplit"), NewStartingHashKey: m.text("NewStartingHashKey"),
	}
}

// ReadMergeShards reads a request of MergeShards.
func ReadMergeShards(m Object) *kinesis.MergeShardsInput {
	return &kinesis.MergeShardsInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		ShardToMerge: m.text("ShardToMerge"), AdjacentShardToMerge: m.text("AdjacentShardToMerge"),
	}
}

// ReadRegisterStreamConsumer reads a request of RegisterStreamConsumer.
func ReadRegisterStreamConsumer(m Object) *kinesis.RegisterStreamConsumerInput {
	return &kinesis.RegisterStreamConsumerInput{
		StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		ConsumerName: m.text("ConsumerName"), Tags: m.dictionary("Tags"),
	}
}

// ReadDescribeStreamConsumer reads a request of DescribeStreamConsumer.
func ReadDescribeStreamConsumer(m Object) *kinesis.DescribeStreamConsumerInput {
	return &kinesis.DescribeStreamConsumerInput{
		StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		ConsumerName: m.text("ConsumerName"), ConsumerARN: m.text("ConsumerARN"),
	}
}

// ReadDeregisterStreamConsumer reads a request of DeregisterStreamConsumer.
func ReadDeregisterStreamConsumer(m Object) *kinesis.DeregisterStreamConsumerInput {
	return &kinesis.DeregisterStreamConsumerInput{
		StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		ConsumerName: m.text("ConsumerName"), ConsumerARN: m.text("ConsumerARN"),
	}
}

// ReadListStreamConsumers reads a request of ListStreamConsumers.
func ReadListStreamConsumers(m Object) *kinesis.ListStreamConsumersInput {
	return &kinesis.ListStreamConsumersInput{
		StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"), NextToken: m.text("NextToken"),
		MaxResults: m.integer("MaxResults"), StreamCreationTimestamp: m.time("StreamCreationTimestamp"),
	}
}

// ReadSubscribeToShard reads a request of SubscribeToShard.
func ReadSubscribeToShard(m Object) *kinesis.SubscribeToShardInput {
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

// ReadUpdateShardCount reads a request of UpdateShardCount.
func ReadUpdateShardCount(m Object) *kinesis.UpdateShardCountInput {
	return &kinesis.UpdateShardCountInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		TargetShardCount: m.integer("TargetShardCount"), ScalingType: enum[types.ScalingType](m, "ScalingType"),
	}
}

// ReadIncreaseRetention reads a request of IncreaseStreamRetentionPeriod.
func ReadIncreaseRetention(m Object) *kinesis.IncreaseStreamRetentionPeriodInput {
	return &kinesis.IncreaseStreamRetentionPeriodInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		RetentionPeriodHours: m.integer("RetentionPeriodHours"),
	}
}

// ReadDecreaseRetention reads a request of DecreaseStreamRetentionPeriod.
func ReadDecreaseRetention(m Object) *kinesis.DecreaseStreamRetentionPeriodInput {
	return &kinesis.DecreaseStreamRetentionPeriodInput{
		StreamName: m.text("StreamName"), StreamARN: m.text("StreamARN"), StreamId: m.text("StreamId"),
		RetentionPeriodHours: m.integer("RetentionPeriodHours"),
	}
}
