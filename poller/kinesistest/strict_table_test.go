package kinesistest_test

import (
	"strings"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

const (
	ordersARN  = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
	billingARN = ordersARN + "/consumer/billing:1767225600"

	validation = "ValidationException"
	argument   = "InvalidArgumentException"
	notFound   = "ResourceNotFoundException"
	unreadable = "SerializationException"

	null       = " failed to satisfy constraint: Member must not be null"
	namePat    = " failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
	arnPat     = ` failed to satisfy constraint: Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\d{12}:stream/\S+`
	keyPat     = ` failed to satisfy constraint: Member must satisfy regular expression pattern: ^(0|([1-9]\d{0,38}))$`
	numberPat  = ` failed to satisfy constraint: Member must satisfy regular expression pattern: ^(0|([1-9]\d{0,128}))$`
	atLeast1   = " failed to satisfy constraint: Member must have value greater than or equal to 1"
	atMost1e4  = " failed to satisfy constraint: Member must have value less than or equal to 10000"
	longer     = " failed to satisfy constraint: Member must have length greater than or equal to "
	shorter    = " failed to satisfy constraint: Member must have length less than or equal to "
	eitherText = "Either StreamName or StreamARN must be provided."
)

// refusal is a request that AWS refuses: the members besides those that base gives it, and the answer.
type refusal struct {
	op            kinesistest.Op
	body          string // JSON; %s stands for the stream's token, if there is one
	code, message string
}

var long129, long257 = strings.Repeat("n", 129), strings.Repeat("k", 257)

var refusals = []refusal{
	{kinesistest.CreateStream, `{}`, validation, "1 validation error detected: Value null at 'streamName'" + null},
	{kinesistest.CreateStream, `{"StreamName":""}`, validation, "2 validation errors detected: Value '' at 'streamName'" + namePat + "; Value '' at 'streamName'" + longer + "1"},
	{kinesistest.CreateStream, `{"StreamName":"a","ShardCount":0}`, validation, "Value '0' at 'shardCount'" + atLeast1},
	{kinesistest.CreateStream, `{"StreamName":"a b","ShardCount":1}`, validation, "Value 'a b' at 'streamName'" + namePat},
	{kinesistest.CreateStream, `{"StreamName":"a\n","ShardCount":1}`, validation, "Value 'a\n' at 'streamName'" + namePat},
	{kinesistest.CreateStream, `{"StreamName":"` + long129 + `","ShardCount":1}`, validation, "Value '" + long129 + "' at 'streamName'" + shorter + "128"},
	{kinesistest.CreateStream, `{"StreamName":"a"}`, argument, "ShardCount"},
	{kinesistest.CreateStream, `{"StreamName":"a","ShardCount":10001}`, "LimitExceededException", "10001"},
	{kinesistest.CreateStream, `{"StreamName":"a","ShardCount":1,"MaxRecordSizeInKiB":1023}`, validation, "Value '1023' at 'maxRecordSizeInKiB' failed to satisfy constraint: Member must have value greater than or equal to 1024"},
	{kinesistest.CreateStream, `{"StreamName":"a","ShardCount":1,"MaxRecordSizeInKiB":10241}`, validation, "less than or equal to 10240"},
	{kinesistest.CreateStream, `{"StreamName":"a","ShardCount":1,"WarmThroughputMiBps":-1}`, validation, "Value '-1' at 'warmThroughputMiBps'"},
	{kinesistest.CreateStream, `{"StreamName":"a","StreamModeDetails":{"StreamMode":"X"}}`, validation, "Value 'X' at 'streamModeDetails.streamMode' failed to satisfy constraint: Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]"},
	{kinesistest.CreateStream, `{"StreamName":"a","StreamModeDetails":{}}`, validation, "Value null at 'streamModeDetails.streamMode'" + null},
	{kinesistest.CreateStream, `{"StreamName":"a","ShardCount":1,"RecordDistributionStrategy":"X"}`, validation, "Value 'X' at 'recordDistributionStrategy'"},
	{kinesistest.CreateStream, `{"StreamName":"a","ShardCount":1,"RecordDistributionStrategy":"AUTO"}`, argument, "PROVISIONED"},
	{kinesistest.CreateStream, `{"StreamName":"a","ShardCount":1,"Tags":{}}`, validation, "at 'tags'" + longer + "1"},
	{kinesistest.CreateStream, `{"StreamName":"a","ShardCount":1,"Tags":{"":"x"}}`, validation, "Map keys must satisfy constraint"},
	{kinesistest.CreateStream, `{"StreamName":"a","ShardCount":1,"Tags":{"x":"` + long257 + `"}}`, validation, "Map value must satisfy constraint"},
	{kinesistest.CreateStream, `{"StreamName":"orders","ShardCount":1}`, "ResourceInUseException", "already exists"},

	{kinesistest.DeleteStream, `{}`, argument, eitherText},
	{kinesistest.DeleteStream, `{"StreamName":"a/b"}`, validation, "'streamName'" + namePat},
	{kinesistest.DeleteStream, `{"StreamName":"orders"}`, "ResourceInUseException", "registered consumers"},
	{kinesistest.DeleteStream, `{"StreamName":"orders","StreamId":"x"}`, validation, "Value 'x' at 'streamId'"},

	{kinesistest.DescribeStream, `{}`, argument, eitherText},
	{kinesistest.DescribeStream, `{"StreamName":"orders","Limit":0}`, validation, "Value '0' at 'limit'" + atLeast1},
	{kinesistest.DescribeStream, `{"StreamName":"orders","Limit":10001}`, validation, "Value '10001' at 'limit'" + atMost1e4},
	{kinesistest.DescribeStream, `{"StreamName":"orders","ExclusiveStartShardId":""}`, validation, "Value '' at 'exclusiveStartShardId'"},
	{kinesistest.DescribeStream, `{"StreamName":"orders","ExclusiveStartShardId":"x y"}`, validation, "'exclusiveStartShardId'" + namePat},
	{kinesistest.DescribeStreamSummary, `{"StreamARN":"orders"}`, validation, "Value 'orders' at 'streamARN'" + arnPat},
	{kinesistest.DescribeStreamSummary, `{"StreamARN":"` + ordersARN + `\n"}`, validation, "at 'streamARN'" + arnPat},
	{kinesistest.DescribeStreamSummary, `{"StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/ord ers"}`, validation, "at 'streamARN'" + arnPat},
	{kinesistest.DescribeStreamSummary, `{"StreamARN":"arn:aws:kinesis:us-east-1:12345:stream/orders"}`, validation, "at 'streamARN'" + arnPat},
	{kinesistest.DescribeStreamSummary, `{"StreamARN":"` + ordersARN + strings.Repeat("x", 2048) + `"}`, validation, "at 'streamARN'" + shorter + "2048"},
	{kinesistest.DescribeStreamSummary, `{"StreamARN":"` + ordersARN + `/x"}`, notFound, "orders/x"},
	{kinesistest.DescribeStreamSummary, `{"StreamARN":"arn:aws:kinesis:eu-west-1:123456789012:stream/orders"}`, notFound, "orders"},
	{kinesistest.DescribeStreamSummary, `{"StreamARN":"arn:aws-cn:kinesis:us-east-1:123456789012:stream/orders"}`, notFound, "orders"},
	{kinesistest.DescribeStreamSummary, `{"StreamName":"others","StreamARN":"` + ordersARN + `"}`, argument, "StreamARN " + ordersARN + " does not belong to stream others."},
	{kinesistest.DescribeStreamSummary, `{"streamName":"orders"}`, argument, eitherText},

	{kinesistest.ListStreams, `{"Limit":0}`, validation, "Value '0' at 'limit'" + atLeast1},
	{kinesistest.ListStreams, `{"Limit":10001}`, validation, "Value '10001' at 'limit'" + atMost1e4},
	{kinesistest.ListStreams, `{"Limit":99999999999}`, validation, "at 'limit'" + atMost1e4},
	{kinesistest.ListStreams, `{"ExclusiveStartStreamName":"a b"}`, validation, "'exclusiveStartStreamName'" + namePat},
	{kinesistest.ListStreams, `{"NextToken":""}`, validation, "Value '' at 'nextToken'" + longer + "1"},
	{kinesistest.ListStreams, `{"NextToken":"x"}`, argument, "Invalid NextToken."},
	{kinesistest.ListStreams, `{"NextToken":"x","ExclusiveStartStreamName":"a"}`, argument, "NextToken and ExclusiveStartStreamName cannot be provided together."},

	{kinesistest.ListShards, `{}`, argument, "Either NextToken or StreamName should be provided."},
	{kinesistest.ListShards, `{"StreamName":"orders","MaxResults":0}`, validation, "Value '0' at 'maxResults'" + atLeast1},
	{kinesistest.ListShards, `{"StreamName":"orders","MaxResults":10001}`, validation, "Value '10001' at 'maxResults'" + atMost1e4},
	{kinesistest.ListShards, `{"NextToken":""}`, validation, "Value '' at 'nextToken'" + longer + "1"},
	{kinesistest.ListShards, `{"NextToken":"` + strings.Repeat("x", 1<<20+1) + `"}`, validation, "at 'nextToken'" + shorter + "1048576"},
	{kinesistest.ListShards, `{"NextToken":"garbage"}`, argument, "Invalid NextToken."},
	{kinesistest.ListShards, `{"NextToken":"%s","StreamName":"orders"}`, argument, "NextToken and StreamName cannot be provided together."},
	{kinesistest.ListShards, `{"NextToken":"%s","StreamARN":"` + ordersARN + `"}`, argument, "NextToken and StreamARN cannot be provided together."},
	{kinesistest.ListShards, `{"NextToken":"%s","ExclusiveStartShardId":"shardId-000000000000"}`, argument, "NextToken and ExclusiveStartShardId cannot be provided together."},
	{kinesistest.ListShards, `{"NextToken":"%s","StreamCreationTimestamp":1767225600}`, argument, "NextToken and StreamCreationTimestamp cannot be provided together."},
	{kinesistest.ListShards, `{"NextToken":"%s","ShardFilter":{"Type":"AT_LATEST"}}`, argument, "NextToken and ShardFilter cannot be provided together."},
	{kinesistest.ListShards, `{"StreamName":"orders","ExclusiveStartShardId":"` + long129 + `"}`, validation, "at 'exclusiveStartShardId'" + shorter + "128"},
	{kinesistest.ListShards, `{"StreamName":"orders","ShardFilter":{}}`, validation, "Value null at 'shardFilter.type'" + null},
	{kinesistest.ListShards, `{"StreamName":"orders","ShardFilter":{"Type":"ALL"}}`, validation, "Value 'ALL' at 'shardFilter.type' failed to satisfy constraint: Member must satisfy enum value set: [AFTER_SHARD_ID, AT_LATEST, AT_TIMESTAMP, AT_TRIM_HORIZON, FROM_TIMESTAMP, FROM_TRIM_HORIZON]"},
	{kinesistest.ListShards, `{"StreamName":"orders","ShardFilter":{"Type":"AFTER_SHARD_ID"}}`, argument, "ShardId"},
	{kinesistest.ListShards, `{"StreamName":"orders","ShardFilter":{"Type":"AFTER_SHARD_ID","ShardId":"?"}}`, validation, "'shardFilter.shardId'" + namePat},
	{kinesistest.ListShards, `{"StreamName":"orders","ShardFilter":{"Type":"AT_LATEST","ShardId":"shardId-000000000000"}}`, argument, "ShardId"},
	{kinesistest.ListShards, `{"StreamName":"orders","ShardFilter":{"Type":"AT_TIMESTAMP"}}`, argument, "Timestamp"},
	{kinesistest.ListShards, `{"StreamName":"orders","ShardFilter":{"Type":"FROM_TIMESTAMP"}}`, argument, "Timestamp"},
	{kinesistest.ListShards, `{"StreamName":"orders","ShardFilter":{"Type":"AT_TRIM_HORIZON","Timestamp":1767225600}}`, argument, "Timestamp"},
	{kinesistest.ListShards, `{"StreamName":"orders","StreamCreationTimestamp":1}`, notFound, "orders"},
	{kinesistest.ListShards, `{"StreamName":"nowhere"}`, notFound, "Stream nowhere under account 123456789012 not found."},

	{kinesistest.PutRecord, `{}`, validation, "1 validation error detected: Value null at 'data'" + null},
	{kinesistest.PutRecord, `{"StreamName":"orders","Data":"eA=="}`, validation, "Value null at 'partitionKey'" + null},
	{kinesistest.PutRecord, `{"StreamName":"orders","Data":"eA==","PartitionKey":""}`, validation, "Value '' at 'partitionKey'" + longer + "1"},
	{kinesistest.PutRecord, `{"StreamName":"orders","Data":"eA==","PartitionKey":"` + long257 + `"}`, validation, "Value '" + long257 + "' at 'partitionKey'" + shorter + "256"},
	{kinesistest.PutRecord, `{"StreamName":"orders","Data":"eA==","PartitionKey":"k","ExplicitHashKey":""}`, validation, "Value '' at 'explicitHashKey'" + keyPat},
	{kinesistest.PutRecord, `{"StreamName":"orders","Data":"eA==","PartitionKey":"k","ExplicitHashKey":"01"}`, validation, "Value '01' at 'explicitHashKey'" + keyPat},
	{kinesistest.PutRecord, `{"StreamName":"orders","Data":"eA==","PartitionKey":"k","ExplicitHashKey":"-1"}`, validation, "Value '-1' at 'explicitHashKey'" + keyPat},
	{kinesistest.PutRecord, `{"StreamName":"orders","Data":"eA==","PartitionKey":"k","ExplicitHashKey":"340282366920938463463374607431768211456"}`, argument, "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was 340282366920938463463374607431768211456"},
	{kinesistest.PutRecord, `{"StreamName":"orders","Data":"eA==","PartitionKey":"k","SequenceNumberForOrdering":"x"}`, validation, "Value 'x' at 'sequenceNumberForOrdering'" + numberPat},
	{kinesistest.PutRecord, `{"StreamName":"orders","Data":"eA==","PartitionKey":"k","SequenceNumberForOrdering":"5"}`, argument, "ExclusiveMinimumSequenceNumber 5 used in PutRecord on stream orders under account 123456789012 is invalid."},
	{kinesistest.PutRecord, `{"Data":"eA==","PartitionKey":"k"}`, argument, eitherText},
	{kinesistest.PutRecords, `{"StreamName":"orders"}`, validation, "Value null at 'records'" + null},
	{kinesistest.PutRecords, `{"StreamName":"orders","Records":[]}`, validation, "at 'records'" + longer + "1"},
	{kinesistest.PutRecords, `{"StreamName":"orders","Records":[` + strings.Repeat(`{"Data":"","PartitionKey":"k"},`, 500) + `{"Data":"","PartitionKey":"k"}]}`, validation, "at 'records'" + shorter + "500"},
	{kinesistest.PutRecords, `{"StreamName":"orders","Records":[{"Data":"","PartitionKey":"k"},{"PartitionKey":""}]}`, validation, "2 validation errors detected: Value '' at 'records.2.member.partitionKey'" + longer + "1; Value null at 'records.2.member.data'" + null},
	{kinesistest.PutRecords, `{"StreamName":"orders","Records":[` + strings.Repeat(`{},`, 20) + `{}]}`, validation, "10 validation errors detected: "},

	{kinesistest.GetShardIterator, `{"StreamName":"orders"}`, validation, "2 validation errors detected: Value null at 'shardId'" + null + "; Value null at 'shardIteratorType'" + null},
	{kinesistest.GetShardIterator, `{"StreamName":"orders","ShardId":"","ShardIteratorType":"LATEST"}`, validation, "Value '' at 'shardId'" + namePat},
	{kinesistest.GetShardIterator, `{"StreamName":"orders","ShardId":"` + long129 + `","ShardIteratorType":"LATEST"}`, validation, "at 'shardId'" + shorter + "128"},
	{kinesistest.GetShardIterator, `{"StreamName":"orders","ShardId":"0","ShardIteratorType":"NEWEST"}`, validation, "Value 'NEWEST' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]"},
	{kinesistest.GetShardIterator, `{"StreamName":"orders","ShardId":"9","ShardIteratorType":"LATEST"}`, notFound, "Shard 9 in stream orders"},
	{kinesistest.GetShardIterator, `{"StreamName":"orders","ShardId":"0","ShardIteratorType":"AT_SEQUENCE_NUMBER"}`, argument, "Request specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber."},
	{kinesistest.GetShardIterator, `{"StreamName":"orders","ShardId":"0","ShardIteratorType":"LATEST","StartingSequenceNumber":"5"}`, argument, "Request specified LATEST and also a StartingSequenceNumber."},
	{kinesistest.GetShardIterator, `{"StreamName":"orders","ShardId":"0","ShardIteratorType":"AT_SEQUENCE_NUMBER","StartingSequenceNumber":"0x5"}`, validation, "Value '0x5' at 'startingSequenceNumber'" + numberPat},
	{kinesistest.GetShardIterator, `{"StreamName":"orders","ShardId":"0","ShardIteratorType":"AT_SEQUENCE_NUMBER","StartingSequenceNumber":"1` + strings.Repeat("0", 129) + `"}`, validation, "at 'startingSequenceNumber'" + numberPat},
	{kinesistest.GetShardIterator, `{"StreamName":"orders","ShardId":"0","ShardIteratorType":"AT_SEQUENCE_NUMBER","StartingSequenceNumber":"5"}`, argument, "StartingSequenceNumber 5 used in GetShardIterator on shard shardId-000000000000 in stream orders under account 123456789012 is invalid."},
	{kinesistest.GetShardIterator, `{"StreamName":"orders","ShardId":"0","ShardIteratorType":"AT_SEQUENCE_NUMBER","StartingSequenceNumber":"0","Timestamp":1767225600}`, argument, "Timestamp"},
	{kinesistest.GetShardIterator, `{"StreamName":"orders","ShardId":"0","ShardIteratorType":"TRIM_HORIZON","Timestamp":1767225600}`, argument, "Timestamp"},
	{kinesistest.GetShardIterator, `{"StreamName":"orders","ShardId":"0","ShardIteratorType":"AT_TIMESTAMP","StartingSequenceNumber":"5","Timestamp":1767225600}`, argument, "Request specified AT_TIMESTAMP and also a StartingSequenceNumber."},
	{kinesistest.GetShardIterator, `{"StreamName":"orders","ShardId":"0","ShardIteratorType":"AT_TIMESTAMP"}`, argument, "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP."},
	{kinesistest.GetShardIterator, `{"StreamName":"orders","ShardId":"0","ShardIteratorType":"AT_TIMESTAMP","Timestamp":1893456000}`, argument, "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis."},
	{kinesistest.GetShardIterator, `{"ShardId":"0","ShardIteratorType":"LATEST"}`, argument, eitherText},

	{kinesistest.GetRecords, `{}`, validation, "Value null at 'shardIterator'" + null},
	{kinesistest.GetRecords, `{"ShardIterator":"","Limit":0}`, validation, "2 validation errors detected: Value '0' at 'limit'" + atLeast1 + "; Value '' at 'shardIterator'" + longer + "1"},
	{kinesistest.GetRecords, `{"ShardIterator":"` + strings.Repeat("i", 513) + `"}`, validation, "at 'shardIterator'" + shorter + "512"},
	{kinesistest.GetRecords, `{"ShardIterator":"` + strings.Repeat("i", 512) + `"}`, argument, "Invalid ShardIterator."},
	{kinesistest.GetRecords, `{"ShardIterator":"i","Limit":10001}`, validation, "Value '10001' at 'limit'" + atMost1e4},
	{kinesistest.GetRecords, `{"ShardIterator":"i","StreamARN":"orders"}`, validation, "'streamARN'" + arnPat},

	{kinesistest.SplitShard, `{"StreamName":"orders"}`, validation, "2 validation errors detected: Value null at 'newStartingHashKey'" + null + "; Value null at 'shardToSplit'" + null},
	{kinesistest.SplitShard, `{"StreamName":"orders","ShardToSplit":"0","NewStartingHashKey":"1e3"}`, validation, "Value '1e3' at 'newStartingHashKey'" + keyPat},
	{kinesistest.SplitShard, `{"StreamName":"orders","ShardToSplit":"0","NewStartingHashKey":"1"}`, argument, "NewStartingHashKey 1 used in SplitShard() on shard shardId-000000000000"},
	{kinesistest.SplitShard, `{"StreamName":"orders","ShardToSplit":"9","NewStartingHashKey":"1000"}`, notFound, "Could not find shard 9"},
	{kinesistest.MergeShards, `{"StreamName":"orders"}`, validation, "2 validation errors detected: Value null at 'shardToMerge'" + null + "; Value null at 'adjacentShardToMerge'" + null},
	{kinesistest.MergeShards, `{"StreamName":"orders","ShardToMerge":"0","AdjacentShardToMerge":"0"}`, argument, "not an adjacent pair"},
	{kinesistest.MergeShards, `{"StreamName":"orders","ShardToMerge":"0","AdjacentShardToMerge":" 1"}`, validation, "'adjacentShardToMerge'" + namePat},

	{kinesistest.RegisterStreamConsumer, `{}`, validation, "2 validation errors detected: Value null at 'consumerName'" + null + "; Value null at 'streamARN'" + null},
	{kinesistest.RegisterStreamConsumer, `{"StreamARN":"` + ordersARN + `","ConsumerName":"a:b"}`, validation, "Value 'a:b' at 'consumerName'" + namePat},
	{kinesistest.RegisterStreamConsumer, `{"StreamARN":"` + ordersARN + `","ConsumerName":"` + long129 + `"}`, validation, "at 'consumerName'" + shorter + "128"},
	{kinesistest.RegisterStreamConsumer, `{"StreamARN":"` + ordersARN + `","ConsumerName":"a","Tags":{}}`, validation, "at 'tags'" + longer + "1"},
	{kinesistest.RegisterStreamConsumer, `{"StreamARN":"` + ordersARN + `","ConsumerName":"billing"}`, "ResourceInUseException", "already exists"},
	{kinesistest.DescribeStreamConsumer, `{}`, argument, "must be provided"},
	{kinesistest.DescribeStreamConsumer, `{"ConsumerName":"billing"}`, argument, "must be provided"},
	{kinesistest.DescribeStreamConsumer, `{"StreamARN":"` + ordersARN + `"}`, argument, "must be provided"},
	{kinesistest.DescribeStreamConsumer, `{"ConsumerARN":"` + ordersARN + `"}`, validation, "Value '" + ordersARN + "' at 'consumerARN'"},
	{kinesistest.DescribeStreamConsumer, `{"ConsumerARN":"` + ordersARN + `/consumer/billing"}`, validation, "'consumerARN'"},
	{kinesistest.DescribeStreamConsumer, `{"ConsumerARN":"` + ordersARN + `/consumer/bill ing:1"}`, validation, "'consumerARN'"},
	{kinesistest.DescribeStreamConsumer, `{"ConsumerARN":"` + billingARN + `0"}`, notFound, "Consumer billing"},
	{kinesistest.DescribeStreamConsumer, `{"ConsumerARN":"` + billingARN + `","ConsumerName":"x"}`, argument, "does not belong"},
	{kinesistest.DescribeStreamConsumer, `{"ConsumerARN":"` + billingARN + `","StreamARN":"` + ordersARN + `x"}`, argument, "does not belong"},
	{kinesistest.DeregisterStreamConsumer, `{"ConsumerName":"a b","StreamARN":"` + ordersARN + `"}`, validation, "'consumerName'" + namePat},
	{kinesistest.DeregisterStreamConsumer, `{}`, argument, "must be provided"},
	{kinesistest.ListStreamConsumers, `{}`, validation, "Value null at 'streamARN'" + null},
	{kinesistest.ListStreamConsumers, `{"NextToken":"x"}`, validation, "Value null at 'streamARN'" + null},
	{kinesistest.ListStreamConsumers, `{"StreamARN":"` + ordersARN + `","NextToken":"x"}`, argument, "Invalid NextToken."},
	{kinesistest.ListStreamConsumers, `{"StreamARN":"` + ordersARN + `","NextToken":"%s"}`, argument, "Invalid NextToken."},
	{kinesistest.ListStreamConsumers, `{"StreamARN":"` + ordersARN + `","NextToken":"x","StreamCreationTimestamp":1767225600}`, argument, "NextToken and StreamCreationTimestamp cannot be provided together."},
	{kinesistest.ListStreamConsumers, `{"StreamARN":"` + ordersARN + `","MaxResults":0}`, validation, "Value '0' at 'maxResults'" + atLeast1},
	{kinesistest.ListStreamConsumers, `{"StreamARN":"` + ordersARN + `","MaxResults":10001}`, validation, "Value '10001' at 'maxResults'" + atMost1e4},

	{kinesistest.UpdateShardCount, `{"StreamName":"orders"}`, validation, "2 validation errors detected: Value null at 'scalingType'" + null + "; Value null at 'targetShardCount'" + null},
	{kinesistest.UpdateShardCount, `{"StreamName":"orders","ScalingType":"X","TargetShardCount":2}`, validation, "Value 'X' at 'scalingType' failed to satisfy constraint: Member must satisfy enum value set: [UNIFORM_SCALING]"},
	{kinesistest.UpdateShardCount, `{"StreamName":"orders","ScalingType":"UNIFORM_SCALING","TargetShardCount":0}`, validation, "Value '0' at 'targetShardCount'" + atLeast1},
	{kinesistest.UpdateShardCount, `{"StreamName":"orders","ScalingType":"UNIFORM_SCALING","TargetShardCount":5}`, argument, "UpdateShardCount cannot scale up over double your current open shard count."},
	{kinesistest.IncreaseStreamRetentionPeriod, `{"StreamName":"orders"}`, validation, "Value null at 'retentionPeriodHours'" + null},
	{kinesistest.IncreaseStreamRetentionPeriod, `{"StreamName":"orders","RetentionPeriodHours":8761}`, argument, "Requested retention period (8761 hours) is too long."},
	{kinesistest.DecreaseStreamRetentionPeriod, `{"StreamName":"orders"}`, validation, "Value null at 'retentionPeriodHours'" + null},
	{kinesistest.DecreaseStreamRetentionPeriod, `{"StreamName":"orders","RetentionPeriodHours":23}`, argument, "Requested retention period (23 hours) is too short."},

	{kinesistest.SubscribeToShard, `{}`, validation, "3 validation errors detected: Value null at 'consumerARN'" + null + "; Value null at 'shardId'" + null + "; Value null at 'startingPosition'" + null},
	{kinesistest.SubscribeToShard, `{"ConsumerARN":"` + billingARN + `","ShardId":"0","StartingPosition":{}}`, validation, "Value null at 'startingPosition.type'" + null},
	{kinesistest.SubscribeToShard, `{"ConsumerARN":"` + billingARN + `","ShardId":"0","StartingPosition":{"Type":"X"}}`, validation, "Value 'X' at 'startingPosition.type'"},
	{kinesistest.SubscribeToShard, `{"ConsumerARN":"` + billingARN + `","ShardId":"0","StartingPosition":{"Type":"AT_SEQUENCE_NUMBER","SequenceNumber":"x"}}`, validation, "Value 'x' at 'startingPosition.sequenceNumber'" + numberPat},
	{kinesistest.SubscribeToShard, `{"ConsumerARN":"` + billingARN + `","ShardId":"0","StartingPosition":{"Type":"AFTER_SEQUENCE_NUMBER"}}`, argument, "and no StartingSequenceNumber."},
	{kinesistest.SubscribeToShard, `{"ConsumerARN":"` + billingARN + `","ShardId":"0","StartingPosition":{"Type":"AT_TIMESTAMP"}}`, argument, "Must specify timestampInMillis"},
	{kinesistest.SubscribeToShard, `{"ConsumerARN":"` + billingARN + `","ShardId":"0 1","StartingPosition":{"Type":"LATEST"}}`, validation, "'shardId'" + namePat},
	{kinesistest.SubscribeToShard, `{"ConsumerARN":"` + ordersARN + `","ShardId":"0","StartingPosition":{"Type":"LATEST"}}`, validation, "'consumerARN'"},
}

// unreadables are requests whose JSON has values that the SDK's types have not: of the wrong type, or empty ones of
// enumerations.
var unreadables = []refusal{
	{kinesistest.CreateStream, `{"StreamName":"a","StreamModeDetails":{"StreamMode":"ON_DEMAND"},"RecordDistributionStrategy":""}`, validation, "Value '' at 'recordDistributionStrategy' failed to satisfy constraint: Member must satisfy enum value set: [AUTO, USER_PARTITION_KEY]"},
	{kinesistest.ListShards, `{"StreamName":"orders","ShardFilter":{"Type":""}}`, validation, "1 validation error detected: Value '' at 'shardFilter.type' failed to satisfy constraint: Member must satisfy enum value set"},
	{kinesistest.ListShards, `{"StreamName":7}`, unreadable, "NUMBER_VALUE can not be converted to a String"},
	{kinesistest.ListShards, `{"StreamName":true}`, unreadable, "TRUE_VALUE can not be converted to a String"},
	{kinesistest.ListShards, `{"StreamName":["orders"]}`, unreadable, "Start of list found where not expected"},
	{kinesistest.ListShards, `{"StreamName":{"a":1}}`, unreadable, "Start of structure or map found where not expected."},
	{kinesistest.ListShards, `{"MaxResults":"7"}`, unreadable, "STRING_VALUE can not be converted to an Integer"},
	{kinesistest.ListShards, `{"ShardFilter":"AT_LATEST"}`, unreadable, "Expected null"},
	{kinesistest.ListShards, `{"ShardFilter":{"Timestamp":"2026-01-01"}}`, unreadable, "STRING_VALUE can not be converted to milliseconds since epoch"},
	{kinesistest.ListShards, `[]`, unreadable, "Start of list found where not expected"},
	{kinesistest.ListShards, `"orders"`, unreadable, "Expected null"},
	{kinesistest.ListShards, `{"StreamName":"orders"`, unreadable, "unexpected end"},
	{kinesistest.DeleteStream, `{"EnforceConsumerDeletion":"true"}`, unreadable, "STRING_VALUE can not be converted to a Boolean"},
	{kinesistest.CreateStream, `{"Tags":["a"]}`, unreadable, "Start of list found where not expected"},
	{kinesistest.CreateStream, `{"Tags":{"a":1}}`, unreadable, "NUMBER_VALUE can not be converted to a String"},
	{kinesistest.PutRecord, `{"Data":7}`, unreadable, "NUMBER_VALUE can not be converted to a Blob"},
	{kinesistest.PutRecord, `{"Data":"23456"}`, unreadable, "'23456' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 5"},
	{kinesistest.PutRecord, `{"Data":"a?=="}`, unreadable, "Invalid Base64 character: '?'"},
	{kinesistest.PutRecord, `{"Data":"=+/="}`, unreadable, "Invalid Base64 character: '='"},
	{kinesistest.PutRecord, `{"Data":"eB=="}`, unreadable, "Invalid last non-pad Base64 character dectected"},
	{kinesistest.PutRecord, `{"Data":"ab\ncd\n+/"}`, unreadable, "Invalid Base64 character"},
	{kinesistest.PutRecords, `{"Records":{"Data":""}}`, unreadable, "Start of structure or map found where not expected."},
	{kinesistest.PutRecords, `{"Records":"all"}`, unreadable, "Expected list or null"},
	{kinesistest.PutRecords, `{"Records":["x"]}`, unreadable, "Expected null"},
	{kinesistest.PutRecords, `{"Records":[{"Data":"","PartitionKey":7}]}`, unreadable, "NUMBER_VALUE can not be converted to a String"},
	{kinesistest.SubscribeToShard, `{"StartingPosition":{"Type":1}}`, unreadable, "NUMBER_VALUE can not be converted to a String"},
}
