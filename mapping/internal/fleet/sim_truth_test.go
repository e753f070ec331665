package fleet_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// truth is what an observer sees who sees everything. The rules are checked against it.
type truth struct {
	shards    map[string]*trueShard
	list      []fleet.Shard                        // what the stream lists; renewed after each change
	failovers map[string]time.Duration             // of the workers, by name
	beats     map[string]beat                      // when incarnations raised their counters last
	asked     map[string]map[driver.FleetAsk]*span // what incarnations ask for, and when their rows showed it
	takes     int                                  // that succeeded
	forced    int                                  // ... from a worker that was not closed
	stale     int                                  // invocations that started after the shard was lost
	worst     time.Duration
	overlaps  int             // invocations that started while another of the same shard ran
	again     int             // invocations of records that were invoked before
	started   int             // invocations
	takeover  []time.Duration // how long shards were without a worker that crashed or released them
}

// beat is a heartbeat as the table carried it out.
type beat struct {
	counter uint64
	at      time.Duration
}

// span is the time during which something stands in a row without a break.
type span struct {
	from time.Duration
	gone bool // not in the row that is being written
	over bool // not in the row any more
}

// trueShard is a shard of the stream.
type trueShard struct {
	id      string
	parents []string
	rate    int64
	end     int // how many records it has, -1 while it is open

	owner    string // as the table has it
	epoch    uint64
	lost     map[uint64]time.Duration // when the lease of an epoch ended
	position int
	finished bool
	running  int           // invocations, anywhere
	invoked  int           // the highest record that was invoked
	left     time.Duration // when its worker crashed, or released it
	worked   time.Duration // when a worker that is well had it last
}

// listed returns what the stream lists.
func (t *truth) listed() []fleet.Shard {
	if len(t.list) != len(t.shards) {
		t.list = nil
		for _, sh := range t.shards {
			t.list = append(t.list, fleet.Shard{ID: sh.id, Parents: sh.parents})
		}
		slices.SortFunc(t.list, func(a, b fleet.Shard) int { return cmp.Compare(a.ID, b.ID) })
	}
	return t.list
}

func (t *truth) shard(id string) *trueShard { return t.shards[id] }

func (t *trueShard) ended(position int) bool { return t.end >= 0 && position >= t.end }

// add adds an open shard to the stream.
func (s *sim) add(parents ...string) *trueShard {
	t := &trueShard{
		id: fmt.Sprintf("shard-%06d", len(s.truth.shards)), parents: parents, end: -1,
		lost: map[uint64]time.Duration{}, worked: s.now, invoked: -1,
	}
	if s.plan.rates {
		t.rate = int64(100_000 * s.ExpFloat64())
	}
	s.truth.shards[t.id] = t
	return t
}

// openable reports whether a shard may be processed.
func (s *sim) openable(t *trueShard) bool {
	if t.finished {
		return false
	}
	for _, id := range t.parents {
		if p := s.truth.shards[id]; p != nil && !p.finished {
			return false
		}
	}
	return true
}

func (s *sim) heartbeat(w *worker, a *fleet.Heartbeat) error {
	err := s.memory.Heartbeat(background, a.Row, a.Join)
	if err != nil {
		return err
	}
	if had := s.truth.beats[a.Row.Incarnation]; a.Row.Counter > had.counter {
		s.truth.beats[a.Row.Incarnation] = beat{counter: a.Row.Counter, at: s.now}
	}
	asked := s.truth.asked[a.Row.Incarnation]
	if asked == nil {
		asked = map[driver.FleetAsk]*span{}
		s.truth.asked[a.Row.Incarnation] = asked
	}
	for _, had := range asked {
		had.gone = true
	}
	for _, ask := range a.Row.Asks {
		if asked[ask] == nil || asked[ask].over {
			asked[ask] = &span{from: s.now}
		}
		asked[ask].gone = false
	}
	for _, had := range asked {
		had.over = had.gone
	}
	return nil
}

func (s *sim) closeWorker(w *worker, a *fleet.CloseWorker) error {
	closed := s.isClosed(a.Incarnation)
	err := s.memory.Close(background, a.Incarnation, a.Counter)
	silent := s.now - s.truth.beats[a.Incarnation].at
	if err == nil && !closed && !s.plan.isOver(silent, s.failoverOf(a.Incarnation)) {
		s.violate("%s closes %s, which was silent for %s", w.name, a.Incarnation, silent)
	}
	return err
}

// failoverOf returns the failover time of an incarnation's worker.
func (s *sim) failoverOf(incarnation string) time.Duration {
	name, _, _ := strings.Cut(incarnation, "#")
	return s.truth.failovers[name]
}

// isOver reports whether so long is a failover time to everybody, as far as clocks can be trusted.
func (p *schedule) isOver(d, failover time.Duration) bool {
	return float64(d) >= float64(failover)*(1-2*p.drift)
}

