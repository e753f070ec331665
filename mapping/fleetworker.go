package mapping

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
	"github.com/shardmill/shardmill/mapping/internal/lineage"
)

// leavePatience is how long a stopping worker tries to store that it has left, once nothing of it runs any more. If
// that fails, the other workers notice after the failover time.
const leavePatience = 5 * time.Second

// minStep is the least time between two calls of the assignment when nothing happens.
const minStep = time.Millisecond

// listedRest is how many times as long as a report of the shards took the next one waits, unless it is of a listing: the
// ends of thousands of shards would take minutes of the run's goroutine otherwise, since a report costs the more the more
// shards there are.
const listedRest = 10

// fleetWorker is the assignment of a run that shares its shards with the workers of a fleet: fleet.Coordinator decides,
// and fleetWorker acts. It calls the table in separate goroutines.
type fleetWorker struct {
	r     *run
	table driver.FleetTable
	core  *fleet.Coordinator

	// fence is when all leases end by themselves, in nanoseconds since began on the monotonic clock; 0 means never.
	fence atomic.Int64
	began time.Time

	failing                       map[string]failing // calls of the table that failed last, by purpose
	damagedLeases, damagedWorkers damaged

	unlisted   bool      // the shards have changed since they were last reported to the core
	listableAt time.Time // when changes may be reported again

	renewAt  time.Time // zero if the table needs no renewals
	renewing bool      // a call of FleetRenewer is under way

	warned      bool      // about different failover times
	incarnation string    // the latest one in the log
	patience    time.Time // the end of the attempts to store that it has left; zero while shards are processed
}

// newFleetWorker returns the assignment of a worker that is about to join.
func newFleetWorker(r *run) (*fleetWorker, error) {
	f := &fleetWorker{r: r, began: time.Now(), failing: map[string]failing{}, damagedLeases: damaged{}, damagedWorkers: damaged{}}
	if err := r.m.guard.Do("FleetStore.Fleet", func() { f.table = r.m.fleet.Fleet(r.m.cfg.storeKey) }); err != nil {
		return nil, fmt.Errorf("mapping: %w", err)
	}
	_, shared := f.table.(driver.FleetRenewer)
	var err error
	if f.core, err = fleet.New(fleet.Config{Worker: r.m.newOwner(), Failover: r.m.cfg.FailoverTime, Shared: shared}); err != nil {
		return nil, err
	}
	if shared {
		f.renewAt = f.began.Add(f.failover() / 3)
	}
	return f, nil
}

func (f *fleetWorker) failover() time.Duration { return f.r.m.failover() }

// isFenced implements assignment; any goroutine may call it.
func (f *fleetWorker) isFenced() bool {
	at := f.fence.Load()
	return at > 0 && time.Since(f.began) >= time.Duration(at)
}

// next carries out the core's actions, and renews the leases.
func (f *fleetWorker) next(now time.Time) (again time.Time) {
	if !f.renewAt.IsZero() && !now.Before(f.renewAt) {
		f.renewAt = now.Add(f.failover() / 3)
		f.renew()
	}
	f.listChanges(now)
	for _, a := range f.core.Next(now) {
		f.do(a)
	}
	f.compare()
	fence := int64(0)
	if at := f.core.Fence(); !at.IsZero() {
		fence = int64(max(1, at.Sub(f.began)))
	}
	f.fence.Store(fence)
	if f.patience.IsZero() && f.r.stopping && len(f.r.running) == 0 {
		f.patience = now.Add(leavePatience)
	}
	again = sooner(f.renewAt, f.patience)
	if f.unlisted {
		again = sooner(again, f.listableAt)
	}
	if at, ok := f.core.Wake(now); ok {
		again = sooner(again, at)
	}
	return again
}

// sooner returns the earlier one of two times, where zero means none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// compare warns once if another worker has another failover time.
func (f *fleetWorker) compare() {
	if f.warned {
		return
	}
	if other, differs := f.core.Differs(); differs {
		f.warned = true
		f.r.m.log.Warn("the workers of the fleet have different failover times: the longest counts", "own", f.failover().String(),
			"longest", f.core.Failover().String(), "worker", other.Incarnation)
	}
}

