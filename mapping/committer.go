package mapping

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/callback"
	"github.com/shardmill/shardmill/mapping/observe"
)

// commitRetry is the pause after a failed write, commitRetryMax its maximum, storeTimeout the deadline of each call of
// a store, and finalCommit the time for the last write of a shard when stopping.
const (
	commitRetry    = 200 * time.Millisecond
	commitRetryMax = 10 * time.Second
	storeTimeout   = 30 * time.Second
	finalCommit    = 5 * time.Second
)

// committer writes the progress of one shard, concurrently with the invocations: one write at a time, the newest wins.
// Its goroutine, the only writer under the lease, exists only while there is something to write, so that idle shards
// have none.
type committer struct {
	ctx      context.Context // done: write no more
	every    time.Duration   // the least time between two writes
	hurry    chan struct{}   // closed when the remaining commit must be written immediately
	hurried  sync.Once
	store    leaseStore
	guard    callback.Guard
	lease    driver.Lease
	log      *slog.Logger
	observer *observe.Observer

	pending  chan *batch.Commit      // the newest one, not yet taken; the shard's loop sends and closes
	identify func(*driver.Progress)  // adds the shard's identity
	written  func(*batch.Commit)     // called after each durable write
	failing  func(error)             // called after each write that failed
	lost     context.CancelCauseFunc // called when no write under the lease can succeed any more

	failure error // of the newest write, nil when it is durable; read after finish

	// asked is the last commit that was passed to the store. The goroutine owns it.
	asked *batch.Commit

	mu      sync.Mutex
	busy    bool // the goroutine runs, or nothing can be written any more
	writing sync.WaitGroup
}

// offer offers a commit without waiting. It replaces a commit that was not yet taken.
func (c *committer) offer(p *batch.Commit) {
	if p.End {
		c.rush()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.busy {
		c.busy = true
		c.writing.Go(func() { c.run(p) })
		return
	}
	select {
	case <-c.pending:
	default:
	}
	c.pending <- p // there is room, because there is no other sender
}

// finish writes the remaining commit, for at most patience, and returns when writing has ended.
func (c *committer) finish(patience time.Duration, stop func()) {
	c.rush()
	close(c.pending)
	final := time.AfterFunc(patience, stop)
	c.writing.Wait()
	final.Stop()
}

// run writes p, and commits that are offered meanwhile, until there are no more, or no write can succeed any more: the
// lease is lost, or ctx is done.
func (c *committer) run(p *batch.Commit) {
	returns := false
	defer func() {
		if !returns {
			c.survive()
		}
	}()
	for ; p != nil && c.write(c.ctx, p); p = c.take() {
		c.rest()
	}
	returns = true // with p, busy for ever: nothing is written from now on
}

// survive continues in another goroutine if the store has ended this one by runtime.Goexit: the write has failed. A
// goroutine for each write would cost as much as a write to memory.
func (c *committer) survive() {
	p := c.asked
	err := &callback.Error{Name: "Store.Commit", Goexit: true}
	c.guard.Report(err, nil)
	c.came(p, err)
	c.writing.Go(func() {
		if sleep(c.ctx, commitRetry) {
			c.run(p)
		}
	})
}

// rest waits until the next write may be made.
func (c *committer) rest() {
	if c.every <= 0 {
		return
	}
	timer := time.NewTimer(c.every)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.hurry:
	case <-c.ctx.Done():
	}
}

// rush makes all further writes immediate.
func (c *committer) rush() { c.hurried.Do(func() { close(c.hurry) }) }

// take returns the next commit to write, nil if there is none.
func (c *committer) take() *batch.Commit {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case p := <-c.pending: // nil when it is closed
		c.busy = p != nil
		return p
	default:
		c.busy = false
		return nil
	}
}

// write writes p, or a newer commit that arrives while the store does not answer, and reports whether to continue. If
// no newer one can arrive any more it retries immediately, because a stop has little patience.
func (c *committer) write(ctx context.Context, p *batch.Commit) bool {
	pending := c.pending
	for pause := commitRetry; ; pause = min(2*pause, commitRetryMax) {
		err := c.try(ctx, p)
		switch {
		case err == nil:
			return true
		case errors.Is(err, driver.ErrLeaseLost) || isFinal(err):
			c.lost(err)
			return false
		case ctx.Err() != nil:
			return false
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case newer, ok := <-pending:
			if !ok {
				pending, pause = nil, commitRetry/2
				break
			}
			p = newer
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// try writes p once.
func (c *committer) try(ctx context.Context, p *batch.Commit) error {
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	progress := progressOf(p)
	c.identify(&progress)
	var err error
	c.asked = p
	if failed := c.guard.Here("Store.Commit", func() { err = c.store.Commit(limited, c.lease, progress) }); failed != nil {
		err = failed
	}
	call(c.observer.Committed, observe.Committed{
		Shard: c.lease.Shard, Position: p.Position, End: p.End, Duration: time.Since(began), Err: err,
	})
	c.came(p, err)
	return err
}

// came handles the result of a write.
func (c *committer) came(p *batch.Commit, err error) {
	had := c.failure
	c.failure = err
	switch {
	case err == nil:
		if had != nil {
			c.log.Info("progress is stored again", "position", p.Position.String())
		}
		c.written(p)
	case had == nil && !errors.Is(err, driver.ErrLeaseLost) && !isFinal(err):
		c.log.Error("storing progress failed; retrying", "position", p.Position.String(), "error", err)
		c.failing(err)
	default:
		c.failing(err)
	}
}
