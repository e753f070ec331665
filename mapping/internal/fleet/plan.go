package fleet

import (
	"cmp"
	"slices"
	"time"

	"github.com/shardmill/shardmill/internal/parentage"
	"github.com/shardmill/shardmill/mapping/driver"
)

// ready reports whether enough is known to plan: all rows were read after the worker had been a member for a while.
func (c *Coordinator) ready() bool {
	return c.member() && !c.surveyStart.IsZero() && !c.readStart.Before(c.settled)
}

// current reports whether the workers' rows are newer than the lease rows. Otherwise a shard that was released for the
// worker that asked for it would look free for all, and a worker that has just joined would look gone.
func (c *Coordinator) current() bool { return !c.readStart.Before(c.surveyEnd) }

// plan divides the shards between the workers again after a change. All workers that see the same rows make the same
// plan, and each carries out its own part of it.
func (c *Coordinator) plan(now time.Time) {
	if c.stopping {
		c.drainAll(now)
		return
	}
	at, due := c.nextPlan()
	if !c.ready() || !due || now.Before(at) || !c.current() {
		return
	}
	c.dirty, c.planNext, c.planned, c.waiting, c.queue = false, time.Time{}, now, false, nil
	c.markAsked()
	members := c.members(now)
	c.assign(now, members, c.shareOut(now))
	c.steal(now, members)
	for _, m := range members {
		m.spare = m.shards
	}
	c.balance(now, members)
	c.force(now)
	c.freeEnds(now)
	c.waiting = c.waiting || len(c.asks) > 0
	for _, p := range c.peerOrder {
		c.waiting = c.waiting || p.row.Leaving && p.ended.IsZero() && c.fresh(p, now)
	}
}

func (c *Coordinator) wakePlan(sooner func(time.Time)) {
	if !c.ready() || c.stopping || !c.current() {
		return
	}
	if at, due := c.nextPlan(); due {
		sooner(at)
	}
}

// nextPlan returns when the next plan is due, and false if there is no such time.
func (c *Coordinator) nextPlan() (time.Time, bool) {
	if c.dirty {
		return time.Time{}, true
	}
	early := c.planned.Add(c.cfg.spacing(len(c.order)))
	if c.planNext.Before(early) {
		return early, !c.planNext.IsZero()
	}
	return c.planNext, true
}

// replan schedules the next plan for a time, or earlier. Changes that can wait share one plan, because a plan of many
// shards takes long.
func (c *Coordinator) replan(at time.Time) {
	if c.planNext.IsZero() || at.Before(c.planNext) {
		c.planNext = at
	}
}

func (c *Coordinator) drainAll(now time.Time) {
	if !c.dirty {
		return
	}
	c.dirty = false
	for _, s := range c.order {
		if s.hold == held {
			c.drain(s, now)
		}
	}
}

// asked drains the shards that others ask for, even those of a worker that seems gone, because it may rely on that. A
// wish is not looked at again before this worker acquires another lease.
func (c *Coordinator) asked(now time.Time) {
	again := c.took
	c.took = false
	for _, p := range c.peerOrder {
		if !p.ended.IsZero() || p.heard && !again {
			continue
		}
		p.wants, p.heard = nil, true
		for i, s := range c.wants(p) {
			if s == nil {
				p.heard = false // it may be added later
				continue
			}
			ask := p.row.Asks[i]
			s.wanted = ask.Epoch
			if s.hold == held && s.mine.Epoch == ask.Epoch {
				c.drain(s, now)
			}
		}
	}
}

// wants returns the shards that a peer asks for, in the order of its asks. An unknown shard is nil.
func (c *Coordinator) wants(p *peer) []*shard {
	if p.wants == nil && len(p.row.Asks) > 0 {
		p.wants = make([]*shard, len(p.row.Asks))
		for i, ask := range p.row.Asks {
			p.wants[i] = c.shards[ask.Shard]
		}
	}
	return p.wants
}

// markAsked sets the asker of each shard. If several ask, the one with the lowest rank gets it.
func (c *Coordinator) markAsked() {
	for _, s := range c.askedFor {
		s.asker = nil
	}
	c.askedFor = c.askedFor[:0]
	for _, p := range c.peerOrder {
		if !p.ended.IsZero() {
			continue
		}
		for i, s := range c.wants(p) {
			if s != nil && s.asks(p.row.Asks[i]) {
				c.markAsker(s, &p.member)
			}
		}
	}
	for id, w := range c.asks {
		s := c.shards[id]
		if s == nil || !s.asks(w.ask) {
			delete(c.asks, id) // it was handed over, or has another owner
			c.news = true
			continue
		}
		c.markAsker(s, &c.self)
	}
}

