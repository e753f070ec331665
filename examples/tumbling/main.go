// Tumbling answers: how does a function aggregate over windows of time, with a state that survives a crash?
//
// It puts orders into a stream in this process for a few seconds. The function counts them by city; at the end of each
// window it prints a small table.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

func main() {
	window := flag.Duration("window", 2*time.Second, "length of a window, in whole seconds")
	windows := flag.Int("windows", 3, "windows to show")
	flag.Parse()
	if err := run(context.Background(), *window, *windows); err != nil {
		log.New(os.Stderr, "", 0).Fatal("tumbling: ", err)
	}
}

// counts is the state of a window: a JSON object.
type counts struct {
	Cities map[string]int `json:"cities"`
}

func run(ctx context.Context, window time.Duration, windows int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	service := kinesistest.New(kinesistest.Config{})
	stream, err := service.CreateStream("orders", 1)
	if err != nil {
		return err
	}
	count := invoke.StateFunc(func(_ context.Context, e *invoke.Event, s counts) (counts, error) {
		if s.Cities == nil {
			s.Cities = map[string]int{}
		}
		for r := range e.Records() {
			s.Cities[string(r.Data)]++
		}
		if e.Window.Final {
			show(e, s)
			if windows--; windows == 0 {
				cancel()
			}
		}
		return s, nil
	})
	m, err := mapping.New(mapping.Config{
		EventSourceARN:   stream.ARN(),
		FunctionName:     "count-orders",
		StartingPosition: mapping.TrimHorizon,
		TumblingWindow:   window,
		Client:           service.Client(),
		Function:         count,
		Store:            mapping.NewMemoryStore(), // boltstore keeps the state of an open window across a crash
		Logger:           slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	go order(ctx, stream)
	return m.Run(ctx)
}

// order puts orders at intervals until ctx is done.
func order(ctx context.Context, stream *kinesistest.Stream) {
	cities := []string{"Lisbon", "Oslo", "Lisbon", "Turin", "Oslo", "Lisbon"}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		city := cities[i%len(cities)]
		if _, _, err := stream.Put(city, []byte(city)); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// show prints the result of a window.
func show(e *invoke.Event, s counts) {
	fmt.Printf("%s to %s\n", e.Window.Start.Format(time.TimeOnly), e.Window.End.Format(time.TimeOnly))
	for _, city := range slices.Sorted(maps.Keys(s.Cities)) {
		fmt.Printf("  %-8s %4d\n", city, s.Cities[city])
	}
}
