package mapping

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// leavePatience is what a stopping worker is given to tell the others that it has left, once nothing of it runs any more. A
// worker that can't tell is found out after the failover time.
const leavePatience = 5 * time.Second

// minStep is the least time between two questions to the core when nothing happens.
const minStep = time.Millisecond

// member is a run that shares its shards with the workers of a fleet: fleet.Coordinator decides, it does. The run's goroutine
// owns it; the calls of the table have goroutines of their own, which report by results.
type member struct {
	r     *run
	table FleetTable
	core  *fleet.Coordinator

	calls   context.Context // done: no result is waited for any more
	cancel  context.CancelFunc
	calling sync.WaitGroup
	results chan func(now time.Time)

	// fence is when all leases end by themselves, in nanoseconds since began on the monotonic clock; 0: there is none.
	fence atomic.Int64
	began time.Time

	failing                       map[string]failing // calls of the table that failed last, by what they are for
	damagedLeases, damagedWorkers damaged

	renewing bool          // a call of FleetRenewer is under way
	listing  bool          // the stream is being listed
	relist   time.Duration // how soon to list again after that; 0: not sooner than usual

	warned      bool   // that workers have different failover times
	incarnation string // the log has it

	stopping bool
	drained  <-chan time.Time // the drain's time is over
	patience <-chan time.Time // nobody waits any longer for the leaving to be stored
	errs     stopErrors
	fatal    error
}

func newMember(r *run, table FleetTable) *member {
	f := &member{r: r, table: table, results: make(chan func(time.Time)), began: time.Now(), failing: map[string]failing{}, damagedLeases: damaged{}, damagedWorkers: damaged{}}
	f.calls, f.cancel = context.WithCancel(context.WithoutCancel(r.soft))
	r.member = f
	return f
}

// fenced reports whether all leases of the run have ended because its worker could not be heard for too long.
func (r *run) fenced() bool {
	if r.member == nil {
		return false
	}
	at := r.member.fence.Load()
	return at > 0 && time.Since(r.member.began) >= time.Duration(at)
}

// supervise takes part in the fleet until the run stops and everything of it has ended.
func (f *member) supervise() error {
	defer f.calling.Wait()
	defer f.cancel()
	var err error
	f.core, err = fleet.New(fleet.Config{Worker: f.r.m.newOwner(), Failover: f.r.m.cfg.FailoverTime})
	if err != nil {
		return err
	}
	f.r.timer = time.NewTimer(0)
	defer f.r.timer.Stop()
	f.r.schedule(f.r.next())
	wake := time.NewTimer(0)
	defer wake.Stop()
	renew, stopRenewing := f.renewals()
	defer stopRenewing()
	soft := f.r.soft.Done()
	f.r.m.view.set(func(v *view) { v.done = map[string]bool{} })
	f.list()
	f.sweepRows(f.r.rows)
	f.r.rows = nil
	for {
		f.step(wake)
		if f.stopping && len(f.r.running) == 0 {
			if f.core.Done() || len(f.r.stragglers) > 0 { // their leases are left to expire, and the worker's row with them
				break
			}
			if f.patience == nil {
				f.patience = time.After(leavePatience)
			}
		}
		select {
		case result := <-f.results:
			result(time.Now())
		case e := <-f.r.ended:
			f.end(e)
		case id := <-f.r.outlived:
			f.outlived(id)
		case <-f.r.timer.C:
			f.refresh()
		case <-wake.C:
		case <-renew:
			f.renew()
		case <-soft:
			soft = nil
			f.stop()
		case <-f.drained:
			f.r.cancel(ErrDrainTimeout)
		case <-f.patience:
			f.r.m.log.Warn("leaving the fleet could not be stored: the others find out after the failover time")
			return f.left()
		}
	}
	return f.left()
}

func (f *member) left() error {
	f.r.addStragglers(&f.errs)
	f.r.m.log.Info("mapping stopped")
	return errors.Join(f.fatal, f.errs.join())
}

// stop has everything drain, and leave.
func (f *member) stop() {
	f.r.m.log.Info("mapping stops", "shards", len(f.r.running), "drainTimeout", f.r.m.cfg.DrainTimeout.String())
	f.stopping = true
	f.core.Stop(time.Now())
	f.drained = time.After(max(0, f.r.m.cfg.DrainTimeout))
}

