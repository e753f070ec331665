package fleet_test

import (
	"errors"
	"slices"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// worker is one process of the simulated fleet: what mapping does around a Coordinator.
type worker struct {
	s           *sim
	name        string
	core        *fleet.Coordinator
	failover    time.Duration
	offset      time.Duration // of its clock
	drift       float64       // by which its clock is fast
	dead        bool
	stopping    bool
	suspended   time.Duration // until when nothing happens in it
	partitioned time.Duration // until when no call of it arrives
	blind       time.Duration // until when no reading of it does
	sluggish    time.Duration // until when answers take their time

	workerRows []driver.FleetWorker // memory for readings
	leaseRows  []driver.FleetLease

	runs map[string]*process // by shard
	lost map[string]bool     // incarnations that it said are gone
	all  []*process          // that have not ended, for a random choice
	wake time.Time           // when step is to be called, by the worker's clock; zero: at no time
}

// process is the processing of a shard under a lease. Its position is the number of records that are resolved.
type process struct {
	lease     driver.FleetLease
	position  int
	stored    int
	version   uint64
	draining  bool
	dropped   bool
	running   bool // an invocation
	writing   bool // a commit
	releasing bool
	refused   bool
	finished  bool // the end is stored
	index     int  // in worker.all
}

func (s *sim) join(name string) *worker {
	own := s.plan.failovers[len(s.truth.failovers)%len(s.plan.failovers)]
	handOver := s.plan.handOver
	if handOver != 0 {
		handOver = max(handOver, own)
	}
	core, err := fleet.New(fleet.Config{Worker: name, Failover: own, HandOver: handOver})
	if err != nil {
		panic(err)
	}
	s.truth.failovers[name] = own
	w := &worker{s: s, name: name, core: core, failover: own, runs: map[string]*process{}, lost: map[string]bool{}}
	w.offset = s.between(0, 1000*time.Hour)
	w.drift = (2*s.Float64() - 1) * s.plan.drift
	s.workers = append(s.workers, w)
	s.logf("%s: joins, failover %s, drift %+.3f", name, own, w.drift)
	w.list()
	w.tick()
	w.step()
	return w
}

// clock returns the time as the worker sees it.
func (w *worker) clock() time.Time {
	return time.Unix(0, 0).Add(w.offset + w.s.now + time.Duration(w.drift*float64(w.s.now)))
}

// truly returns the duration that the worker takes for d.
func (w *worker) truly(d time.Duration) time.Duration {
	return time.Duration(float64(d) / (1 + w.drift))
}

// step does what the core wants done, and calls it again when it wants.
func (w *worker) step() {
	if w.core.Done() {
		w.die("has left")
		return
	}
	for _, a := range w.core.Next(w.clock()) {
		w.s.logf("%s: %s", w.name, a)
		w.do(a)
	}
	if at, ok := w.core.Wake(w.clock()); ok {
		w.wakeAt(at)
	} else if w.core.Done() {
		w.die("has left")
	}
}

// wakeAt calls step at a time of the worker's clock, and at no other for which it was called before.
func (w *worker) wakeAt(at time.Time) {
	if at.Equal(w.wake) {
		return
	}
	w.wake = at
	w.s.after(w.truly(at.Sub(w.clock()))+time.Microsecond, w, func() {
		if at.Equal(w.wake) {
			w.wake = time.Time{}
			w.step()
		}
	})
}

func (w *worker) die(how string) {
	w.s.logf("%s: %s", w.name, how)
	w.dead = true
	w.s.workers = slices.DeleteFunc(w.s.workers, func(o *worker) bool { return o == w })
	for _, p := range w.all {
		if t := w.s.truth.shard(p.lease.Shard); t.owner == p.lease.Owner {
			t.left = w.s.now
		}
		if p.running {
			w.s.truth.shard(p.lease.Shard).running--
		}
	}
}

// stop drains the worker.
func (w *worker) stop() {
	w.s.logf("%s: stops", w.name)
	w.stopping = true
	w.core.Stop(w.clock())
	w.step()
}

func (w *worker) do(a fleet.Action) {
	s, m := w.s, w.s.memory
	switch a := a.(type) {
	case *fleet.Heartbeat:
		s.call(w, "heartbeat", a.Timeout, func() error { return s.heartbeat(w, a) }, func(err error) {
			w.core.Beaten(w.clock(), a, err)
			w.step()
		})
	case *fleet.ReadWorkers:
		readAll(s, w, &w.workerRows, reading[driver.FleetWorker]{timeout: a.Timeout, page: m.Workers, done: w.core.Workers})
	case *fleet.ReadLeases:
		readAll(s, w, &w.leaseRows, reading[driver.FleetLease]{timeout: w.failover, page: m.Leases, done: w.core.Leases})
	case *fleet.CloseWorker:
		s.call(w, "close", a.Timeout, func() error { return s.closeWorker(w, a) }, func(err error) {
			w.core.Closed(w.clock(), a, err)
			w.step()
		})
	case *fleet.RetireWorker:
		s.call(w, "retire", a.Timeout, func() error { return m.Retire(background, a.Incarnation) }, func(err error) {
			w.core.Retired(w.clock(), a, err)
			w.step()
		})
	case *fleet.RemoveWorker:
		s.call(w, "remove", w.failover, func() error { return m.Remove(background, a.Incarnation) }, func(error) {})
	case *fleet.Take:
		w.take(a)
	case *fleet.Drain:
		p := w.runs[a.Lease.Shard]
		p.draining = true
		s.after(0, w, func() { w.proceed(p) })
	case *fleet.Drop:
		w.drop(w.runs[a.Lease.Shard])
	case *fleet.DropAll:
		for _, p := range slices.Clone(w.all) {
			if p.lease.Owner == a.Incarnation {
				w.drop(p)
			}
		}
	case *fleet.Gone:
		if w.lost[a.Incarnation] {
			s.violate("%s: says twice that %s is gone", w.name, a.Incarnation)
		}
		w.lost[a.Incarnation] = true
	case *fleet.Release:
		s.call(w, "release", w.failover, func() error { return s.release(a.Lease) }, func(error) {})
	}
}

func (w *worker) take(a *fleet.Take) {
	var row driver.FleetLease
	var position int
	w.s.call(w, "take", a.Timeout, func() (err error) {
		row, position, err = w.s.take(w, a)
		return err
	}, func(err error) {
		if w.core.Taken(w.clock(), a, row, err) {
			p := &process{lease: row, position: position, stored: position, index: len(w.all)}
			if old := w.runs[row.Shard]; old != nil {
				w.s.violate("%s takes %s, which it still processes under %s", w.name, row, old.lease)
			}
			w.runs[row.Shard] = p
			w.all = append(w.all, p)
			w.s.after(0, w, func() { w.proceed(p) })
		}
		w.step()
	})
}

func (w *worker) drop(p *process) {
	p.dropped = true
	w.s.after(0, w, func() { w.proceed(p) })
}

// tick starts an invocation of some shards, again and again.
func (w *worker) tick() {
	for range min(len(w.all), w.s.plan.activity) {
		w.invoke(w.all[w.s.IntN(len(w.all))])
	}
	w.s.after(w.s.between(100*time.Millisecond, 900*time.Millisecond), w, w.tick)
}

// invoke starts an invocation, if the shard may have one now.
func (w *worker) invoke(p *process) {
	t := w.s.truth.shard(p.lease.Shard)
	if p.dropped || p.draining || p.running || p.releasing || p.finished {
		return
	}
	if t.ended(p.position) { // it was closed behind the last record that was processed
		w.commit(p)
		return
	}
	if !w.clock().Before(w.core.Fence()) {
		return
	}
	w.s.invoked(w, p)
	p.running = true
	t.running++
	w.s.after(w.s.between(5*time.Millisecond, w.s.plan.invocation), w, func() {
		t.running--
		p.running = false
		if !p.dropped || w.s.chance(0.5) { // a late result should not count, and must not
			p.position++
		}
		w.commit(p)
		w.proceed(p)
	})
}

// commit stores the position, and the end.
func (w *worker) commit(p *process) {
	end := w.s.truth.shard(p.lease.Shard).ended(p.position)
	if p.writing || p.releasing || p.refused || p.stored == p.position && (!end || p.finished) {
		return
	}
	p.writing = true
	p.version++
	c := driver.FleetCheckpoint{Version: p.version, Value: p.position, Finished: end, Rate: w.s.truth.shard(p.lease.Shard).rate}
	w.s.call(w, "commit", w.failover/2, func() error { return w.s.commit(w, p.lease, c) }, func(err error) {
		p.writing = false
		switch {
		case err == nil:
			p.stored, _ = c.Value.(int)
			p.finished = p.finished || end
		case errors.Is(err, driver.ErrFleetRefused):
			p.refused = true
		case !p.dropped:
			w.s.after(200*time.Millisecond, w, func() { w.commit(p) })
			return
		}
		w.commit(p)
		w.proceed(p)
	})
}

// proceed ends the processing of a shard if it is time.
func (w *worker) proceed(p *process) {
	if w.runs[p.lease.Shard] != p || p.running || p.writing || p.releasing {
		return
	}
	t := w.s.truth.shard(p.lease.Shard)
	switch {
	case p.refused, p.dropped:
		w.ended(p, fleet.Abandoned)
	case p.finished, p.draining && p.stored == p.position:
		w.giveBack(p)
	case t.ended(p.position), p.draining:
		w.commit(p)
	case t.end >= 0:
		w.invoke(p)
	}
}

func (w *worker) giveBack(p *process) {
	if p.finished && !w.s.plan.clean && w.s.now < w.s.plan.length && w.s.chance(0.1) {
		w.die("crashes between storing an end and releasing its lease")
		w.s.disturb(w.s.now)
		return
	}
	p.releasing = true
	w.s.call(w, "release", w.failover/2, func() error { return w.s.release(p.lease) }, func(err error) {
		switch {
		case err != nil:
			w.ended(p, fleet.Abandoned)
			w.list()
		case p.finished:
			w.ended(p, fleet.Finished)
			w.list()
		default:
			w.ended(p, fleet.Released)
		}
	})
}

func (w *worker) ended(p *process, how fleet.End) {
	w.s.logf("%s: ended %s: %d", w.name, p.lease, how)
	delete(w.runs, p.lease.Shard)
	last := w.all[len(w.all)-1]
	w.all[p.index], last.index = last, p.index
	w.all = w.all[:len(w.all)-1]
	w.core.Ended(w.clock(), p.lease, how)
	w.step()
}

// list tells the core what the stream lists, now and from time to time.
func (w *worker) list() { w.core.Shards(w.clock(), w.s.truth.listed()) }

// relist lists the shards at intervals.
func (w *worker) relist() {
	w.list()
	w.step()
	w.s.after(w.s.between(5*time.Second, 10*time.Second+time.Duration(w.s.plan.shards)*5*time.Millisecond), w, w.relist)
}
