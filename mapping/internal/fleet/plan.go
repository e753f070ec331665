package fleet

import (
	"cmp"
	"slices"
	"time"
)

// member is a worker among which the shards are shared out.
type member struct {
	name   string
	hash   uint64
	shards []*shard // that it has, or is about to be handed over
	bytes  int64
	rest   int // how many it has above, or below, its share while moves are chosen
}

// ready reports whether enough is known to plan: all rows were read after the worker had been a member for a while.
func (c *Coordinator) ready() bool {
	return c.member() && !c.surveyStart.IsZero() && !c.readStart.Before(c.settled)
}

// current reports whether the workers' rows are newer than the lease rows. Otherwise a shard that was released for a
// worker that asked for it looks as if anybody could take it, and a worker that has just joined as if it were gone.
func (c *Coordinator) current() bool { return !c.readStart.Before(c.surveyEnd) }

// plan shares the shards out anew when something changed. All workers that see the same rows come to the same plan, and
// each carries out its part of it: what it shall have.
func (c *Coordinator) plan(now time.Time) {
	if c.stopping {
		c.drainAll(now)
		return
	}
	due := c.dirty || !c.planNext.IsZero() && !now.Before(c.planNext)
	if !c.ready() || !due || !c.current() {
		return
	}
	c.dirty, c.planNext, c.waiting, c.queue = false, time.Time{}, false, nil
	c.markAsked()
	members := c.members(now)
	free := c.shareOut(now, members)
	c.assign(now, members, free)
	c.balance(now, members)
	c.force(now)
	c.waiting = c.waiting || len(c.asks) > 0
	for _, p := range c.peerOrder {
		c.waiting = c.waiting || p.row.Leaving && p.ended.IsZero() && c.fresh(p, now)
	}
}

func (c *Coordinator) wakePlan(sooner func(time.Time)) {
	if !c.ready() || c.stopping {
		return
	}
	if c.current() && c.dirty {
		sooner(time.Time{})
	} else if c.current() && !c.planNext.IsZero() {
		sooner(c.planNext)
	}
}

// replan makes the plan again at a time, or before.
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

// members returns this worker and its peers that are alive and stay, in order of their names.
func (c *Coordinator) members(now time.Time) []*member {
	members := []*member{{name: c.incarnation, hash: c.hash}}
	for _, p := range c.peerOrder {
		if c.fresh(p, now) && !p.row.Leaving {
			members = append(members, &member{name: p.row.Incarnation, hash: p.hash})
		}
	}
	slices.SortFunc(members, func(a, b *member) int { return cmp.Compare(a.name, b.name) })
	return members
}

// asked drains the shards that others ask for. Even those of a worker that seems gone are: it may count on that.
func (c *Coordinator) asked(now time.Time) {
	for _, p := range c.peerOrder {
		if !p.ended.IsZero() {
			continue
		}
		for _, ask := range p.row.Asks {
			s := c.shards[ask.Shard]
			if s == nil {
				continue
			}
			s.wanted = ask.Epoch
			if s.hold == held && s.mine.Epoch == ask.Epoch {
				c.drain(s, now)
			}
		}
	}
}

// markAsked notes for each shard who asks for it. Of several the one whose rank is lowest gets it.
func (c *Coordinator) markAsked() {
	for _, s := range c.order {
		s.asker = ""
	}
	mark := func(who string, ask Ask) {
		s := c.shards[ask.Shard]
		if s == nil || !s.asks(ask) {
			return
		}
		if s.asker == "" || rank(s.hash, hash(who)) < rank(s.hash, hash(s.asker)) {
			s.asker = who
		}
	}
	for _, p := range c.peerOrder {
		for _, ask := range p.row.Asks {
			if p.ended.IsZero() {
				mark(p.row.Incarnation, ask)
			}
		}
	}
	for id, w := range c.asks {
		if s := c.shards[id]; s == nil || !s.asks(w.ask) {
			delete(c.asks, id) // it was handed over, or has another owner
			c.news = true
			continue
		}
		mark(c.incarnation, w.ask)
	}
}

// asks reports whether a wish is about the lease as it is, or as it was before its owner released it.
func (s *shard) asks(a Ask) bool {
	return s.lease.Epoch == a.Epoch && s.lease.Owner != "" || s.lease.Epoch == a.Epoch+1 && s.lease.Owner == ""
}

