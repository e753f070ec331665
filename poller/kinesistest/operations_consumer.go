package kinesistest

import (
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/middleware"

	"github.com/shardmill/shardmill/poller/kinesistest/internal/wire"
)

// The operations of enhanced fan-out.

var opRegisterStreamConsumer = operation[kinesis.RegisterStreamConsumerInput, kinesis.RegisterStreamConsumerOutput]{
	name:  RegisterStreamConsumer,
	read:  wire.ReadRegisterStreamConsumer,
	check: checkRegisterStreamConsumer,
	about: func(_ *Service, in *kinesis.RegisterStreamConsumerInput) subject { return subject{arn: in.StreamARN} },
	do:    (*Service).registerStreamConsumer,
	meta:  func(o *kinesis.RegisterStreamConsumerOutput) *middleware.Metadata { return &o.ResultMetadata },
}

var opDescribeStreamConsumer = operation[kinesis.DescribeStreamConsumerInput, kinesis.DescribeStreamConsumerOutput]{
	name:  DescribeStreamConsumer,
	read:  wire.ReadDescribeStreamConsumer,
	check: checkDescribeStreamConsumer,
	about: func(_ *Service, in *kinesis.DescribeStreamConsumerInput) subject {
		return aboutConsumer(in.ConsumerARN, in.StreamARN)
	},
	do:   (*Service).describeStreamConsumer,
	meta: func(o *kinesis.DescribeStreamConsumerOutput) *middleware.Metadata { return &o.ResultMetadata },
}

var opDeregisterStreamConsumer = operation[kinesis.DeregisterStreamConsumerInput, kinesis.DeregisterStreamConsumerOutput]{
	name:  DeregisterStreamConsumer,
	read:  wire.ReadDeregisterStreamConsumer,
	check: checkDeregisterStreamConsumer,
	about: func(_ *Service, in *kinesis.DeregisterStreamConsumerInput) subject {
		return aboutConsumer(in.ConsumerARN, in.StreamARN)
	},
	do:   (*Service).deregisterStreamConsumer,
	meta: func(o *kinesis.DeregisterStreamConsumerOutput) *middleware.Metadata { return &o.ResultMetadata },
}

var opListStreamConsumers = operation[kinesis.ListStreamConsumersInput, kinesis.ListStreamConsumersOutput]{
	name:  ListStreamConsumers,
	read:  wire.ReadListStreamConsumers,
	check: checkListStreamConsumers,
	about: func(_ *Service, in *kinesis.ListStreamConsumersInput) subject { return subject{arn: in.StreamARN} },
	do:    (*Service).listStreamConsumers,
	meta:  func(o *kinesis.ListStreamConsumersOutput) *middleware.Metadata { return &o.ResultMetadata },
}

// opSubscribeToShard grants a subscription, which then has to run; see subscription. It has no answer with metadata.
var opSubscribeToShard = operation[kinesis.SubscribeToShardInput, subscription]{
	name:  SubscribeToShard,
	read:  wire.ReadSubscribeToShard,
	check: checkSubscribeToShard,
	about: func(_ *Service, in *kinesis.SubscribeToShardInput) subject {
		about := aboutConsumer(in.ConsumerARN, nil)
		about.shard = canonical(in.ShardId)
		return about
	},
	do: (*Service).subscribeToShard,
}

// aboutConsumer returns the stream of a consumer, if its ARN or the stream's is valid.
func aboutConsumer(arn, streamARN *string) subject {
	if arn == nil {
		return subject{arn: streamARN}
	}
	stream, _ := splitConsumerARN(*arn)
	return subject{arn: &stream, consumer: arn}
}
