package audit

import (
	"context"

	"github.com/shardmill/shardmill/poller"
)

// scan reads an existing stream from its beginning, and records this program's records.
func (s *stream) scan(ctx context.Context, o Options, l *ledger) error {
	if !s.found {
		return nil
	}
	source, err := poller.New(poller.Config{Client: s.client, StreamARN: s.arn, Deaggregate: o.Aggregate || o.Fanout})
	if err != nil {
		return err
	}
	shards, err := source.Shards(ctx)
	if err != nil {
		return err
	}
	for _, shard := range shards {
		reader, err := source.Open(shard, poller.Start{Type: poller.TrimHorizon})
		if err != nil {
			return err
		}
		if err := scanShard(ctx, reader, l); err != nil {
			return err
		}
	}
	return nil
}

// scanShard reads a shard up to its current end.
func scanShard(ctx context.Context, reader poller.Reader, l *ledger) error {
	for {
		page, err := reader.Next(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && poller.Classify(err) != poller.Throttled {
			return err
		}
		for _, r := range page.Records {
			if number, ok := numberOf(r.Data); ok {
				l.wasPut(record{number, r.SequenceNumber})
			}
		}
		if page.End || !page.CaughtUpTo.IsZero() {
			return nil
		}
	}
}
