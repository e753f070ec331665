package realpeers_test

import (
	"context"
	"log/slog"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
)

// ours says how a mapping of the library is made. Its client is the SDK's.
type ours struct {
	worker, source string
	store          driver.Store
	seen           *witness              // of all that it is invoked with
	after          func()                // called after each invocation, if set
	more           func(*mapping.Config) // what is different, if set
}

func (w *world) mapping(o ours) *mapping.Mapping {
	w.Helper()
	c := mapping.Config{
		EventSourceARN: o.source, FunctionName: "orders-app", StartingPosition: mapping.TrimHorizon,
		Client: w.server.Client(), Store: o.store,
		Logger: slog.New(slog.DiscardHandler), Read: mapping.ReadOptions{PollInterval: 250 * time.Millisecond}, ShardRefreshInterval: time.Second,
		Function: invoke.Func(func(_ context.Context, e *invoke.Event) error {
			all := make([]delivery, 0, e.Len())
			for r := range e.Records() {
				all = append(all, delivery{record{r.SequenceNumber, r.SubSequence, r.PartitionKey, hashOf(r.Data)}, o.worker, e.Origin.ShardID, r.More})
			}
			o.seen.deliver(all...)
			if o.after != nil {
				o.after()
			}
			return nil
		}),
	}
	if o.more != nil {
		o.more(&c)
	}
	m, err := mapping.New(c)
	require.NoError(w, err)
	return m
}
