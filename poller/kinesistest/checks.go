package kinesistest

import (
	"fmt"
	"math"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// The constraints of each request in AWS's model. Rules that go beyond one member, and those that need the stream,
// belong to the operations, which usually answer with an InvalidArgumentException. Source: the service model of
// Kinesis, version 2013-12-02.

func checkCreateStream(v *violations, in *kinesis.CreateStreamInput) {
	v.within("shardCount", in.ShardCount, 1, math.MaxInt32)
	v.within("warmThroughputMiBps", in.WarmThroughputMiBps, 0, math.MaxInt32)
	v.within("maxRecordSizeInKiB", in.MaxRecordSizeInKiB, defaultRecordKiB, maxRecordKiB)
	if mode := in.StreamModeDetails; mode != nil {
		v.present("streamModeDetails.streamMode", mode.StreamMode != "")
		among(v, "streamModeDetails.streamMode", mode.StreamMode, types.StreamModeProvisioned, types.StreamModeOnDemand)
	}
	among(v, "recordDistributionStrategy", in.RecordDistributionStrategy,
		types.RecordDistributionStrategyAuto, types.RecordDistributionStrategyUserPartitionKey)
	v.tags(in.Tags)
	v.required("streamName", in.StreamName, nameRule)
}

func checkDeleteStream(v *violations, in *kinesis.DeleteStreamInput) {
	v.stream(in.StreamName, in.StreamARN, in.StreamId)
}

func checkDescribeStream(v *violations, in *kinesis.DescribeStreamInput) {
	v.within("limit", in.Limit, 1, maxPageRecords)
	v.text("exclusiveStartShardId", in.ExclusiveStartShardId, nameRule)
	v.stream(in.StreamName, in.StreamARN, in.StreamId)
}

func checkDescribeStreamSummary(v *violations, in *kinesis.DescribeStreamSummaryInput) {
	v.stream(in.StreamName, in.StreamARN, in.StreamId)
}

func checkListStreams(v *violations, in *kinesis.ListStreamsInput) {
	v.within("limit", in.Limit, 1, maxPageRecords)
	v.text("exclusiveStartStreamName", in.ExclusiveStartStreamName, nameRule)
	v.text("nextToken", in.NextToken, tokenRule)
}

func checkListShards(v *violations, in *kinesis.ListShardsInput) {
	v.within("maxResults", in.MaxResults, 1, maxPageRecords)
	v.text("nextToken", in.NextToken, tokenRule)
	v.text("exclusiveStartShardId", in.ExclusiveStartShardId, nameRule)
	if f := in.ShardFilter; f != nil {
		v.present("shardFilter.type", f.Type != "")
		among(v, "shardFilter.type", f.Type, types.ShardFilterTypeAfterShardId, types.ShardFilterTypeAtLatest,
			types.ShardFilterTypeAtTimestamp, types.ShardFilterTypeAtTrimHorizon, types.ShardFilterTypeFromTimestamp,
			types.ShardFilterTypeFromTrimHorizon)
		v.text("shardFilter.shardId", f.ShardId, nameRule)
	}
	v.stream(in.StreamName, in.StreamARN, in.StreamId)
}

func checkPutRecord(v *violations, in *kinesis.PutRecordInput) {
	v.text("sequenceNumberForOrdering", in.SequenceNumberForOrdering, sequenceRule)
	v.entry("", entry{in.Data, in.PartitionKey, in.ExplicitHashKey})
	v.stream(in.StreamName, in.StreamARN, in.StreamId)
}

// entry checks a record of a put. path is its place in the request. The stream decides whether its partition key may be
// absent.
func (v *violations) entry(path string, e entry) {
	v.text(path+"partitionKey", e.key, keyRule)
	v.text(path+"explicitHashKey", e.hashKey, hashKeyRule)
	v.present(path+"data", e.data != nil)
	v.length(path+"data", len(e.data), 0, maxRecordKiB<<10)
}

func checkPutRecords(v *violations, in *kinesis.PutRecordsInput) {
	v.present("records", in.Records != nil)
	if in.Records != nil {
		v.length("records", len(in.Records), 1, maxPutRecords)
	}
	for i, r := range in.Records {
		v.entry(fmt.Sprintf("records.%d.member.", i+1), entry{r.Data, r.PartitionKey, r.ExplicitHashKey})
		if len(*v) >= maxViolations {
			return
		}
	}
	v.stream(in.StreamName, in.StreamARN, in.StreamId)
}

func checkGetShardIterator(v *violations, in *kinesis.GetShardIteratorInput) {
	v.required("shardId", in.ShardId, nameRule)
	v.iteratorType("shardIteratorType", in.ShardIteratorType)
	v.text("startingSequenceNumber", in.StartingSequenceNumber, sequenceRule)
	v.stream(in.StreamName, in.StreamARN, in.StreamId)
}

// iteratorType checks how a place in a shard is named.
func (v *violations) iteratorType(member string, t types.ShardIteratorType) {
	v.present(member, t != "")
	among(v, member, t, types.ShardIteratorTypeAfterSequenceNumber, types.ShardIteratorTypeLatest,
		types.ShardIteratorTypeAtTimestamp, types.ShardIteratorTypeAtSequenceNumber, types.ShardIteratorTypeTrimHorizon)
}

func checkGetRecords(v *violations, in *kinesis.GetRecordsInput) {
	v.within("limit", in.Limit, 1, maxPageRecords)
	v.required("shardIterator", in.ShardIterator, iteratorRule)
	v.stream(nil, in.StreamARN, in.StreamId)
}

func checkSplitShard(v *violations, in *kinesis.SplitShardInput) {
	v.required("newStartingHashKey", in.NewStartingHashKey, hashKeyRule)
	v.required("shardToSplit", in.ShardToSplit, nameRule)
	v.stream(in.StreamName, in.StreamARN, in.StreamId)
}

func checkMergeShards(v *violations, in *kinesis.MergeShardsInput) {
	v.required("shardToMerge", in.ShardToMerge, nameRule)
	v.required("adjacentShardToMerge", in.AdjacentShardToMerge, nameRule)
	v.stream(in.StreamName, in.StreamARN, in.StreamId)
}

func checkRegisterStreamConsumer(v *violations, in *kinesis.RegisterStreamConsumerInput) {
	v.required("consumerName", in.ConsumerName, nameRule)
	v.tags(in.Tags)
	v.present("streamARN", in.StreamARN != nil)
	v.stream(nil, in.StreamARN, in.StreamId)
}

func checkDescribeStreamConsumer(v *violations, in *kinesis.DescribeStreamConsumerInput) {
	v.consumer(in.ConsumerName, in.ConsumerARN)
	v.stream(nil, in.StreamARN, in.StreamId)
}

func checkDeregisterStreamConsumer(v *violations, in *kinesis.DeregisterStreamConsumerInput) {
	v.consumer(in.ConsumerName, in.ConsumerARN)
	v.stream(nil, in.StreamARN, in.StreamId)
}

// consumer checks what names a consumer.
func (v *violations) consumer(name, arn *string) {
	v.text("consumerName", name, nameRule)
	v.text("consumerARN", arn, consumerARNRule)
}

func checkListStreamConsumers(v *violations, in *kinesis.ListStreamConsumersInput) {
	v.within("maxResults", in.MaxResults, 1, maxPageRecords)
	v.text("nextToken", in.NextToken, tokenRule)
	v.present("streamARN", in.StreamARN != nil)
	v.stream(nil, in.StreamARN, in.StreamId)
}

func checkSubscribeToShard(v *violations, in *kinesis.SubscribeToShardInput) {
	v.required("consumerARN", in.ConsumerARN, consumerARNRule)
	v.required("shardId", in.ShardId, nameRule)
	v.present("startingPosition", in.StartingPosition != nil)
	if p := in.StartingPosition; p != nil {
		v.iteratorType("startingPosition.type", p.Type)
		v.text("startingPosition.sequenceNumber", p.SequenceNumber, sequenceRule)
	}
	v.text("streamId", in.StreamId, streamIDRule)
}

func checkUpdateShardCount(v *violations, in *kinesis.UpdateShardCountInput) {
	v.present("scalingType", in.ScalingType != "")
	among(v, "scalingType", in.ScalingType, types.ScalingTypeUniformScaling)
	v.present("targetShardCount", in.TargetShardCount != nil)
	v.within("targetShardCount", in.TargetShardCount, 1, math.MaxInt32)
	v.stream(in.StreamName, in.StreamARN, in.StreamId)
}

func checkIncreaseRetention(v *violations, in *kinesis.IncreaseStreamRetentionPeriodInput) {
	v.present("retentionPeriodHours", in.RetentionPeriodHours != nil)
	v.stream(in.StreamName, in.StreamARN, in.StreamId)
}

func checkDecreaseRetention(v *violations, in *kinesis.DecreaseStreamRetentionPeriodInput) {
	v.present("retentionPeriodHours", in.RetentionPeriodHours != nil)
	v.stream(in.StreamName, in.StreamARN, in.StreamId)
}
