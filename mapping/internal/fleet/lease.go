package fleet

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/shardmill/shardmill/internal/parentage"
	"github.com/shardmill/shardmill/mapping/driver"
)

// hold is the relation of this worker to a shard.
type hold int

const (
	none     hold = iota
	taking        // a Take is under way, or to be retried because its result is unknown
	held          // it is processed under the lease
	draining      // it is still processed, but nothing new starts
	dropped       // the lease is lost, and calls under it have not ended
)

// shard is the knowledge about one shard.
type shard struct {
	id      string
	hash    uint64
	parents []string
	listed  bool
	list    uint64            // the last listing with it
	lease   driver.FleetLease // the newest image of its row, as read or as written by this worker
	owner   *peer             // of the lease; see Coordinator.owner
	ownerOf uint64            // the peerSet for which owner holds
	survey  uint64            // the last reading with its row
	changed time.Time         // when hold last changed

	hold  hold
	mine  driver.FleetLease // the lease while hold is held, draining or dropped
	take  *Take             // while hold is taking
	retry time.Time
	busy  bool // take is under way

	free     time.Time // since when it was seen free for a worker that does not take it; zero: it was not
	asker    *member   // the worker that asks for it, if any
	wanted   uint64    // the latest epoch that another worker was seen to ask for
	finished bool      // by this worker: its children are taken without waiting for the others
}

// shard returns the knowledge about a shard, and adds an entry if there is none.
func (c *Coordinator) shard(id string) *shard {
	s := c.shards[id]
	if s == nil {
		s = &shard{id: id, hash: hash(id), lease: driver.FleetLease{Shard: id}}
		c.shards[id] = s
		c.order = append(c.order, s)
	}
	return s
}

// walk returns a function like shard that is fast if the IDs of its calls grow, as those of rows mostly do.
func (c *Coordinator) walk() func(id string) *shard {
	known, i := c.order, 0
	return func(id string) *shard {
		for i < len(known) && known[i].id < id {
			i++
		}
		if i < len(known) && known[i].id == id {
			return known[i]
		}
		return c.shard(id)
	}
}

// sort puts the shards in order after some were added.
func (c *Coordinator) sort() {
	if !slices.IsSortedFunc(c.order, compareShards) {
		slices.SortFunc(c.order, compareShards)
	}
}

func compareShards(a, b *shard) int { return cmp.Compare(a.id, b.id) }

// Shards reports all shards that the stream lists.
func (c *Coordinator) Shards(now time.Time, shards []Shard) {
	c.fence(now)
	c.lists++
	walk := c.walk()
	for _, info := range shards {
		s := walk(info.ID)
		c.dirty = c.dirty || !s.listed
		s.listed, s.list, s.parents = true, c.lists, info.Parents
	}
	c.sort()
	for _, s := range c.order {
		if s.listed && s.list != c.lists {
			s.listed, c.dirty = false, true
		}
	}
	c.implyFinished()
}

// State is the state of a shard that the stream lists and that is not complete.
type State struct {
	Lease driver.FleetLease

	// Waits is set if the shard waits for its parents to be complete.
	Waits bool
}

// States returns the states of the shards, by ID. They include those of this worker.
func (c *Coordinator) States() []State {
	states := make([]State, 0, len(c.order))
	for _, s := range c.order {
		if s.listed && !s.lease.Finished {
			states = append(states, State{Lease: s.lease, Waits: !c.parentsDone(s)})
		}
	}
	return states
}

// survey reads the lease rows when they are known to have changed, and otherwise at long intervals.
func (c *Coordinator) survey(now time.Time) {
	if c.member() && !c.surveying.busy && !now.Before(c.nextSurvey()) {
		c.stale = false
		c.surveying.start(now, c.life)
		c.do(&ReadLeases{})
	}
}

func (c *Coordinator) nextSurvey() time.Time {
	if early := c.surveying.began.Add(c.cfg.spacing(len(c.order))); c.stale && c.surveying.due.Before(early) {
		return early
	}
	if c.stale {
		return c.surveying.due
	}
	return c.surveyStart.Add(c.cfg.survey(c.foreign))
}

