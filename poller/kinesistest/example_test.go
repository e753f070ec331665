package kinesistest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

// A stream in this process: put, read, split, read to the end.
func Example() {
	service := kinesistest.New(kinesistest.Config{})
	orders, err := service.CreateStream("orders", 1)
	if err != nil {
		panic(err)
	}
	shard, _, err := orders.Put("customer-7", []byte("two books"))
	if err != nil {
		panic(err)
	}
	if _, _, err := orders.Split(shard); err != nil {
		panic(err)
	}

	ctx, client := context.Background(), service.Client()
	opened, err := client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: new("orders"), ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})
	if err != nil {
		panic(err)
	}
	for next := opened.ShardIterator; next != nil; {
		page, err := client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: next})
		if err != nil {
			panic(err)
		}
		for _, r := range page.Records {
			fmt.Printf("%s: %s\n", *r.PartitionKey, r.Data)
		}
		for _, child := range page.ChildShards {
			fmt.Println("goes on in", *child.ShardId)
		}
		next = page.NextShardIterator
	}
	// Output:
	// customer-7: two books
	// goes on in shardId-000000000001
	// goes on in shardId-000000000002
}

// The same stream for the real SDK, over HTTP.
func ExampleNewServer() {
	service := kinesistest.New(kinesistest.Config{})
	server := kinesistest.NewServer(service)
	defer server.Close()

	client := server.Client()
	ctx := context.Background()
	if _, err := client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: new("orders"), ShardCount: new(int32(4))}); err != nil {
		panic(err)
	}
	out, err := client.ListShards(ctx, &kinesis.ListShardsInput{StreamName: new("orders")})
	if err != nil {
		panic(err)
	}
	fmt.Println(len(out.Shards), "shards in", service.Stream("orders").ARN())
	// Output:
	// 4 shards in arn:aws:kinesis:us-east-1:123456789012:stream/orders
}

// A fault strikes the next call that it matches, and the log tells what happened.
func ExampleService_Throttle() {
	service := kinesistest.New(kinesistest.Config{})
	if _, err := service.CreateStream("orders", 1); err != nil {
		panic(err)
	}
	service.Throttle(kinesistest.ListShards, 1)

	for range 2 {
		_, err := service.Client().ListShards(context.Background(), &kinesis.ListShardsInput{StreamName: new("orders")})
		if limit, ok := errors.AsType[*types.LimitExceededException](err); ok {
			fmt.Println(limit.ErrorMessage())
		}
	}
	for _, call := range service.Calls(kinesistest.ListShards) {
		fmt.Println(call.Op, call.Stream, call.Err == nil)
	}
	// Output:
	// Rate exceeded for stream orders under account 123456789012.
	// ListShards orders false
	// ListShards orders true
}

// A consumer with enhanced fan-out in the real SDK, without a network.
func ExampleNewPipeServer() {
	service := kinesistest.New(kinesistest.Config{})
	server := kinesistest.NewPipeServer(service)
	defer server.Close()
	orders, err := service.CreateStream("orders", 1)
	if err != nil {
		panic(err)
	}
	consumer, err := orders.RegisterConsumer("billing")
	if err != nil {
		panic(err)
	}
	out, err := server.Client().SubscribeToShard(context.Background(), &kinesis.SubscribeToShardInput{
		ConsumerARN: &consumer, ShardId: orders.Shards()[0].ShardId,
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeLatest},
	})
	if err != nil {
		panic(err)
	}
	defer out.GetStream().Close()
	if _, _, err := orders.Put("customer-7", []byte("two books")); err != nil {
		panic(err)
	}
	if event, ok := (<-out.GetStream().Events()).(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent); ok {
		fmt.Printf("%s\n", event.Value.Records[0].Data)
	}
	// Output:
	// two books
}
