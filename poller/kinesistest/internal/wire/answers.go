package wire

import (
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// The members of the answers, in the service's names. GetRecords, the one that has to be fast, stands in encode.go.

// EncodeError appends an error.
func EncodeError(buf []byte, as Form, code, message string) []byte {
	e := Encoder{Buf: buf, Form: as}
	e.Open()
	e.text("__type", &code)
	e.enum("message", message)
	e.Close()
	return e.Buf
}

// EncodeNothing writes an answer without members.
func EncodeNothing[O any](*Encoder, *O) {}

// EncodeGetShardIterator writes the answer of GetShardIterator.
func EncodeGetShardIterator(e *Encoder, out *kinesis.GetShardIteratorOutput) {
	e.text("ShardIterator", out.ShardIterator)
}

// EncodePutRecord writes the answer of PutRecord.
func EncodePutRecord(e *Encoder, out *kinesis.PutRecordOutput) {
	e.text("ShardId", out.ShardId)
	e.text("SequenceNumber", out.SequenceNumber)
}

// EncodePutRecords writes the answer of PutRecords.
func EncodePutRecords(e *Encoder, out *kinesis.PutRecordsOutput) {
	e.int32("FailedRecordCount", out.FailedRecordCount)
	list(e, "Records", out.Records, func(e *Encoder, r *types.PutRecordsResultEntry) {
		e.Open()
		e.text("ShardId", r.ShardId)
		e.text("SequenceNumber", r.SequenceNumber)
		e.text("ErrorCode", r.ErrorCode)
		e.text("ErrorMessage", r.ErrorMessage)
		e.Close()
	})
}

// EncodeListShards writes the answer of ListShards.
func EncodeListShards(e *Encoder, out *kinesis.ListShardsOutput) {
	list(e, "Shards", out.Shards, encodeShard)
	e.text("NextToken", out.NextToken)
}

// EncodeListStreams writes the answer of ListStreams.
func EncodeListStreams(e *Encoder, out *kinesis.ListStreamsOutput) {
	e.bool("HasMoreStreams", out.HasMoreStreams)
	list(e, "StreamNames", out.StreamNames, (*Encoder).item)
	list(e, "StreamSummaries", out.StreamSummaries, func(e *Encoder, st *types.StreamSummary) {
		e.Open()
		e.text("StreamName", st.StreamName)
		e.text("StreamARN", st.StreamARN)
		e.enum("StreamStatus", string(st.StreamStatus))
		e.time("StreamCreationTimestamp", st.StreamCreationTimestamp)
		encodeMode(e, st.StreamModeDetails)
		e.Close()
	})
	e.text("NextToken", out.NextToken)
}

// EncodeDescribeStream writes the answer of DescribeStream.
func EncodeDescribeStream(e *Encoder, out *kinesis.DescribeStreamOutput) {
	st := out.StreamDescription
	e.name("StreamDescription")
	e.Open()
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
	e.Close()
}

// EncodeDescribeStreamSummary writes the answer of DescribeStreamSummary.
func EncodeDescribeStreamSummary(e *Encoder, out *kinesis.DescribeStreamSummaryOutput) {
	st := out.StreamDescriptionSummary
	if e.absent("StreamDescriptionSummary", st == nil) {
		return
	}
	e.name("StreamDescriptionSummary")
	e.Open()
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
	e.Close()
}

// EncodeRegisterStreamConsumer writes the answer of RegisterStreamConsumer.
func EncodeRegisterStreamConsumer(e *Encoder, out *kinesis.RegisterStreamConsumerOutput) {
	e.name("Consumer")
	encodeConsumer(e, out.Consumer)
}

// EncodeDescribeStreamConsumer writes the answer of DescribeStreamConsumer.
func EncodeDescribeStreamConsumer(e *Encoder, out *kinesis.DescribeStreamConsumerOutput) {
	c := out.ConsumerDescription
	e.name("ConsumerDescription")
	e.Open()
	e.text("ConsumerName", c.ConsumerName)
	e.text("ConsumerARN", c.ConsumerARN)
	e.enum("ConsumerStatus", string(c.ConsumerStatus))
	e.time("ConsumerCreationTimestamp", c.ConsumerCreationTimestamp)
	e.text("StreamARN", c.StreamARN)
	e.Close()
}

// EncodeListStreamConsumers writes the answer of ListStreamConsumers.
func EncodeListStreamConsumers(e *Encoder, out *kinesis.ListStreamConsumersOutput) {
	list(e, "Consumers", out.Consumers, encodeConsumer)
	e.text("NextToken", out.NextToken)
}

func encodeConsumer(e *Encoder, c *types.Consumer) {
	e.Open()
	e.text("ConsumerName", c.ConsumerName)
	e.text("ConsumerARN", c.ConsumerARN)
	e.enum("ConsumerStatus", string(c.ConsumerStatus))
	e.time("ConsumerCreationTimestamp", c.ConsumerCreationTimestamp)
	e.Close()
}

// EncodeEvent writes an event of a subscription.
func EncodeEvent(e *Encoder, event *types.SubscribeToShardEvent) {
	list(e, "Records", event.Records, encodeRecord)
	e.text("ContinuationSequenceNumber", event.ContinuationSequenceNumber)
	e.int64("MillisBehindLatest", event.MillisBehindLatest)
	list(e, "ChildShards", event.ChildShards, encodeChild)
}

// EncodeUpdateShardCount writes the answer of UpdateShardCount.
func EncodeUpdateShardCount(e *Encoder, out *kinesis.UpdateShardCountOutput) {
	e.text("StreamName", out.StreamName)
	e.text("StreamARN", out.StreamARN)
	e.int32("CurrentShardCount", out.CurrentShardCount)
	e.int32("TargetShardCount", out.TargetShardCount)
}

func encodeMode(e *Encoder, mode *types.StreamModeDetails) {
	e.name("StreamModeDetails")
	e.Open()
	e.enum("StreamMode", string(mode.StreamMode))
	e.Close()
}

func encodeMetrics(e *Encoder, m *types.EnhancedMetrics) {
	e.Open()
	list(e, "ShardLevelMetrics", m.ShardLevelMetrics, func(e *Encoder, n *types.MetricsName) { e.string(string(*n)) })
	e.Close()
}