func (c *Coordinator) markAsker(s *shard, who *member) {
	switch {
	case s.asker == nil:
		c.askedFor = append(c.askedFor, s)
	case rank(s.hash, who.hash) >= rank(s.hash, s.asker.hash):
		return
	}
	s.asker = who
}

// asks reports whether a wish is for the lease as it is, or as it was before its owner released it. A wish for the
// lease of a finished shard does not count.
func (s *shard) asks(a driver.FleetAsk) bool {
	switch l := s.lease; {
	case l.Finished, outside(&l):
		return false
	case l.Owner == "":
		return l.Epoch == a.Epoch+1
	default:
		return l.Epoch == a.Epoch
	}
}

// shareOut assigns to the members the shards that they have or were promised, and returns the free ones.
func (c *Coordinator) shareOut(now time.Time) (free []*shard) {
	for _, s := range c.order {
		if s.lease.Finished {
			continue
		}
		if s.hold == none && s.lease.Owner == c.incarnation { // acquired, or not released, by a call whose answer was lost
			if s.changed.Before(c.surveyStart) && c.openable(s) {
				c.enqueue(s)
			} else if c.openable(s) {
				c.stale = true
			}
		}
		to, owned := c.holder(s)
		if s.hold == taking {
			to, owned = &c.self, true
		} else if a := c.among(s.asker); a != nil {
			to = a
			if !owned && a == &c.self {
				c.enqueue(s)
			}
		}
		switch {
		case owned || s.asker != nil && to != nil:
			if to != nil {
				to.add(s)
			}
			if !owned {
				c.lag(now, s, to)
			}
		case c.openable(s):
			free = append(free, s)
		}
	}
	return free
}

// openable reports whether a shard may be processed: its parents are finished, or have left the stream and no worker
// processes them.
func (c *Coordinator) openable(s *shard) bool {
	return s.listed && !s.lease.Finished && s.lease.Damage == "" && s.hold != dropped && c.parentsDone(s)
}

func (c *Coordinator) parentsDone(s *shard) bool {
	present := func(id string) bool {
		p := c.shards[id]
		return p != nil && (p.listed || p.hold != none || !c.takeable(p))
	}
	return parentage.MayOpen(s.parents, present, func(id string) bool {
		p := c.shards[id]
		return p != nil && p.lease.Finished
	})
}

// assign gives each free shard to the worker with the fewest, and queues those of this worker. The worker that finished
// a parent does not wait for the others to see that, unless it has many more shards than they have.
func (c *Coordinator) assign(now time.Time, members []*member, free []*shard) {
	slices.SortStableFunc(free, func(a, b *shard) int { return cmp.Compare(b.lease.Rate, a.lease.Rate) })
	h := heirs{members: members}
	for _, s := range free {
		to := h.next(s)
		if len(c.self.shards) <= len(to.shards)+1 && slices.ContainsFunc(s.parents, c.finished) {
			to = &c.self
		}
		h.give(s, to)
		if to == &c.self {
			c.enqueue(s)
			continue
		}
		c.lag(now, s, to)
	}
}

// finished reports whether this worker finished a shard.
func (c *Coordinator) finished(id string) bool { return c.shards[id] != nil && c.shards[id].finished }

// lag watches a free shard that is assigned to another worker. If that worker does not take it, this one does in its
// turn.
func (c *Coordinator) lag(now time.Time, s *shard, to *member) {
	c.waiting = true
	if to == &c.self {
		return
	}
	if s.free.IsZero() || s.free.Before(s.changed) {
		s.free = now
	}
	at := s.free.Add(c.common.heartbeat())
	if !now.Before(at) { // the turn is not computed earlier
		at = at.Add(time.Duration(c.turn(s)) * c.common.heartbeat())
	}
	if now.Before(at) {
		c.replan(at)
		return
	}
	c.enqueue(s)
}

// turn returns how many workers take a free shard before this one, at most three.
func (c *Coordinator) turn(s *shard) int {
	mine, turn := rank(s.hash, c.self.hash), 0
	for _, p := range c.alive {
		if turn < 3 && rank(s.hash, p.hash) < mine {
			turn++
		}
	}
	return turn
}

// rank orders workers differently for each shard or closed worker, so that they do not all rush for the same one.
func rank(of, worker uint64) uint64 {
	h := of ^ (worker<<32 | worker>>32)
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
}

// hash is FNV-1a.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
