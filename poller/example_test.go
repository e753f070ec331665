package poller_test

import (
	"context"
	"fmt"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// words is a Source of one shard that holds a few words, and its Reader.
type words []string

func (w words) Shards(context.Context) ([]poller.Shard, error) {
	return []poller.Shard{{ID: "shardId-000000000000"}}, nil
}

func (w words) Open(poller.Shard, poller.Start) (poller.Reader, error) { return w, nil }

func (w words) Next(context.Context) (batch.Page, error) {
	page := batch.Page{CaughtUpTo: time.Now(), End: true}
	for i, word := range w {
		page.Records = append(page.Records, batch.Record{SequenceNumber: fmt.Sprint(i + 1), Data: []byte(word)})
	}
	return page, nil
}

// A test of a consumer brings a Source of its own.
func ExampleSource() {
	var source poller.Source = words{"to", "be"}

	shards, _ := source.Shards(context.Background())
	reader, _ := source.Open(shards[0], poller.Start{})
	page, _ := reader.Next(context.Background())
	for _, r := range page.Records {
		fmt.Printf("%s %s\n", r.SequenceNumber, r.Data)
	}
	// Output:
	// 1 to
	// 2 be
}

// A shard that was split is read to its end before its children.
func Example() {
	ctx := context.Background()
	service := kinesistest.New(kinesistest.Config{EndWithRecords: true})
	stream, _ := service.CreateStream("orders", 1)
	_, _, _ = stream.Put("tea", []byte("before the split"))
	_, _, _ = stream.Split("shardId-000000000000")
	_, _, _ = stream.Put("tea", []byte("after the split"))

	p, err := poller.New(poller.Config{
		Client:       service.Client(), // or the SDK's
		StreamARN:    stream.ARN(),
		PollInterval: 200 * time.Millisecond,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	finished := map[string]bool{}
	isFinished := func(id string) bool { return finished[id] }
	for range 2 { // generations
		shards, err := p.Shards(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, shard := range poller.Openable(shards, isFinished) {
			finished[shard.ID] = show(ctx, p, shard)
		}
	}
	// Output:
	// shardId-000000000000: before the split
	// shardId-000000000000: the end
	// shardId-000000000001: after the split
}

// show prints the records of a shard up to its end, or to its tip, and reports which of them it was.
func show(ctx context.Context, source poller.Source, shard poller.Shard) (ended bool) {
	reader, err := source.Open(shard, poller.Start{Type: poller.TrimHorizon})
	if err != nil {
		fmt.Println(err)
		return false
	}
	for {
		page, err := reader.Next(ctx)
		if err != nil {
			fmt.Println(err)
			return false
		}
		for _, r := range page.Records {
			fmt.Printf("%s: %s\n", shard.ID, r.Data)
		}
		if page.End {
			fmt.Printf("%s: the end\n", shard.ID)
		}
		if page.End || !page.CaughtUpTo.IsZero() {
			return page.End
		}
	}
}