func (c *Coordinator) wakeSurvey(sooner func(time.Time)) {
	if c.member() && !c.surveying.busy {
		sooner(c.nextSurvey())
	}
}

// Leases reports the result of a ReadLeases: all rows, or an error.
func (c *Coordinator) Leases(now time.Time, rows []driver.FleetLease, err error) {
	c.fence(now)
	began := c.surveying.began
	if err != nil {
		c.stale = true
		c.surveying.end(now.Add(c.cfg.quick()))
		return
	}
	c.surveying.end(time.Time{})
	if c.surveying.life == c.life {
		c.surveyStart, c.surveyEnd = began, now
	} else {
		c.stale = true
	}
	c.surveys++
	walk := c.walk()
	for _, row := range rows {
		s := walk(row.Shard)
		s.survey = c.surveys
		c.observe(s, row, began, now)
	}
	c.sort()
	c.foreign = false
	c.order = slices.DeleteFunc(c.order, func(s *shard) bool {
		if s.survey != c.surveys {
			c.observe(s, driver.FleetLease{Shard: s.id}, began, now)
		}
		c.foreign = c.foreign || outside(&s.lease) && s.listed && !s.lease.Finished
		if s.hold == none && !s.listed && s.lease.Epoch == 0 {
			delete(c.shards, s.id)
			c.unhear()
			return true
		}
		return false
	})
	c.implyFinished()
	c.dirty = true
	if c.surveying.life == c.life {
		c.sayLosses(began)
	}
}

// implyFinished marks the shards that are finished though they have no row.
func (c *Coordinator) implyFinished() {
	begun := func(yield func(string) bool) {
		for _, s := range c.order {
			if (s.lease.Begun || s.lease.Finished) && !yield(s.id) {
				return
			}
		}
	}
	parentage.ImplyFinished(begun, func(id string) []string { return c.shards[id].parents }, func(id string) bool {
		p := c.shards[id]
		if p == nil || p.hold != none || (p.survey == c.surveys && p.lease.Damage == "") || p.lease.Epoch != 0 || p.lease.Finished {
			return false
		}
		p.lease.Finished = true
		return true
	})
}

// unhear repeats the look at the wishes of all peers, after a shard was removed.
func (c *Coordinator) unhear() {
	for _, p := range c.peerOrder {
		p.wants, p.heard = nil, false
	}
}

// observe stores the image of a row, from a reading that began at the given time. It is the zero Lease if there is no
// row.
func (c *Coordinator) observe(s *shard, row driver.FleetLease, began, now time.Time) {
	if row.Damage != "" { // the last known state remains: this worker does not lose a shard that it processes
		s.lease.Damage = row.Damage
		return
	}
	if row.Epoch < s.lease.Epoch && !began.After(s.changed) {
		return // from before this worker's own write
	}
	if row.Epoch == s.lease.Epoch && s.lease.Finished && !row.Finished {
		s.lease.Damage = ""
		return
	}
	if row.Epoch != s.lease.Epoch {
		s.free = time.Time{}
	}
	s.setLease(row)
	if w := c.asks[s.id]; w != nil && s.hold == none && row.Owner == "" && s.asks(w.ask) {
		c.enqueue(s) // handed over to this worker: it acquires the lease
	}
	if s.hold == draining && row.Owner == "" && row.Epoch == s.mine.Epoch+1 {
		return // by this worker's own release, whose answer is to come
	}
	if (s.hold == held || s.hold == draining) && (row.Owner != s.mine.Owner || row.Epoch != s.mine.Epoch) {
		c.do(&Drop{Lease: s.mine})
		c.set(s, dropped, now)
		c.changedLeases()
	}
}

// set changes the relation of this worker to a shard.
func (c *Coordinator) set(s *shard, h hold, now time.Time) {
	count := func(h hold, by int) {
		if h != none {
			c.active += by
		}
		if h == taking {
			c.taking += by
		}
	}
	count(s.hold, -1)
	count(h, +1)
	s.hold, s.changed = h, now
}

