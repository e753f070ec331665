package mapping

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/role"
)

// callGrace is what functions are given to return after their ctx was cancelled at a stop.
const callGrace = 5 * time.Second

// startRetry is the pause after a listing, or a call of the store, that failed; it doubles up to the refresh interval.
// earlyRefresh is the least time between two listings that the ends of shards lead to.
// unsettledRefresh is that between two while something waits for a listing, or after one that failed.
const (
	startRetry       = time.Second
	earlyRefresh     = time.Second
	unsettledRefresh = 5 * time.Second
)

// run is one Run of a mapping. Its supervise method is the goroutine that owns it.
type run struct {
	m      *Mapping
	began  time.Time
	soft   context.Context // done: read nothing, start nothing
	halt   context.CancelCauseFunc
	hard   context.Context // done: cancel what runs
	cancel context.CancelCauseFunc

	starting starting
	fresh    bool    // nothing was stored when it started
	admitted bool    // the role may do what it must
	member   *member // of a fleet, nil without one
	latest   latest
	clock    sourceClock
	lineage  lineage
	running  map[string]*shard
	listed   time.Time           // when the shards were listed last
	timer    *time.Timer         // of the next listing
	due      time.Time           // when it goes off
	rows     map[string]Progress // that were stored at the start, until they are swept
	swept    time.Time           // when the rows were swept last
	unswept  bool                // and for some shards it was too early to say that they have left
	warned   map[string]bool     // of the shards that have left unread
	lost     map[string]bool     // those of them that are to be ended
	trouble  string              // what failed and was told of, empty when all is well
	ended    chan shardEnd
	wg       sync.WaitGroup

	askedDestination bool // and it exists, as far as is known

	suspicion suspicion     // that the stream is another one of its name
	described time.Time     // when the stream was to be described last
	retention time.Duration // of the stream, 0 while it is not known
	missing   atomic.Bool   // a shard that is processed is unknown to the service; set by shards

	stragglers map[string]straggler // by shard, which is not in running
	outlived   chan string          // shards whose stragglers have ended
	gone       chan struct{}        // closed when nobody receives from ended and outlived any more
}

// shardEnd is how the processing of one shard came to its end.
type shardEnd struct {
	id       string
	finished bool
	left     bool // the shard has left the stream
	lease    Lease
	released bool
	children []poller.Shard // that its last page told of
	err      error

	// straggles names the calls of the shard that still run, whose end outlived reports; nil without any.
	straggles error
}

func newRun(ctx context.Context, m *Mapping, began time.Time) *run {
	r := &run{
		m: m, began: began, latest: latest{m: m, began: began}, clock: sourceClock{m: m, began: began},
		lineage: newLineage(), running: map[string]*shard{}, warned: map[string]bool{}, lost: map[string]bool{},
		ended: make(chan shardEnd), gone: make(chan struct{}),
		stragglers: map[string]straggler{}, outlived: make(chan string),
	}
	r.soft, r.halt = context.WithCancelCause(ctx)
	r.hard, r.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	return r
}

// supervise processes the stream, until the soft ctx is done, and waits for all that it began. It does not wait under a panic,
// which ends the process, with its stack, only when it gets through: the shards then end unheard.
func (r *run) supervise() error {
	over := false
	defer func() {
		r.halt(nil)
		r.cancel(nil)
		close(r.gone)
		if over {
			r.wg.Wait()
		}
	}()
	err := r.work()
	over = true
	return err
}

// work opens shards as they may be opened, until the soft ctx is done, then hears how they end.
func (r *run) work() error {
	if err := r.begin(); err != nil {
		if r.soft.Err() != nil {
			return r.latest.rescue(r.soft)
		}
		return err
	}
	if r.fresh {
		r.wg.Go(r.lookForOthers)
	}
	r.m.log.Info("mapping runs", "shards", len(r.lineage.shards), "startingPosition", string(r.m.cfg.StartingPosition))
	if r.m.fleet != nil {
		return r.join()
	}
	r.open()
	r.sweep(r.rows)
	r.rows = nil
	r.timer = time.NewTimer(0)
	defer r.timer.Stop()
	r.schedule(r.next())
	for {
		select {
		case e := <-r.ended:
			if err := r.end(e); err != nil {
				r.halt(err)
				return errors.Join(err, r.stop())
			}
			if soon, ok := r.lineage.needsListing(e.id); ok && e.finished {
				r.listSoon(soon)
			}
		case id := <-r.outlived:
			r.startAgain(id)
		case <-r.timer.C:
			next, err := r.refresh()
			if err != nil {
				r.halt(err)
				return errors.Join(err, r.stop())
			}
			r.schedule(next)
			r.open()
			r.sweep(nil)
		case <-r.soft.Done():
			return r.stop()
		}
	}
}

