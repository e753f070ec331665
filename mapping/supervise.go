package mapping

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/lineage"
	"github.com/shardmill/shardmill/poller"
)

// callGrace is how long functions may take to return after their ctx was cancelled at a stop.
const callGrace = 5 * time.Second

// startRetry is the pause after a failed listing or call of the store; it doubles up to the refresh interval.
const startRetry = time.Second

// run is one Run of a mapping. Its supervise method is the goroutine that owns it: it lists the shards, handles their
// ends, and stops them. Its assignment decides which of them it processes.
type run struct {
	m       *Mapping
	deps    *shardDeps
	began   time.Time
	stopCtx context.Context // when done, nothing more is read or started
	stop    context.CancelCauseFunc
	killCtx context.Context // when done, running calls are cancelled
	kill    context.CancelCauseFunc
	beside  *beside

	starting     starting
	fresh        bool // no progress was stored when it started
	admitted     bool // the role has the required permissions
	assignment   assignment
	latest       latest
	clock        sourceClock
	lineage      lineage.Lineage
	running      map[string]*shard
	listing      bool                       // the shards are being listed
	relist       time.Duration              // how soon to list again after that; 0: at the usual time
	listed       time.Time                  // when the shards were last listed
	timer        *time.Timer                // of the next listing
	due          time.Time                  // when it fires
	rows         map[string]driver.Progress // as stored at the start, until they are swept
	swept        time.Time                  // when the rows were last swept
	unswept      bool                       // for some shards it was too early to say that they have left
	warned       map[string]bool            // about the shards that have left unread
	lost         map[string]bool            // those of them that must be ended
	problemClass string                     // the reported problem, empty if there is none
	ended        chan shardEnd
	wg           sync.WaitGroup

	askedDestination bool // it exists, as far as is known

	described time.Time     // when a description of the stream was last due
	retention time.Duration // of the stream, 0 while it is not known
	missing   atomic.Bool   // a shard that is processed is unknown to the service; set by shards

	stragglers map[string]straggler // by shard, which is not in running
	outlived   chan string          // shards whose stragglers have ended
	gone       chan struct{}        // closed when ended and outlived have no receiver any more

	stopping bool
	drained  <-chan time.Time // fires at the end of the drain; nil before the stop
	failed   error            // the error that ended the run; nil without one
	errs     stopErrors       // the errors of shards after that, or after a stop
}

func newRun(ctx context.Context, m *Mapping, began time.Time) *run {
	r := &run{
		m: m, began: began, latest: latest{m: m, began: began}, clock: sourceClock{m: m, began: began},
		lineage: lineage.New(), running: map[string]*shard{}, warned: map[string]bool{}, lost: map[string]bool{},
		ended: make(chan shardEnd), gone: make(chan struct{}), beside: newBeside(ctx),
		stragglers: map[string]straggler{}, outlived: make(chan string),
	}
	r.stopCtx, r.stop = context.WithCancelCause(ctx)
	r.killCtx, r.kill = context.WithCancelCause(context.WithoutCancel(ctx))
	r.deps = newShardDeps(r)
	return r
}

// supervise processes the stream until stopCtx is done, and waits for all goroutines that it started. It does not
// wait during a panic: the panic must end the process with its stack, and the ends of the shards are ignored.
func (r *run) supervise() error {
	over := false
	defer func() {
		r.stop(nil)
		r.kill(nil)
		r.beside.cancel()
		close(r.gone)
		if over {
			r.beside.wg.Wait()
			r.wg.Wait()
		}
	}()
	err := r.work()
	over = true
	return err
}

// work begins the run, and processes the shards of its assignment.
func (r *run) work() error {
	if err := r.begin(); err != nil {
		if r.stopCtx.Err() != nil {
			return r.latest.rescue(r.stopCtx)
		}
		return err
	}
	if r.fresh {
		r.wg.Go(r.lookForOthers)
	}
	r.m.log.Info("mapping runs", "shards", r.lineage.Count(), "startingPosition", string(r.m.cfg.StartingPosition))
	if err := r.assign(); err != nil {
		return err
	}
	r.timer = time.NewTimer(0)
	defer r.timer.Stop()
	r.schedule(r.next())
	r.assignment.listed()
	r.sweepRows(r.rows)
	r.rows = nil
	return r.loop()
}

