package drill

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

// Run runs the drill, and reports whether all is well. It starts the program that calls it as each worker.
func Run(ctx context.Context, o Options) (ok bool, err error) {
	service := kinesistest.New(kinesistest.Config{Region: Region})
	server := kinesistest.NewServer(service) //nolint:contextcheck // the server ends with Close, not with a context
	defer server.Close()
	ledger := newLedger()
	stream, err := openStream(service, o.shards, ledger)
	if err != nil {
		return false, err
	}
	o.Kinesis, o.Stream = server.URL, stream.ARN()
	if o.DynamoDB == "" {
		url, stop, err := startDynamoDB(ctx)
		if err != nil {
			return false, err
		}
		defer stop()
		o.DynamoDB = url
	}
	show := newBoard(os.Stdout, ledger)
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	s := &script{options: o, crew: &crew{options: o, ledger: ledger, fail: fail}, ledger: ledger, stream: stream, say: show.say}
	err = s.show(ctx, show)
	return s.conclude(os.Stdout) && err == nil, err
}

// show runs the script while records flow, waits for the last of them, and stops the workers.
func (s *script) show(ctx context.Context, b *board) error {
	watching, done := context.WithCancel(ctx)
	feeding, stop := context.WithCancel(ctx)
	var feeder, watcher sync.WaitGroup
	watcher.Go(func() { b.watch(watching) })
	feeder.Go(func() {
		if err := s.stream.feed(feeding); err != nil {
			s.crew.fail(err)
		}
	})

	err := s.run(ctx)
	stop()
	feeder.Wait()
	if err == nil {
		err = s.await(ctx, balance, "", func() bool { put, arrived := s.ledger.counts(); return arrived == put })
	}
	b.say("stop all workers")
	s.crew.close()
	done()
	watcher.Wait()
	if err == nil {
		err = context.Cause(ctx) // the error of a worker that did not stop properly
	}
	return err
}

// conclude writes the last line, and reports whether nothing was lost or out of order.
func (s *script) conclude(out io.Writer) bool {
	t := s.ledger.tally()
	fmt.Fprintf(out, "put=%d delivered=%d lost=%d out_of_order=%d duplicates=%d takeover_p99=%.1fs\n",
		t.put, t.delivered, t.lost, t.outOfOrder, t.duplicates, p99(s.takeovers()).Seconds())
	return t.lost == 0 && t.outOfOrder == 0
}

// p99 returns the smallest of ordered values that 99 of 100 do not exceed, or 0 if there is none.
func p99(ordered []time.Duration) time.Duration {
	if len(ordered) == 0 {
		return 0
	}
	return ordered[(len(ordered)*99+99)/100-1]
}
