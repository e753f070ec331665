package mapping

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/lineage"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller"
)

// leaseRetry is the pause before the next attempt to acquire a lease.
const leaseRetry = time.Second

// repeatsPause is the minimum time between two log lines about repeated records.
const repeatsPause = time.Hour

// shard processes one shard. Its run method is the goroutine that owns it and the only one that touches its Scheduler.
// Concurrently there are one goroutine that reads, one that commits, and one for each invocation.
type shard struct {
	deps   *shardDeps
	info   poller.Shard
	log    *slog.Logger
	view   *shardView
	origin *invoke.Origin

	// left is set if the shard has left the stream before it was complete: it is not read, only ended. It is set before
	// run is called.
	left   bool
	closes bool // left is set, and a window must be closed

	// unread is set by the loop if the shard has left the stream before it was read to its end: the rest of it is lost,
	// which is reported with its end.
	unread bool

	standing atomic.Pointer[lineage.Standing] // its state in the listings; set by Run's goroutine
	was      driver.Progress                  // its identity when it was opened; never changed after
	readTo   time.Time                        // everything that arrived before it is read, by the stream's clock; zero while that is not known

	// stopCtx is done when nothing more may be read or started: the mapping is stopping, or the shard is handed over
	// (drain).
	stopCtx context.Context
	drain   context.CancelFunc

	// ctx is the context of everything under the lease: done when the lease is lost, or when the stop's patience is
	// over.
	ctx  context.Context
	lose context.CancelCauseFunc

	tenure   tenure
	lease    driver.Lease // the zero one is none
	released bool         // the lease was released before run returned
	// straggles names the calls that outlived run; the last of them releases the lease. nil without any.
	straggles error
	rate      rate // of what is read
	sched     *batch.Scheduler
	clocked   time.Time // when sched got the source's time
	commits   *committer
	account   *poller.Account // in the Budget, nil without one
	held      int             // the bytes that it was last settled with
	hurried   bool            // others wait for these bytes
	stored    chan struct{}   // closed when the shard's end is durable

	pages   chan *read    // from the goroutine that reads; a pointer, which keeps the stack of loop small
	room    chan struct{} // to it, one token for each read
	reading bool          // it has a token, or a page for us
	ends    calls         // from the invocations and deliveries
	calls   []lastCall    // by lane
	running int           // calls that have not ended

	children []poller.Shard // those that the last page named
	reported chan struct{}  // closed when the run has received the shard's end

	repeats       int       // repeated records since the last log line
	repeatsLogged time.Time // zero before the first time

	stopping bool         // nothing new starts
	stalled  bool         // the stream is: see stall
	shared   bool         // other consumers leave the reader less than it wants
	wasCut   bool         // a call ended because its ctx was cancelled at the end of the drain
	throttle throttle     // of reads
	failing  bool         // the last read failed, other than by throttling
	failure  poller.Class // its class
	lanes    []batch.LaneStatus
}

func newShard(d *shardDeps, info poller.Shard, standing *lineage.Standing, t tenure) *shard {
	view := &shardView{}
	view.status.ShardID = info.ID
	s := &shard{
		deps: d, info: info, view: view, tenure: t,
		log:    d.log.With("shard", info.ID),
		origin: d.origin(info.ID),
		stored: make(chan struct{}), reported: make(chan struct{}),
		pages: make(chan *read),
		room:  make(chan struct{}, 1),
	}
	s.stopCtx, s.drain = context.WithCancel(d.stopCtx)
	s.ctx, s.lose = context.WithCancelCause(d.killCtx)
	s.standing.Store(standing)
	return s
}

// run processes the shard, after a delay, until it is complete (true), the mapping stops, or the lease is lost.
func (s *shard) run(delay time.Duration) (finished bool, err error) {
	defer s.lose(nil)
	defer s.drain()
	reader, finished, err := s.open(delay)
	if reader == nil {
		if s.lease != (driver.Lease{}) && !s.wasLost() {
			s.released = s.release()
		}
		return finished, err
	}
	defer s.account.Close()
	defer reader.close()
	return s.process(reader)
}

// open acquires the shard's lease, after a delay, and returns a reader that resumes after the checkpoint.
// Without a reader there is nothing to process, because the shard is complete, or the mapping is stopping, or for an
// error.
func (s *shard) open(delay time.Duration) (o *orderedReader, finished bool, err error) {
	if !sleep(s.stopCtx, delay) {
		return nil, false, nil
	}
	progress, err := s.acquire()
	if err != nil {
		return nil, false, s.unlessStopping(err)
	}
	if err := s.confirm(progress); err != nil || progress.End {
		return nil, err == nil, s.unlessStopping(err)
	}
	if s.wasLost() { // while the progress was confirmed
		return nil, false, driver.ErrLeaseLost
	}
	s.was = driver.Progress{ShardStart: progress.ShardStart, StreamCreated: progress.StreamCreated}
	s.readTo = progress.ResolvedUpTo
	s.closes = s.left && progress.Window != nil
	o, err = s.prepare(progress)
	return o, false, err
}