// fail ends the run with an error.
func (f *member) fail(err error) {
	if f.fatal == nil && !f.stopping {
		f.fatal = err
		f.r.halt(err)
	}
}

// step does what the core wants done, and sets the timer to when it is to be asked again.
func (f *member) step(wake *time.Timer) {
	now := time.Now()
	for _, a := range f.core.Next(now) {
		f.do(a)
	}
	f.compare()
	at := int64(0)
	if fence := f.core.Fence(); !fence.IsZero() {
		at = int64(max(1, fence.Sub(f.began)))
	}
	f.fence.Store(at)
	if at, ok := f.core.Wake(now); ok {
		wake.Reset(max(minStep, at.Sub(now)))
	}
}

// compare logs, once, that another worker has another failover time.
func (f *member) compare() {
	if f.warned {
		return
	}
	if other, differs := f.core.Differs(); differs {
		f.warned = true
		f.r.m.log.Warn("the workers of the fleet have different failover times: the longest counts", "own", f.failover().String(),
			"longest", f.core.Failover().String(), "worker", other.Incarnation)
	}
}

// do does one thing that the core wants done.
func (f *member) do(a fleet.Action) {
	switch a := a.(type) {
	case *fleet.Heartbeat:
		f.sayJoined(a)
		f.call(a.Timeout, func(ctx context.Context) error { return f.table.Heartbeat(ctx, a.Row, a.Join) },
			func(now time.Time, err error) {
				f.answered("heartbeat", err)
				f.core.Beaten(now, a, err)
			})
	case *fleet.ReadWorkers:
		readAll(f, a.Timeout, f.table.Workers, func(now time.Time, rows []FleetWorker, err error) {
			f.answered("read the workers", err)
			if err == nil {
				f.reportWorkers(rows)
			}
			f.core.Workers(now, rows, err)
		})
	case *fleet.ReadLeases:
		readAll(f, storeTimeout, f.table.Leases, func(now time.Time, rows []FleetLease, err error) {
			f.answered("read the leases", err)
			if err == nil {
				f.reportLeases(rows)
			}
			f.core.Leases(now, rows, err)
			f.publish()
		})
	case *fleet.CloseWorker:
		f.r.m.log.Debug("a worker of the fleet is silent", "silent", a.Incarnation)
		f.call(a.Timeout, func(ctx context.Context) error { return f.table.Close(ctx, a.Incarnation, a.Counter) },
			func(now time.Time, err error) { f.core.Closed(now, a, err) })
	case *fleet.RetireWorker:
		f.call(a.Timeout, func(ctx context.Context) error { return f.table.Retire(ctx, a.Incarnation) },
			func(now time.Time, err error) { f.core.Retired(now, a, err) })
	case *fleet.RemoveWorker:
		f.call(storeTimeout, func(ctx context.Context) error { return f.table.Remove(ctx, a.Incarnation) }, nil)
	case *fleet.Take:
		f.take(a)
	case *fleet.Drain:
		f.each(func(s *shard) bool { return s.lease.Shard == a.Lease.Shard && s.lease.Epoch == a.Lease.Epoch }, (*shard).handOver)
	case *fleet.Drop:
		f.each(func(s *shard) bool { return s.lease.Shard == a.Lease.Shard && s.lease.Epoch == a.Lease.Epoch }, (*shard).lost)
	case *fleet.DropAll:
		f.each(func(s *shard) bool { return s.lease.Owner == a.Incarnation }, (*shard).lost)
		f.r.m.log.Error("this worker was not heard for too long: all its leases are given up", "why", a.Why)
	case *fleet.Gone:
		f.sayGone(a)
	case *fleet.Release:
		f.call(storeTimeout, func(ctx context.Context) error { return f.table.Release(ctx, a.Lease) }, nil)
	}
}

// sayJoined logs under which name this worker takes leases, once for each.
func (f *member) sayJoined(a *fleet.Heartbeat) {
	if name := a.Row.Incarnation; f.incarnation != name {
		f.incarnation = name
		f.r.m.log.Info("this worker joins the fleet", "incarnation", name)
	}
}