// take is a Take as it happens at the table.
func (s *sim) take(w *worker, a *fleet.Take) (driver.FleetLease, int, error) {
	t := s.truth.shard(a.Seen.Shard)
	row, err := s.memory.Take(background, a.Seen, a.Owner)
	if err != nil {
		return row, 0, err
	}
	if row.Epoch != t.epoch {
		if !t.finished { // else it is only freed
			s.truth.takes++
		}
		if t.owner != "" && t.owner != a.Owner && !s.isClosed(t.owner) {
			s.truth.forced++
			asked := s.truth.asked[a.Owner][driver.FleetAsk{Shard: t.id, Epoch: t.epoch}]
			if asked == nil || !s.plan.isOver(s.now-asked.from, s.failoverOf(t.owner)) {
				s.violate("%s takes %s/%d from %s, which is not closed, and was not asked in time", w.name, t.id, t.epoch, t.owner)
			}
		}
		s.lose(t)
		if t.left > 0 && !t.finished {
			s.truth.takeover = append(s.truth.takeover, s.now-t.left)
			t.left = 0
		}
		t.owner, t.epoch = a.Owner, row.Epoch
	}
	if !s.openable(t) && !t.finished {
		s.violate("%s takes %s before its parents are finished", w.name, t.id)
	}
	return row, t.position, nil
}

func (s *sim) isClosed(incarnation string) bool {
	mark := ""
	for {
		rows, next, _ := s.memory.Workers(background, mark)
		for _, r := range rows {
			if r.Incarnation == incarnation {
				return r.Closed
			}
		}
		if next == "" {
			return true
		}
		mark = next
	}
}

// lose notes that the lease that is in force ends.
func (s *sim) lose(t *trueShard) {
	if t.owner != "" {
		t.lost[t.epoch] = s.now
	}
}

func (s *sim) release(lease driver.FleetLease) error {
	err := s.memory.Release(background, lease)
	if t := s.truth.shard(lease.Shard); err == nil && t.owner == lease.Owner && t.epoch == lease.Epoch {
		s.lose(t)
		t.owner, t.epoch, t.left = "", t.epoch+1, s.now
	}
	return err
}

// commit is a Commit as it happens at the table.
func (s *sim) commit(w *worker, lease driver.FleetLease, c driver.FleetCheckpoint) error {
	err := s.memory.Commit(background, lease, c)
	if err != nil {
		return err
	}
	t := s.truth.shard(lease.Shard)
	if t.owner != lease.Owner || t.epoch != lease.Epoch {
		s.violate("%s commits under %s, while %s has epoch %d", w.name, lease, t.owner, t.epoch)
	}
	stored, ok := s.memory.Checkpoint(lease.Shard)
	position, _ := stored.Value.(int)
	if !ok || position < t.position {
		s.violate("%s moves the position of %s back from %d to %d", w.name, lease, t.position, position)
	}
	t.position = position
	if stored.Finished && !t.finished {
		t.finished = true
		for _, child := range s.truth.shards {
			if len(child.parents) > 0 {
				child.worked = max(child.worked, s.now)
			}
		}
	}
	return nil
}

// invoked checks an invocation as it starts.
func (s *sim) invoked(w *worker, p *process) {
	t := s.truth.shard(p.lease.Shard)
	s.truth.started++
	if !s.openable(t) && !t.finished {
		s.violate("%s invokes with %s before its parents are finished", w.name, t.id)
	}
	if at, lost := t.lost[p.lease.Epoch]; lost {
		s.truth.stale++
		late := s.now - at
		s.truth.worst = max(s.truth.worst, late)
		switch {
		case late > w.failover:
			s.violate("%s starts an invocation %s after it lost %s", w.name, late, p.lease)
		case s.plan.drift <= tightDrift:
			s.violate("%s starts an invocation %s after it lost %s, though its clock is good", w.name, late, p.lease)
		}
	}
	if t.running > 0 {
		s.truth.overlaps++
		if s.plan.clean {
			s.violate("%s invokes with %s while another one does", w.name, p.lease)
		}
	}
	if p.position <= t.invoked {
		s.truth.again++
		if s.plan.clean {
			s.violate("%s invokes record %d of %s again", w.name, p.position, p.lease)
		}
	}
	t.invoked = max(t.invoked, p.position)
}

// watch checks from time to time that no shard goes without a worker for long.
func (s *sim) watch() {
	owners := map[string]*worker{}
	for _, w := range s.workers {
		if s.now >= w.suspended && s.now >= w.partitioned {
			owners[w.core.Incarnation()] = w
		}
	}
	for _, t := range s.truth.shards {
		w := owners[t.owner]
		if len(s.workers) == 0 || !s.openable(t) || w != nil && w.runs[t.id] != nil && !w.runs[t.id].dropped {
			t.worked = s.now
			continue
		}
		if since := max(t.worked, s.disturbed); s.now-since > 2*s.plan.longest() {
			s.violate("%s (owner %q) has no worker since %.3fs, the last disturbance was over at %.3fs",
				t.id, t.owner, t.worked.Seconds(), s.disturbed.Seconds())
		}
	}
	s.after(time.Second, nil, s.watch)
}
