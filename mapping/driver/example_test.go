package driver_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// A journal is a Store that wraps another one and prints each write of progress. A type that embeds driver.Store has the
// required methods only, and none of the optional interfaces of the wrapped store.
type journal struct {
	driver.Store
}

func (j journal) Commit(ctx context.Context, lease driver.Lease, p driver.Progress) error {
	err := j.Store.Commit(ctx, lease, p)
	fmt.Printf("%s, epoch %d: complete %t, error %v\n", lease.Shard, lease.Epoch, p.End, err)
	return err
}

func Example() {
	service := kinesistest.New(kinesistest.Config{})
	stream, err := service.CreateStream("orders", 1)
	if err != nil {
		panic(err)
	}
	if _, _, err := stream.Put("customer", []byte("o-1")); err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	m, err := mapping.New(mapping.Config{
		EventSourceARN:   stream.ARN(),
		FunctionName:     "ship-orders",
		StartingPosition: mapping.TrimHorizon,
		Client:           service.Client(),
		Store:            journal{mapping.NewMemoryStore()},
		Logger:           slog.New(slog.DiscardHandler),
		Function: invoke.Func(func(context.Context, *invoke.Event) error {
			stop()
			return nil
		}),
	})
	if err != nil {
		panic(err)
	}
	if err := m.Run(ctx); err != nil {
		panic(err)
	}
	// Output:
	// shardId-000000000000, epoch 1: complete false, error <nil>
}