// unlessStopping returns err, or nil if a stop is its reason.
func (s *shard) unlessStopping(err error) error {
	if s.stopCtx.Err() != nil {
		return nil
	}
	return err
}

// prepare creates the Scheduler, and opens the Reader that resumes after the checkpoint.
func (s *shard) prepare(progress driver.Progress) (*orderedReader, error) {
	from := s.deps.start()
	if !progress.Position.IsZero() {
		from = poller.Start{Type: poller.AtPosition, Position: progress.Position, ResolvedUpTo: progress.ResolvedUpTo}
	}
	if progress.Window != nil && s.deps.cfg.TumblingWindow == 0 {
		s.log.Error("a tumbling window was open, and none is configured any more: its state is dropped",
			"window", stamp(progress.Window.Start), "bytes", len(progress.Window.State))
	}
	policy := s.deps.cfg.policy
	policy.EnvelopeSize, policy.WindowSize = s.origin.EnvelopeSize(), s.origin.WindowSize(&batch.Window{})-len("{}")
	policy.Seed = rand.Uint64() | 1
	var err error
	s.sched, err = batch.New(policy, resumeAfter(&progress))
	if err != nil {
		return nil, err
	}
	s.calls = make([]lastCall, len(s.sched.Lanes(nil)))
	s.ends.c = make(chan callEnd, len(s.calls))
	s.account = s.deps.cfg.Budget.OpenAs(s.info.ID + " of " + s.deps.cfg.FunctionName)
	s.view.set(func(v *shardView) {
		v.account, v.answered = s.account, time.Now()
		if s.deps.cfg.Source == nil { // another Source may wait for records
			v.patience = answerPatience + 2*cmp.Or(s.deps.cfg.Read.PollInterval, time.Second)
		}
	})
	from.Account = s.account
	o, err := s.openReader(from)
	if err != nil {
		s.account.Close()
		return nil, fmt.Errorf("mapping: shard %s: open at %s: %w", s.info.ID, from, err)
	}
	s.log.Info("shard opened", "from", from.String(), "epoch", s.lease.Epoch)
	call(s.deps.observer.ShardOpened, observe.ShardOpened{
		Shard: s.info.ID, From: from.String(), Epoch: s.lease.Epoch, MappingUUID: s.deps.cfg.uuid, FunctionARN: s.deps.cfg.functionARN,
	})
	return o, nil
}

// process runs the loop, concurrently with the goroutine that reads and the committer, and ends them in the order that
// loses nothing.
func (s *shard) process(o *orderedReader) (finished bool, err error) {
	var readers sync.WaitGroup
	readCtx, stopReading := context.WithCancel(s.stopCtx)
	writeCtx, stopWriting := context.WithCancel(context.WithoutCancel(s.stopCtx))
	defer stopWriting()
	s.commits = &committer{
		ctx: writeCtx, store: s.tenure, guard: s.deps.guard, every: s.deps.checkpointInterval, hurry: make(chan struct{}), lease: s.lease, log: s.log, observer: s.deps.observer,
		pending: make(chan *batch.Commit, 1), identify: s.identify, written: s.written, failing: s.notWritten, lost: s.lose,
	}
	readers.Go(func() { s.read(readCtx, o) })
	if s.left {
		s.toEnd()
	}

	left := s.loop()

	stopReading()
	readers.Wait()
	s.commits.finish(finalCommit, stopWriting)
	return s.close(left)
}

// close releases the lease, unless it is lost or stragglers still run under it, and returns how the shard ended. left
// names the calls that outlived the loop; they may have ended since.
func (s *shard) close(left error) (finished bool, err error) {
	finished = s.isStored()
	if s.ends.close() {
		s.straggles = left
	}
	e := ending{cause: context.Cause(s.ctx), notStored: s.notStored(), cut: s.wasCut || left != nil && s.straggles == nil}
	err = e.err(s.info.ID)
	switch {
	case s.wasLost():
		s.log.Warn("the shard's lease was lost: the outcomes of its running calls do not count")
	case s.straggles == nil:
		s.released = s.release()
	}
	call(s.deps.observer.ShardClosed, observe.ShardClosed{Shard: s.info.ID, End: finished, Err: errors.Join(s.straggles, err)})
	return finished, err
}

// notStored returns why processed records have no checkpoint: they are delivered again.
func (s *shard) notStored() error {
	if s.left && !s.closes {
		return nil // nothing was
	}
	return s.commits.failure
}

// written records a durable commit. The committer's goroutine calls it.
func (s *shard) written(c *batch.Commit) {
	s.view.set(func(v *shardView) {
		v.status.Stored = c.Position
		v.store = condition{}
	})
	if c.End {
		close(s.stored)
	}
}

// notWritten records a failed commit. The committer's goroutine calls it.
func (s *shard) notWritten(err error) {
	s.view.set(func(v *shardView) { v.store.set(message(err), false) })
}

func (s *shard) isStored() bool {
	select {
	case <-s.stored:
		return true
	default:
		return false
	}
}