// join takes part in the fleet, until the soft ctx is done.
func (r *run) join() error {
	var table FleetTable
	if err := r.m.guard.Do("FleetStore.Fleet", func() { table = r.m.fleet.Fleet(r.m.name) }); err != nil {
		return fmt.Errorf("mapping: %w", err)
	}
	return newMember(r, table).supervise()
}

// begin lists the shards and reads the stored progress for the first time. It tries until both work, or nothing can
// come of it.
func (r *run) begin() error {
	if err := r.soft.Err(); err != nil {
		return err
	}
	watched := r.watchStart()
	err := r.tryToBegin()
	if slow := watched(); slow.said && err == nil {
		r.m.log.With(slow.times(time.Now())...).Info("the mapping starts after a wait")
	}
	return err
}

func (r *run) tryToBegin() error {
	for pause := startRetry; ; pause = min(2*pause, r.m.cfg.ShardRefreshInterval) {
		err := r.prepare()
		if err == nil || r.soft.Err() != nil {
			return err
		}
		r.starting.failed(err)
		if fatal := r.fatal(err); fatal != nil {
			return fatal
		}
		r.problem("starting the mapping failed, will be tried again", err)
		if !sleep(r.soft, pause) {
			return r.soft.Err()
		}
	}
}

// prepare is one attempt to begin.
func (r *run) prepare() error {
	r.tryLatest("storing the start of LATEST")
	if err := r.latest.keep(r.soft); err != nil { // first: whatever hangs or fails from here on, LATEST is as of now
		return err
	}
	if err := r.admit(); err != nil {
		return err
	}
	progress, isWhole, err := r.stored() // before the listing, which tells of each shard stored as ended that it is closed
	if err != nil {
		return err
	}
	r.fresh = len(progress) == 0 && isWhole
	if err := r.askDestination(r.fresh); err != nil {
		return err
	}
	r.described = time.Now()
	r.starting.try("listing the shards", r.m.sourceHost)
	v, err := r.m.look(r.soft, false)
	if err != nil {
		return err
	}
	r.starting.try("describing the stream", r.m.sourceHost)
	r.m.describe(r.soft, v)
	r.lineage.read(progress)
	if err := r.weigh(v, r.lineage.reopens(v.shards)); err != nil {
		return err
	}
	r.list(v)
	r.tryLatest("settling the start of LATEST")
	if err := r.latest.settle(r.soft, len(progress) > 0 || !isWhole); err != nil {
		return err
	}
	for id, p := range progress {
		if _, ok := r.lineage.shards[id]; ok {
			r.lineage.finished[id] = p.End
		}
	}
	for _, id := range r.lineage.passed(progress) {
		r.lineage.finished[id] = true
		r.m.log.Info("nothing is stored for the shard, but for a shard that follows it: it counts as wholly processed", "shard", id)
	}
	r.rows = progress
	return nil
}

// stored reads the stored progress, if the store has no objection to the mapping. isWhole is false where rows are left out because
// they cannot be read.
func (r *run) stored() (progress map[string]Progress, isWhole bool, err error) {
	ctx, cancel := context.WithTimeout(r.soft, storeTimeout)
	defer cancel()
	r.starting.try("checking the store", r.m.storeHost)
	if err := r.m.store.Check(ctx, r.m.name); err != nil {
		return nil, false, fmt.Errorf("mapping: check the store: %w", err)
	}
	r.starting.try("reading the stored progress", r.m.storeHost)
	progress, err = r.m.progress(ctx)
	if err != nil && progress == nil {
		return nil, false, fmt.Errorf("mapping: read the stored progress: %w", err)
	}
	return progress, err == nil, nil
}

// fatal returns the error with which Run ends, nil where another attempt may work.
func (r *run) fatal(err error) error {
	if isFinal(err) || errors.Is(err, ErrStreamReplaced) || errors.Is(err, invoke.ErrDestinationMissing) {
		return err
	}
	if missing, ok := errors.AsType[*role.AccessError](err); ok {
		return fmt.Errorf("mapping: %w", missing)
	}
	switch poller.Classify(err) {
	case poller.StreamGone:
		return fmt.Errorf("mapping: Stream not found: %s: %w", r.m.cfg.EventSourceARN, err)
	case poller.Denied, poller.Stop:
		return fmt.Errorf("mapping: %s: %w", r.m.cfg.EventSourceARN, err)
	default:
		return nil
	}
}

