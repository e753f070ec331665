package boltstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/boltstore"
	"github.com/shardmill/shardmill/mapping/driver"
)

// A mapping does this by itself with the store in its Config; here one can see what is kept over a restart.
func Example() {
	dir, err := os.MkdirTemp("", "boltstore")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "orders.db")

	for run := range 2 {
		if err := work(path, run); err != nil {
			fmt.Println(err)
			return
		}
	}
	// Output:
	// run 0: epoch 1, goes on behind -
	// run 1: epoch 2, goes on behind 42
}

func work(path string, run int) error {
	ctx := context.Background()
	store, err := boltstore.Open(path)
	if err != nil {
		return err
	}
	defer store.Close()

	lease, progress, err := store.Acquire(ctx, "orders", "shardId-000000000000", "worker")
	if err != nil {
		return err
	}
	fmt.Printf("run %d: epoch %d, goes on behind %s\n", run, lease.Epoch, progress.Position)
	return store.Commit(ctx, lease, driver.Progress{Version: 1, Position: batch.Position{SequenceNumber: "42"}})
}