// sayGone logs that another worker is gone: at WARN where this worker has closed it, which one worker does, else at INFO.
func (f *member) sayGone(a *fleet.Gone) {
	level := slog.LevelInfo
	if a.Here {
		level = slog.LevelWarn
	}
	f.r.m.log.Log(f.calls, level, "a worker of the fleet is gone: the others take its shards", "gone", a.Incarnation, "shards", a.Shards)
}

// renewals returns what ticks when the leases are to be renewed; nil where the table does not want that.
func (f *member) renewals() (tick <-chan time.Time, stop func()) {
	if _, ok := f.table.(FleetRenewer); !ok {
		return nil, func() {}
	}
	t := time.NewTicker(f.failover() / 3)
	return t.C, t.Stop
}

func (f *member) failover() time.Duration {
	return f.r.m.failover()
}

// renew renews the leases of all shards that are processed. Those that turn out to be lost are given up; that the core learns
// when they have ended.
func (f *member) renew() {
	table, ok := f.table.(FleetRenewer)
	if !ok || f.renewing || len(f.r.running) == 0 {
		return
	}
	leases := make([]FleetLease, 0, len(f.r.running))
	for _, s := range f.r.running {
		leases = append(leases, FleetLease{Shard: s.lease.Shard, Owner: s.lease.Owner, Epoch: s.lease.Epoch})
	}
	f.renewing = true
	var lost []FleetLease
	f.call(f.failover()/3, func(ctx context.Context) (err error) {
		lost, err = table.Renew(ctx, leases)
		return err
	}, func(_ time.Time, err error) {
		f.renewing = false
		if err != nil {
			f.r.m.log.Warn("leases could not be renewed: other programs may take them", "error", err)
		}
		for _, l := range lost {
			f.each(func(s *shard) bool { return s.lease.Shard == l.Shard && s.lease.Epoch == l.Epoch }, (*shard).lost)
		}
	})
}

// each does something with each shard that is processed and meant.
func (f *member) each(meant func(*shard) bool, do func(*shard)) {
	for _, s := range f.r.running {
		if meant(s) {
			do(s)
		}
	}
}

// handOver lets the shard start nothing new, store, and give its lease back.
func (s *shard) handOver() {
	s.log.Info("the shard is handed over to another worker")
	s.drain()
}

func (s *shard) lost() { s.lose(ErrLeaseLost) }

// call makes a call of the table beside everything else, and reports what it came to, unless nobody wants to know.
func (f *member) call(timeout time.Duration, do func(context.Context) error, report func(time.Time, error)) {
	f.calling.Go(func() {
		ctx, cancel := context.WithTimeout(f.calls, timeout)
		defer cancel()
		err := f.guarded(func() error { return do(ctx) })
		if report != nil {
			f.report(func(now time.Time) { report(now, err) })
		}
	})
}

// guarded calls the table.
func (f *member) guarded(do func() error) (err error) {
	if failed := f.r.m.guard.Do("FleetTable", func() { err = do() }); failed != nil {
		return failed
	}
	return err
}

func (f *member) report(result func(now time.Time)) {
	select {
	case f.results <- result:
	case <-f.calls.Done():
	}
}

// failing is a call of the table that failed when it was made last.
type failing struct {
	times int // in a row
	last  time.Time
}

// answered takes note of what a call of the table came to: in the status at once, and in the log when it fails again, for one
// failure now and then is routine. A condition that did not hold is an answer.
func (f *member) answered(what string, err error) {
	now := time.Now()
	if err == nil || errors.Is(err, ErrFleetRefused) {
		if f.failing[what].times > 1 {
			f.r.m.log.Info("the fleet's table answers again", "call", what)
		}
		delete(f.failing, what)
		// What is made on demand may not be made again. What still fails fails again before that.
		patience := max(f.failover(), 2*storeTimeout)
		maps.DeleteFunc(f.failing, func(_ string, c failing) bool { return now.Sub(c.last) > patience })
		if len(f.failing) == 0 {
			f.r.m.view.set(func(v *view) { v.table = "" })
		}
		return
	}
	c := failing{times: f.failing[what].times + 1, last: now}
	f.failing[what] = c
	if c.times == 2 {
		f.r.m.log.Warn("a call of the fleet's table fails, and is tried again", "call", what, "error", err)
	}
	f.r.m.view.set(func(v *view) { v.table = "the fleet's table: " + what + ": " + message(err) })
}

