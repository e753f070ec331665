package kinesistest_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

func TestEverythingAtTheSameTime(t *testing.T) {
	s, orders := newOrders(t, kinesistest.Config{NoLimits: true}, 1)
	server := kinesistest.NewServer(s)
	t.Cleanup(server.Close)
	const writers, each = 4, 50
	var group errgroup.Group
	for w := range writers {
		group.Go(func() error {
			for i := range each {
				if _, _, err := orders.Put(fmt.Sprint(w, i), []byte("x")); err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		for range 8 {
			shards := orders.Shards()
			if _, _, err := orders.Split(*shards[len(shards)-1].ShardId); err != nil {
				return err
			}
			s.EmptyReads(1)
			s.Calls()
		}
		return nil
	})
	for _, c := range []api{s.Client(), server.Client()} {
		group.Go(func() error {
			for range each {
				out, err := c.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
					StreamName: new("orders"), ShardId: new(shard0), ShardIteratorType: "TRIM_HORIZON",
				})
				if err != nil {
					return err
				}
				if _, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: out.ShardIterator}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	s.ClearFaults()

	total := 0
	for _, sh := range orders.Shards() {
		total += len(read(t, s.Client(), horizonOf(t, s.Client(), *sh.ShardId)).Records)
	}
	assert.Equal(t, writers*each, total)
}
