package kinesistest_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

// follower reads a shard: it remembers where it is, and believes no answer that is not whole.
type follower struct {
	client *kinesistest.Client
	last   *string // the sequence number of the last record that was read
}

// next reads one page, and reports whether it is the last for now. Whatever fails is for its caller to try again.
func (f *follower) next(ctx context.Context) (done bool, err error) {
	from := &kinesis.GetShardIteratorInput{
		StreamName: new("orders"), ShardId: new("shardId-000000000000"), ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	}
	if f.last != nil {
		from.ShardIteratorType, from.StartingSequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, f.last
	}
	opened, err := f.client.GetShardIterator(ctx, from)
	if err != nil {
		return false, err
	}
	page, err := f.client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: opened.ShardIterator})
	if err != nil {
		return false, err
	}
	for _, r := range page.Records {
		if f.last == nil || *r.SequenceNumber > *f.last { // they have the same length here
			fmt.Printf("%s\n", r.Data)
			f.last = r.SequenceNumber
		}
	}
	return page.MillisBehindLatest != nil && *page.MillisBehindLatest == 0, nil
}

// Does a consumer read every record once, however the service behaves? Where a seed makes it fail, the same seed does so again.
func ExampleService_Misbehave() {
	service := kinesistest.New(kinesistest.Config{NoLimits: true, MaxRecordsPerRead: 2})
	orders, err := service.CreateStream("orders", 1)
	if err != nil {
		panic(err)
	}
	for i := range 6 {
		if _, _, err := orders.Put("customer-7", fmt.Appendf(nil, "order %d", i)); err != nil {
			panic(err)
		}
	}
	mischief := service.Misbehave(kinesistest.Mischief{
		Seed: 1,
		Kinds: []kinesistest.Kind{
			kinesistest.ServerError, kinesistest.ErrorDocument, kinesistest.ExpiredIterator, kinesistest.RepeatedPage,
		},
		Ops:  []kinesistest.Op{kinesistest.GetRecords},
		Rate: 0.5,
	})
	defer mischief.Stop()

	f := follower{client: service.Client()}
	for done := false; !done; {
		done, _ = f.next(context.Background())
	}
	fmt.Println(mischief)
	// Output:
	// order 0
	// order 1
	// order 2
	// order 3
	// order 4
	// order 5
	// seed 1: error-document 1, expired-iterator 2, repeated-page 1
}
