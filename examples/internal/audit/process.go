package audit

import (
	"context"
	"errors"
	"time"

	"github.com/shardmill/shardmill/mapping"
)

// Run runs the mapping while records are put, until all of them have arrived, or nothing arrives any more.
func (a *Audit) Run(ctx context.Context, m *mapping.Mapping) error {
	o, ledger := a.options, a.ledger
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- m.Run(ctx) }()
	putting := make(chan error, 1)
	reshards := make(chan reshard)
	go func() { putting <- feed(ctx, o, a.stream, ledger, reshards) }()

	show := newProgress(o.JSON)
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
		show.update(put, delivered, int64(o.Records))
		if delivered != last {
			last, moved = delivered, time.Now()
		}
		done := allPut && (delivered >= put || failed != nil)
		if stuck := time.Since(moved) > o.Patience+o.Window+o.Work; done || allPut && stuck {
			show.end(put, delivered, int64(o.Records))
			cancel()
			return errors.Join(failed, <-stopped)
		}
	}
}

// feed puts the records that the stream does not have yet, and reshards the stream meanwhile if requested.
func feed(ctx context.Context, o Options, s *stream, l *ledger, reshards chan<- reshard) error {
	p := &putter{stream: s, ledger: l, recordSize: o.RecordSize, aggregate: o.Aggregate}
	numbers := l.missing(o.Records)
	if !o.Reshard {
		return p.put(ctx, numbers)
	}
	r := resharder{putter: p, rest: numbers, report: func(r reshard) {
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