// readAll reads all pages of a kind of rows.
func readAll[T any](f *member, timeout time.Duration, page func(context.Context, string) ([]T, string, error), report func(time.Time, []T, error)) {
	f.calling.Go(func() {
		ctx, cancel := context.WithTimeout(f.calls, timeout)
		defer cancel()
		var all []T
		err := f.guarded(func() (err error) {
			all, err = pages(ctx, page)
			return err
		})
		f.report(func(now time.Time) { report(now, all, err) })
	})
}

// pages reads all pages.
func pages[T any](ctx context.Context, page func(context.Context, string) ([]T, string, error)) (all []T, err error) {
	rows, mark, err := page(ctx, "")
	for all = append(all, rows...); err == nil && mark != ""; all = append(all, rows...) {
		rows, mark, err = page(ctx, mark)
	}
	return all, err
}

// take takes a lease, and processes its shard.
func (f *member) take(a *fleet.Take) {
	var row FleetLease
	f.call(a.Timeout, func(ctx context.Context) (err error) {
		row, err = f.table.Take(ctx, a.Seen, a.Owner)
		return err
	}, func(now time.Time, err error) {
		f.answered("take a lease", err)
		if f.core.Taken(now, a, row, err) {
			f.start(row)
		}
	})
}

// start processes a shard under a lease.
func (f *member) start(row FleetLease) {
	r := f.r
	info, known := r.lineage.shards[row.Shard]
	lost := !known && r.lost[row.Shard]
	if !known {
		info.ID = row.Shard
		if !lost {
			f.refreshSoon(earlyRefresh) // it has left the stream since, or is too new: a listing shows which
		}
	}
	sv := &shardView{}
	sv.status.ShardID = info.ID
	s := newShard(r, info, sv)
	s.left = lost
	held := &fleetLease{table: f.table, row: row, rate: &s.rate}
	s.store, s.load = held, held.load
	s.lease = Lease{Mapping: r.m.name, Shard: row.Shard, Owner: row.Owner, Epoch: row.Epoch}
	r.process(s, 0)
}

// end takes note of a shard that is not processed any more.
func (f *member) end(e shardEnd) {
	r := f.r
	info := r.running[e.id].standing.Load().info
	delete(r.running, e.id)
	r.m.view.set(func(v *view) {
		delete(v.shards, e.id)
		v.done[e.id] = e.finished
	})
	if e.straggles != nil {
		r.straggle(info, &e) // the core still counts the shard as this worker's, and does not take it again
		f.judge(e)
		return
	}
	how := fleet.Abandoned
	switch {
	case e.finished && e.released:
		how = fleet.Finished
	case e.err == nil && e.released:
		how = fleet.Released
	}
	f.core.Ended(time.Now(), FleetLease{Shard: e.id, Owner: e.lease.Owner, Epoch: e.lease.Epoch}, how)
	f.judge(e)
	switch {
	case !e.finished:
		return
	case e.left:
		delete(r.lost, e.id)
		r.lineage.end(e.id)
		f.list()
		return
	}
	news := r.lineage.learn(e.id, e.children, time.Now())
	r.m.log.Info("shard is wholly processed", "shard", e.id, "newChildren", len(news))
	f.list()
	if soon, ok := r.lineage.needsListing(e.id); ok {
		f.refreshSoon(soon)
	}
}

// outlived takes note that the stragglers of a shard have ended: this worker may take it again.
func (f *member) outlived(id string) {
	s := f.r.outlive(id)
	f.core.Ended(time.Now(), FleetLease{Shard: id, Owner: s.lease.Owner, Epoch: s.lease.Epoch}, fleet.Abandoned)
	if f.stopping {
		f.errs.add(s.cutShort())
	}
}

// judge decides what the error with which a shard ended is to the run. That the progress of a shard that was handed over could
// not be stored is none to it: the next owner processes some records again, as after a lease that was lost.
func (f *member) judge(e shardEnd) {
	switch {
	case f.stopping:
		f.errs.add(e.err)
	case e.err == nil || errors.Is(e.err, ErrLeaseLost):
	case errors.Is(e.err, ErrNotStored) && !isFinal(e.err):
		f.r.m.log.Warn("the progress of a shard that is handed over could not be stored: its next owner processes some records again",
			"shard", e.id, "error", e.err)
	default:
		f.fail(e.err)
	}
}