// assign sets the assignment: the whole stream, or a share of a fleet's.
func (r *run) assign() (err error) {
	if r.m.fleet == nil {
		r.assignment = &alone{r: r}
		return nil
	}
	r.assignment, err = newFleetWorker(r)
	return err
}

// loop handles events until the run is over: until a stop, or an error, has ended all shards.
func (r *run) loop() error {
	wake := time.NewTimer(0)
	defer wake.Stop()
	stopped := r.stopCtx.Done()
	for !r.isOver(wake) {
		select {
		case result := <-r.beside.results:
			result(time.Now())
		case e := <-r.ended:
			r.end(e)
		case id := <-r.outlived:
			r.free(id)
		case <-r.timer.C:
			r.refresh()
		case <-wake.C:
		case <-stopped:
			stopped = nil
			r.beginStop()
		case <-r.drained:
			r.kill(ErrDrainTimeout)
		}
	}
	for _, s := range r.stragglers {
		r.errs.add(s.err)
	}
	r.m.log.Info("mapping stopped")
	return errors.Join(r.failed, r.errs.join())
}

// isOver calls the assignment, sets the timer for its next call, and reports whether the loop must end.
func (r *run) isOver(wake *time.Timer) bool {
	now := time.Now()
	if again := r.assignment.next(now); !again.IsZero() {
		wake.Reset(max(minStep, again.Sub(now)))
	}
	return r.stopping && len(r.running) == 0 && r.assignment.hasLeft(now)
}

// beginStop makes all shards drain.
func (r *run) beginStop() {
	r.m.log.Info("mapping stops", "shards", len(r.running), "drainTimeout", r.m.cfg.DrainTimeout.String())
	r.stopping = true
	r.assignment.leave(time.Now())
	r.drained = time.After(max(0, r.m.cfg.DrainTimeout))
}

// fail ends the run with an error.
func (r *run) fail(err error) {
	if r.failed == nil && !r.stopping {
		r.failed = err
		r.stop(err)
	}
}

// publish shows which shards are not processed here, and why. Status itself shows the others.
func (r *run) publish() {
	blocked := append(r.leftUnread(), r.assignment.waiting()...)
	r.m.view.set(func(v *view) { v.blocked, v.done = blocked, map[string]bool{} })
}

// known returns a shard of the stream, the zero one if the shard is not known.
func (r *run) known(id string) poller.Shard {
	s, _ := r.lineage.Shard(id)
	return s
}

// waitingFor says why a shard is not processed.
func (r *run) waitingFor(s poller.Shard) string {
	if left, ok := r.stragglers[s.ID]; ok {
		return "waiting for the end of calls that ignored the loss of the shard's lease: " + left.err.Error()
	}
	return r.lineage.WaitingFor(s)
}

// newShard returns a shard that is not processed yet.
func (r *run) newShard(info poller.Shard, t tenure) *shard {
	return newShard(r.deps, info, r.lineage.Standing(info.ID, r.lineage.IsGone(info.ID), r.retention), t)
}

// process runs a shard in its own goroutine, which sends to ended when it returns.
func (r *run) process(s *shard, delay time.Duration) {
	info, sv := s.info, s.view
	r.running[info.ID] = s
	r.m.view.set(func(v *view) { v.shards[info.ID] = sv })
	r.wg.Go(func() {
		finished, err := s.run(delay)
		defer close(s.reported)
		e := shardEnd{
			id: info.ID, finished: finished, left: s.left, lease: s.lease, released: s.released, straggles: s.straggles,
			children: s.children, err: err,
		}
		select {
		case r.ended <- e:
		case <-r.gone:
		}
	})
}

// sleep waits, and reports whether ctx is not done.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