// drain hands a shard over.
func (c *Coordinator) drain(s *shard, now time.Time) {
	c.set(s, draining, now)
	c.do(&Drain{Lease: s.mine})
}

// changedLeases makes the other workers read the lease rows.
func (c *Coordinator) changedLeases() {
	c.generation++
	c.news = true
}

// take starts the Takes that the plan has queued, and retries those with an unknown result.
func (c *Coordinator) take(now time.Time) {
	c.again = slices.DeleteFunc(c.again, func(s *shard) bool {
		if s.hold == taking && !s.busy && !now.Before(s.retry) {
			s.busy = true
			c.do(s.take)
		}
		return s.hold != taking || s.busy
	})
	for len(c.queue) > 0 && c.taking < maxTakes {
		s, epoch := c.queue[0].shard, c.queue[0].epoch
		c.queue = c.queue[1:]
		if s.hold != none || s.lease.Epoch != epoch {
			continue
		}
		c.set(s, taking, now)
		s.busy = true
		s.take = &Take{Seen: s.lease, Owner: c.incarnation, Timeout: c.cfg.timeout()}
		c.do(s.take)
	}
}

// Taken reports the result of a Take: the row after it. If Taken returns true, process the shard, beginning with the
// actions of the following Next, because one of them may drain it.
func (c *Coordinator) Taken(now time.Time, a *Take, row driver.FleetLease, err error) bool {
	c.fence(now)
	s := c.shards[a.Seen.Shard]
	if s == nil || s.hold != taking || s.take != a {
		if err == nil {
			c.do(&Release{Lease: row}) // of an earlier incarnation
			c.stale = true
		}
		return false
	}
	s.busy = false
	if err != nil && !errors.Is(err, driver.ErrFleetRefused) {
		s.retry = now.Add(c.cfg.quick())
		c.again = append(c.again, s)
		return false
	}
	s.take = nil
	if err != nil {
		c.set(s, none, now)
		c.stale = true
		return false
	}
	if a.Seen.Finished && row.Finished {
		c.set(s, none, now)
		c.giveBack(s, row, now)
		return false
	}
	c.set(s, held, now)
	c.took = true
	c.dirty = c.dirty || c.taking == 0 && len(c.queue) == 0 // that was the last one: the plan may have more
	s.setLease(row)
	s.mine, s.free = row, time.Time{}
	delete(c.asks, s.id)
	c.changedLeases()
	if c.stopping || row.Finished || s.wanted == row.Epoch { // another worker may ask for it before the Take returns
		c.drain(s, now)
	}
	return true
}

// End is how the processing of a shard under a lease ended.
type End int

// The ends of a lease's processing. Nothing runs under the lease any more.
const (
	Abandoned End = iota // lost, or its release failed
	Released             // given back
	Finished             // the shard is complete, which is stored, and the lease released
)

// Ended reports that a shard whose lease was taken is not processed any more.
func (c *Coordinator) Ended(now time.Time, lease driver.FleetLease, end End) {
	c.fence(now)
	s := c.shards[lease.Shard]
	if s == nil || s.hold == none || s.hold == taking || s.mine.Owner != lease.Owner || s.mine.Epoch != lease.Epoch {
		return
	}
	lost := s.hold == dropped
	c.set(s, none, now)
	for _, p := range c.retired {
		if p.name == lease.Owner {
			p.left--
		}
	}
	c.dirty = c.dirty || lost
	if end == Finished {
		s.lease.Finished, s.finished = true, !lost
		c.dirty = true
	}
	if end == Abandoned {
		c.stale = true
	} else if s.lease.Epoch == lease.Epoch && s.lease.Owner == lease.Owner {
		row := s.lease
		row.Owner, row.Epoch = "", lease.Epoch+1
		s.setLease(row)
		if end == Finished {
			c.stale = true // the other parent of its children may be finished too
		}
	}
	c.changedLeases()
}

func (c *Coordinator) wakeTakes(sooner func(time.Time)) {
	for _, s := range c.again {
		sooner(s.retry)
	}
}