// shareOut gives the members what they have or were promised, and returns what is free.
func (c *Coordinator) shareOut(now time.Time, members []*member) (free []*shard) {
	byName := make(map[string]*member, len(members))
	for _, m := range members {
		byName[m.name] = m
	}
	for _, s := range c.order {
		if s.lease.Finished {
			continue
		}
		if s.hold == none && s.lease.Owner == c.incarnation { // taken or not released by a call whose answer was lost
			if s.changed.Before(c.surveyStart) && c.openable(s) {
				c.enqueue(s)
			} else if c.openable(s) {
				c.stale = true
			}
		}
		owned := !c.takeable(s)
		to := byName[s.lease.Owner]
		if s.hold == taking {
			to, owned = byName[c.incarnation], true
		} else if a := byName[s.asker]; a != nil {
			to = a
			if !owned && s.asker == c.incarnation {
				c.enqueue(s)
			}
		}
		switch {
		case owned || s.asker != "" && to != nil:
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

func (m *member) add(s *shard) {
	m.shards = append(m.shards, s)
	m.bytes += s.lease.Rate
}

// takeable reports whether a shard's lease may be taken by anyone: it is free, or its owner's incarnation is closed.
// An owner without a row is one of those whose rows are removed, since rows of workers are read after those of leases.
func (c *Coordinator) takeable(s *shard) bool {
	owner := s.lease.Owner
	switch p := c.peers[owner]; {
	case owner == "":
		return true
	case owner == c.incarnation:
		return false
	case p != nil:
		return !p.ended.IsZero()
	default:
		return true
	}
}

// openable reports whether a shard may be processed: its parents are finished, or have left the stream and nobody works
// on them any more.
func (c *Coordinator) openable(s *shard) bool {
	if !s.listed || s.lease.Finished || s.hold == dropped {
		return false
	}
	for _, id := range s.parents {
		if p := c.shards[id]; p != nil && !p.lease.Finished && (p.listed || p.hold != none || !c.takeable(p)) {
			return false
		}
	}
	return true
}

// assign gives each free shard to the worker that has least, and queues what this one gets.
func (c *Coordinator) assign(now time.Time, members []*member, free []*shard) {
	slices.SortStableFunc(free, func(a, b *shard) int { return cmp.Compare(b.lease.Rate, a.lease.Rate) })
	for _, s := range free {
		to := c.heir(members, s)
		to.add(s)
		if to.name == c.incarnation {
			c.enqueue(s)
			continue
		}
		c.lag(now, s, to)
	}
}

// heir returns who gets a free shard. The worker that finished a parent does not wait for the others to see that.
func (c *Coordinator) heir(members []*member, s *shard) *member {
	mine := slices.ContainsFunc(s.parents, func(id string) bool { return c.shards[id] != nil && c.shards[id].finished })
	best := members[0]
	for _, m := range members[1:] {
		order := cmp.Or(cmp.Compare(len(m.shards), len(best.shards)), cmp.Compare(m.bytes, best.bytes))
		if order < 0 || order == 0 && rank(s.hash, m.hash) < rank(s.hash, best.hash) {
			best = m
		}
	}
	if mine {
		for _, m := range members {
			if m.name == c.incarnation && len(m.shards) <= len(best.shards)+1 {
				return m
			}
		}
	}
	return best
}

// lag watches a free shard that another worker is to take. When that one does not, this one does, in its turn.
func (c *Coordinator) lag(now time.Time, s *shard, to *member) {
	c.waiting = true
	if to.name == c.incarnation {
		return
	}
	if s.free.IsZero() || s.free.Before(s.changed) {
		s.free = now
	}
	mine, turn := rank(s.hash, c.hash), 1
	for _, p := range c.peerOrder {
		if turn == 4 {
			break
		}
		if c.fresh(p, now) && rank(s.hash, p.hash) < mine {
			turn++
		}
	}
	at := s.free.Add(time.Duration(turn) * c.cfg.heartbeat())
	if now.Before(at) {
		c.replan(at)
		return
	}
	c.enqueue(s)
}

// rank orders workers differently for each shard, or closed worker, so that they do not all rush for the same.
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