// do carries out one action of the core.
func (f *fleetWorker) do(a fleet.Action) {
	switch a := a.(type) {
	case *fleet.Heartbeat:
		f.sayJoined(a)
		f.call(a.Timeout, func(ctx context.Context) error { return f.table.Heartbeat(ctx, a.Row, a.Join) },
			func(now time.Time, err error) {
				f.answered("heartbeat", err)
				f.core.Beaten(now, a, err)
			})
	case *fleet.ReadWorkers:
		readAll(f, a.Timeout, f.table.Workers, func(now time.Time, rows []driver.FleetWorker, err error) {
			f.answered("read the workers", err)
			if err == nil {
				f.reportWorkers(rows)
			}
			f.core.Workers(now, rows, err)
		})
	case *fleet.ReadLeases:
		readAll(f, storeTimeout, f.table.Leases, func(now time.Time, rows []driver.FleetLease, err error) {
			f.answered("read the leases", err)
			if err == nil {
				f.reportLeases(rows)
			}
			f.core.Leases(now, rows, err)
			f.r.publish()
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
		f.under(a.Lease, (*shard).handOver)
	case *fleet.Drop:
		f.under(a.Lease, (*shard).lost)
	case *fleet.DropAll:
		for _, s := range f.r.running {
			if s.lease.Owner == a.Incarnation {
				s.lost()
			}
		}
		f.r.m.log.Error("this worker was out of touch for too long: it drops all its leases", "why", a.Why)
	case *fleet.Gone:
		f.sayGone(a)
	case *fleet.Release:
		f.call(storeTimeout, func(ctx context.Context) error { return f.table.Release(ctx, a.Lease) }, nil)
	}
}

// sayJoined logs the name under which this worker acquires leases, once for each.
func (f *fleetWorker) sayJoined(a *fleet.Heartbeat) {
	if name := a.Row.Incarnation; f.incarnation != name {
		f.incarnation = name
		f.r.m.log.Info("this worker joins the fleet", "incarnation", name)
	}
}

// sayGone logs that another worker is gone: at WARN if this worker has closed it, which only one worker does, else at
// INFO.
func (f *fleetWorker) sayGone(a *fleet.Gone) {
	level := slog.LevelInfo
	if a.Here {
		level = slog.LevelWarn
	}
	f.r.m.log.Log(f.r.beside.ctx, level, "a worker of the fleet is gone: the others take its shards", "gone", a.Incarnation, "shards", a.Shards)
}

// take acquires a lease, and processes its shard.
func (f *fleetWorker) take(a *fleet.Take) {
	var row driver.FleetLease
	f.call(a.Timeout, func(ctx context.Context) (err error) {
		row, err = f.table.Take(ctx, a.Seen, a.Owner)
		return err
	}, func(now time.Time, err error) {
		f.answered("acquire a lease", err)
		if f.core.Taken(now, a, row, err) {
			f.start(row)
		}
	})
}

// start processes a shard under a lease.
func (f *fleetWorker) start(row driver.FleetLease) {
	r := f.r
	info, known := r.lineage.Shard(row.Shard)
	lost := !known && r.lost[row.Shard]
	if !known {
		info.ID = row.Shard
		if !lost {
			r.refreshSoon(lineage.EarlyRefresh) // it has left the stream since, or is too new: a listing shows which of the two
		}
	}
	held := &fleetTenure{m: r.m, table: f.table, row: row}
	s := r.newShard(info, held)
	held.rate = &s.rate
	s.left, s.lease = lost, held.lease()
	r.process(s, 0)
}

// under calls do for the shard that is processed under a lease, if there is one.
func (f *fleetWorker) under(l driver.FleetLease, do func(*shard)) {
	if s := f.r.running[l.Shard]; s != nil && s.lease.Epoch == l.Epoch {
		do(s)
	}
}

// handOver makes the shard start nothing new, store its progress, and release its lease.
func (s *shard) handOver() {
	s.log.Info("the shard is handed over to another worker")
	s.drain()
}

func (s *shard) lost() { s.lose(driver.ErrLeaseLost) }
