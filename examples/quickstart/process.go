package main

import (
	"context"
	"errors"
	"time"

	"github.com/shardmill/shardmill/mapping"
)

// process runs the mapping while records are put, until all of them have arrived, or nothing arrives any more.
func process(ctx context.Context, o options, m *mapping.Mapping, stream *stream, ledger *ledger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- m.Run(ctx) }()
	putting := make(chan error, 1)
	reshards := make(chan reshard)
	go func() { putting <- feed(ctx, o, stream, ledger, reshards) }()

	show := newProgress(o.json)
	tick := time.NewTicker(show.interval)
	defer tick.Stop()
	var failed error
	allPut, last, moved := false, int64(0), time.Now()
	for {
		select {
		case err := <-stopped:
			if err == nil {
				err = errors.New("stopped early: records that have not arrived count as lost")
			}
			cancel()
			if putting != nil {
				err = errors.Join(err, <-putting)
			}
			return err
		case failed = <-putting:
			allPut, putting = true, nil
		case r := <-reshards:
			show.reshard(r)
		case <-tick.C:
		case <-ledger.moved:
		}
		put, delivered := ledger.counts()
		show.update(put, delivered, int64(o.records))
		if delivered != last {
			last, moved = delivered, time.Now()
		}
		done := allPut && (delivered >= put || failed != nil)
		if stuck := time.Since(moved) > o.patience+o.window+o.work; done || allPut && stuck {
			show.end(put, delivered, int64(o.records))
			cancel()
			return errors.Join(failed, <-stopped)
		}
	}
}

// feed puts the records that the stream does not have yet, and reshards the stream meanwhile if requested.
func feed(ctx context.Context, o options, s *stream, l *ledger, reshards chan<- reshard) error {
	p := &putter{stream: s, ledger: l, recordSize: o.recordSize, aggregate: o.aggregate}
	numbers := l.missing(o.records)
	if !o.reshard {
		return p.put(ctx, numbers)
	}
	r := resharder{putter: p, rest: numbers, tell: func(r reshard) {
		select {
		case reshards <- r:
		case <-ctx.Done():
		}
	}}
	return r.run(ctx)
}

// work takes as long as the function is configured to take.
func work(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
