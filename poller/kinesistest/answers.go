package kinesistest

import (
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// The members of the answers, in the service's names. GetRecords, the one that has to be fast, stands in encode.go.

func encodeNothing[O any](*encoder, *O) {}

func encodeGetShardIterator(e *encoder, out *kinesis.GetShardIteratorOutput) {
	e.text("ShardIterator", out.ShardIterator)
}

func encodePutRecord(e *encoder, out *kinesis.PutRecordOutput) {
	e.text("ShardId", out.ShardId)
	e.text("SequenceNumber", out.SequenceNumber)
}

func encodePutRecords(e *encoder, out *kinesis.PutRecordsOutput) {
	e.int32("FailedRecordCount", out.FailedRecordCount)
	list(e, "Records", out.Records, func(e *encoder, r *types.PutRecordsResultEntry) {
		e.open()
		e.text("ShardId", r.ShardId)
		e.text("SequenceNumber", r.SequenceNumber)
		e.text("ErrorCode", r.ErrorCode)
		e.text("ErrorMessage", r.ErrorMessage)
		e.close()
	})
}

func encodeListShards(e *encoder, out *kinesis.ListShardsOutput) {
	list(e, "Shards", out.Shards, encodeShard)
	e.text("NextToken", out.NextToken)
}

func encodeListStreams(e *encoder, out *kinesis.ListStreamsOutput) {
	e.bool("HasMoreStreams", out.HasMoreStreams)
	list(e, "StreamNames", out.StreamNames, (*encoder).item)
	list(e, "StreamSummaries", out.StreamSummaries, func(e *encoder, st *types.StreamSummary) {
		e.open()
		e.text("StreamName", st.StreamName)
		e.text("StreamARN", st.StreamARN)
		e.enum("StreamStatus", string(st.StreamStatus))
		e.time("StreamCreationTimestamp", st.StreamCreationTimestamp)
		encodeMode(e, st.StreamModeDetails)
		e.close()
	})
	e.text("NextToken", out.NextToken)
}

func encodeDescribeStream(e *encoder, out *kinesis.DescribeStreamOutput) {
	st := out.StreamDescription
	e.name("StreamDescription")
	e.open()
	e.text("StreamName", st.StreamName)
	e.text("StreamARN", st.StreamARN)
	e.enum("StreamStatus", string(st.StreamStatus))
	e.time("StreamCreationTimestamp", st.StreamCreationTimestamp)
	e.int32("RetentionPeriodHours", st.RetentionPeriodHours)
	encodeMode(e, st.StreamModeDetails)
	list(e, "EnhancedMonitoring", st.EnhancedMonitoring, encodeMetrics)
	e.enum("EncryptionType", string(st.EncryptionType))
	list(e, "Shards", st.Shards, encodeShard)
	e.bool("HasMoreShards", st.HasMoreShards)
	e.close()
}

func encodeDescribeStreamSummary(e *encoder, out *kinesis.DescribeStreamSummaryOutput) {
	st := out.StreamDescriptionSummary
	if e.absent("StreamDescriptionSummary", st == nil) {
		return
	}
	e.name("StreamDescriptionSummary")
	e.open()
	e.text("StreamName", st.StreamName)
	e.text("StreamARN", st.StreamARN)
	e.enum("StreamStatus", string(st.StreamStatus))
	e.time("StreamCreationTimestamp", st.StreamCreationTimestamp)
	e.int32("RetentionPeriodHours", st.RetentionPeriodHours)
	encodeMode(e, st.StreamModeDetails)
	list(e, "EnhancedMonitoring", st.EnhancedMonitoring, encodeMetrics)
	e.enum("EncryptionType", string(st.EncryptionType))
	e.int32("OpenShardCount", st.OpenShardCount)
	e.int32("ConsumerCount", st.ConsumerCount)
	e.int32("MaxRecordSizeInKiB", st.MaxRecordSizeInKiB)
	e.enum("RecordDistributionStrategy", string(st.RecordDistributionStrategy))
	e.close()
}

func encodeRegisterStreamConsumer(e *encoder, out *kinesis.RegisterStreamConsumerOutput) {
	e.name("Consumer")
	encodeConsumer(e, out.Consumer)
}

func encodeDescribeStreamConsumer(e *encoder, out *kinesis.DescribeStreamConsumerOutput) {
	c := out.ConsumerDescription
	e.name("ConsumerDescription")
	e.open()
	e.text("ConsumerName", c.ConsumerName)
	e.text("ConsumerARN", c.ConsumerARN)
	e.enum("ConsumerStatus", string(c.ConsumerStatus))
	e.time("ConsumerCreationTimestamp", c.ConsumerCreationTimestamp)
	e.text("StreamARN", c.StreamARN)
	e.close()
}

func encodeListStreamConsumers(e *encoder, out *kinesis.ListStreamConsumersOutput) {
	list(e, "Consumers", out.Consumers, encodeConsumer)
	e.text("NextToken", out.NextToken)
}

func encodeConsumer(e *encoder, c *types.Consumer) {
	e.open()
	e.text("ConsumerName", c.ConsumerName)
	e.text("ConsumerARN", c.ConsumerARN)
	e.enum("ConsumerStatus", string(c.ConsumerStatus))
	e.time("ConsumerCreationTimestamp", c.ConsumerCreationTimestamp)
	e.close()
}

// encodeEvent writes an event of a subscription.
func encodeEvent(e *encoder, event *types.SubscribeToShardEvent) {
	list(e, "Records", event.Records, encodeRecord)
	e.text("ContinuationSequenceNumber", event.ContinuationSequenceNumber)
	e.int64("MillisBehindLatest", event.MillisBehindLatest)
	list(e, "ChildShards", event.ChildShards, encodeChild)
}

func encodeUpdateShardCount(e *encoder, out *kinesis.UpdateShardCountOutput) {
	e.text("StreamName", out.StreamName)
	e.text("StreamARN", out.StreamARN)
	e.int32("CurrentShardCount", out.CurrentShardCount)
	e.int32("TargetShardCount", out.TargetShardCount)
}

func encodeMode(e *encoder, mode *types.StreamModeDetails) {
	e.name("StreamModeDetails")
	e.open()
	e.enum("StreamMode", string(mode.StreamMode))
	e.close()
}

func encodeMetrics(e *encoder, m *types.EnhancedMetrics) {
	e.open()
	list(e, "ShardLevelMetrics", m.ShardLevelMetrics, func(e *encoder, n *types.MetricsName) { e.string(string(*n)) })
	e.close()
}