// problem tells of what failed: in the status, and in the log when it begins, or changes its class. The texts of errors
// hold request IDs, so they are no measure of news.
func (r *run) problem(what string, err error) {
	class := what + poller.Classify(err).String()
	r.m.view.set(func(v *view) { v.problem = message(err) })
	if class != r.trouble {
		r.trouble = class
		r.m.log.Error(what, "error", err)
	}
}

// open starts every shard that may be processed and is not, and publishes which ones wait for a parent.
func (r *run) open() {
	r.startAll(r.lineage.openable())
	r.publish()
}

// startAll starts those of some shards that are not processed yet.
func (r *run) startAll(shards []poller.Shard) {
	for _, s := range shards {
		if _, straggles := r.stragglers[s.ID]; r.running[s.ID] == nil && !straggles {
			r.start(s, 0)
		}
	}
}

// publish shows which shards wait.
func (r *run) publish() {
	blocked := r.leftUnread()
	for _, s := range r.lineage.waiting(func(id string) bool { return r.running[id] != nil }) {
		blocked = append(blocked, ShardStatus{ShardID: s.ID, Waiting: r.waitingFor(s)})
	}
	r.m.view.set(func(v *view) { v.blocked, v.done = blocked, map[string]bool{} })
}

// waitingFor says why a shard is not processed.
func (r *run) waitingFor(s poller.Shard) string {
	if left, ok := r.stragglers[s.ID]; ok {
		return "waiting for the end of calls that ignored the loss of the shard's lease: " + left.err.Error()
	}
	return r.lineage.waitingFor(s)
}

// start processes one shard, after a delay, under a lease that it takes.
func (r *run) start(info poller.Shard, delay time.Duration) {
	sv := &shardView{}
	sv.status.ShardID = info.ID
	r.process(newShard(r, info, sv), delay)
}

// process runs a shard in a goroutine of its own, which ends by sending to ended.
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

// end takes note of a shard that ended, and returns an error that ends the mapping. A lease that was lost is asked for
// again after a while.
func (r *run) end(e shardEnd) error {
	info := r.running[e.id].standing.Load().info
	delete(r.running, e.id)
	r.m.view.set(func(v *view) {
		delete(v.shards, e.id)
		v.done[e.id] = e.finished
	})
	if e.straggles != nil {
		r.straggle(info, &e)
	}
	switch {
	case e.left:
		return r.gaveUp(&e)
	case e.finished:
		r.finish(e)
	case r.soft.Err() != nil:
	case e.straggles != nil && !isFinal(e.err):
		r.publish()
	case errors.Is(e.err, ErrLeaseLost):
		r.start(info, leaseRetry)
	case e.err != nil:
		return e.err
	}
	return nil
}

// finish takes note of a shard that is wholly processed, and opens its children.
func (r *run) finish(e shardEnd) {
	r.lineage.finished[e.id] = true
	news := r.lineage.learn(e.id, e.children, time.Now())
	r.m.log.Info("shard is wholly processed", "shard", e.id, "newChildren", len(news))
	if r.soft.Err() != nil {
		return
	}
	r.startAll(r.lineage.openableChildren(e.id))
	if len(news) > 0 {
		r.publish()
	}
}

// stop waits for the shards to drain, and cancels what still runs when the time is over.
func (r *run) stop() error {
	r.m.log.Info("mapping stops", "shards", len(r.running), "drainTimeout", r.m.cfg.DrainTimeout.String())
	drain := time.NewTimer(max(0, r.m.cfg.DrainTimeout))
	defer drain.Stop()
	var errs stopErrors
	for len(r.running) > 0 {
		select {
		case e := <-r.ended:
			_ = r.end(e) // it cannot end the mapping a second time: errs has its error
			errs.add(e.err)
		case id := <-r.outlived:
			errs.add(r.outlive(id).cutShort())
		case <-drain.C:
			r.cancel(ErrDrainTimeout)
		}
	}
	r.addStragglers(&errs)
	r.m.log.Info("mapping stopped")
	return errs.join()
}

// sleep waits and reports whether ctx is still good.
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
