package fleet

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// peer is another incarnation, of another worker or an earlier one of this worker.
type peer struct {
	member
	row     driver.FleetWorker
	seen    time.Time // when its counter was first seen with its present value
	closing call
	ended   time.Time // when it was first seen closed; zero while it is open
	loss    loss      // once it is closed
	listed  bool      // it was in the last reading

	wants []*shard // the shards that it asks for, nil while they are not looked up; see Coordinator.wants
	heard bool     // this worker has seen all its asks
}

// watch reads the workers' rows, closes those of expired workers, and removes old ones.
func (c *Coordinator) watch(now time.Time) {
	if c.joined && !c.watching.busy && !now.Before(c.nextWatch()) {
		c.watching.start(now, c.life)
		c.do(&ReadWorkers{Timeout: c.cfg.timeout()})
	}
	if !c.member() || c.stopping || now.Before(c.quiet) {
		return
	}
	for _, p := range c.peerOrder {
		if !p.closing.ready(now) {
			continue
		}
		switch {
		case p.ended.IsZero() && !now.Before(c.expiry(now, p)):
			p.closing.start(now, c.life)
			c.do(&CloseWorker{Incarnation: p.row.Incarnation, Counter: p.row.Counter, Timeout: c.cfg.timeout()})
		case c.buries(now, p):
			p.closing.end(now.Add(c.bury(p)))
			c.do(&RemoveWorker{Incarnation: p.row.Incarnation})
		}
	}
}

// nextWatch returns when the workers' rows are read next.
func (c *Coordinator) nextWatch() time.Time {
	if c.dirty && !c.current() {
		return c.watching.began.Add(c.cfg.quick() / 4) // a plan waits for it
	}
	early := c.watching.began.Add(c.cfg.fast())
	if (c.waiting || !c.ready()) && early.Before(c.watching.due) {
		return early
	}
	return c.watching.due
}

// expiry returns when this worker closes one that stays silent: after the failover time, and a step more for each
// worker whose turn comes first. The turns are not computed earlier.
func (c *Coordinator) expiry(now time.Time, p *peer) time.Time {
	at := p.seen.Add(c.common.Failover)
	if now.Before(at) {
		return at
	}
	mine, turn := rank(p.hash, c.self.hash), 0
	for _, o := range c.peerOrder {
		if turn < 3 && o != p && c.fresh(o, now) && rank(p.hash, o.hash) < mine {
			turn++
		}
	}
	return at.Add(time.Duration(turn) * c.common.fast())
}

// fresh reports whether a peer seems alive.
func (c *Coordinator) fresh(p *peer, now time.Time) bool {
	return p.ended.IsZero() && now.Sub(p.seen) <= c.common.suspect()
}

// buries reports whether this worker removes the row of a closed one. That is long after it was closed, and after a
// later reading of the leases, because a Take of it that was under way for long may have been applied since. Its leases
// can still be taken: an owner without a row counts as closed.
func (c *Coordinator) buries(now time.Time, p *peer) bool {
	if p.ended.IsZero() || now.Sub(p.ended) < c.bury(p) || !c.first(now) {
		return false
	}
	if c.surveyStart.Sub(p.ended) < c.bury(p) {
		c.stale = true
		return false
	}
	return true
}

// first reports whether this is the first of the living workers, which does the work that only one need do.
func (c *Coordinator) first(now time.Time) bool {
	for _, p := range c.peerOrder {
		if p.row.Incarnation > c.incarnation {
			return true
		}
		if p.row.Damage == "" && c.fresh(p, now) {
			return false
		}
	}
	return true
}

// Workers reports the result of a ReadWorkers: all rows, or an error.
func (c *Coordinator) Workers(now time.Time, rows []driver.FleetWorker, err error) {
	c.fence(now)
	began := c.watching.began
	if err != nil {
		c.watching.end(now.Add(c.cfg.quick()))
		return
	}
	c.watching.end(began.Add(c.cfg.watch(len(rows))))
	if c.watching.life != c.life {
		c.watching.due = now // it began before this incarnation, and need not include its row
		return
	}
	for _, p := range c.peers {
		p.listed = false
	}
	me := false
	c.quiet = time.Time{}
	for _, row := range rows {
		if row.Incarnation == c.incarnation {
			me = !row.Closed
			continue
		}
		c.see(now, row)
	}
	if !me {
		c.dropAll(now, "the incarnation is closed, as its row shows")
		return
	}
	c.readStart = began
	c.forget()
	c.asked(now)
	c.fence(now)
}

// see stores the row of another incarnation.
func (c *Coordinator) see(now time.Time, row driver.FleetWorker) {
	p := c.peers[row.Incarnation]
	if row.Damage != "" {
		if p == nil {
			p = c.meet(now, row)
		}
		c.dirty = c.dirty || p.row.Damage == ""
		p.seen, p.listed, p.row.Damage = now, true, row.Damage
		return
	}
	if p == nil || p.revived(row) {
		said := p != nil && p.loss.said || p == nil && row.Closed // that was before this worker's time
		p = c.meet(now, row)
		p.loss.said = said
	} else if row.Counter != p.row.Counter {
		c.dirty = c.dirty || !c.fresh(p, now)
		p.seen = now
	}
	p.listed = true
	if row.Generation != p.row.Generation {
		c.stale = true
	}
	if row.Leaving != p.row.Leaving || p.row.Damage != "" {
		c.dirty = true
	}
	if !slices.Equal(row.Asks, p.row.Asks) {
		p.wants, p.heard = nil, false
		c.replan(now)
	}
	p.row = row
	if row.Closed {
		c.closed(row.Incarnation, now)
	}
}

// meet adds another incarnation.
func (c *Coordinator) meet(now time.Time, row driver.FleetWorker) *peer {
	p := &peer{member: member{name: row.Incarnation, hash: hash(row.Incarnation)}, seen: now}
	c.peers[row.Incarnation] = p
	c.peerOrder = nil
	c.peerSet++
	c.stale, c.dirty = true, true
	return p
}

// revived reports whether the row of a closed incarnation was removed and created again by a join, unseen. That is a
// worker whose joins got no answer for that long, and which never had a lease. A reading from before the row was closed
// shows the known counter.
func (p *peer) revived(row driver.FleetWorker) bool {
	return !p.ended.IsZero() && !row.Closed && row.Counter != p.row.Counter
}

// forget removes the peers whose rows are gone. The next plan looks at their leases again.
func (c *Coordinator) forget() {
	for id, p := range c.peers {
		if !p.listed {
			delete(c.peers, id)
			c.peerOrder = nil
			c.peerSet++
			c.dirty = true
		}
	}
	if c.peerOrder == nil {
		for _, p := range c.peers {
			c.peerOrder = append(c.peerOrder, p)
		}
		slices.SortFunc(c.peerOrder, func(a, b *peer) int { return cmp.Compare(a.row.Incarnation, b.row.Incarnation) })
	}
	c.stretch()
	for i, p := range c.peerOrder {
		if due := c.due(p); i == 0 || due.Before(c.quiet) {
			c.quiet = due
		}
	}
}

// due returns when a peer may have to be closed, or its row removed: no earlier, whatever is read of others.
func (c *Coordinator) due(p *peer) time.Time {
	if p.ended.IsZero() {
		return p.seen.Add(c.common.Failover)
	}
	return p.ended.Add(c.bury(p))
}

// Closed reports the result of a CloseWorker.
func (c *Coordinator) Closed(now time.Time, a *CloseWorker, err error) {
	c.fence(now)
	p := c.peers[a.Incarnation]
	if p == nil {
		return
	}
	switch {
	case err == nil:
		p.closing.end(now)
		p.loss.here = p.ended.IsZero()
		c.closed(a.Incarnation, now)
	case errors.Is(err, driver.ErrFleetRefused): // it is alive: the next reading shows its counter
		p.closing.end(now)
		p.seen = now
	default:
		p.closing.end(now.Add(c.cfg.quick()))
	}
}

// closed notes that an incarnation is over. The leases are read again, because it may have acquired some unseen.
func (c *Coordinator) closed(incarnation string, now time.Time) {
	if p := c.peers[incarnation]; p != nil && p.ended.IsZero() {
		p.ended, c.quiet = now, time.Time{}
		c.stretch()
		c.lose(p)
		c.stale, c.dirty = true, true
	}
}

func (c *Coordinator) wakeWatch(now time.Time, sooner func(time.Time)) {
	if c.joined && !c.watching.busy {
		sooner(c.nextWatch())
	}
	if !c.member() || c.stopping {
		return
	}
	if now.Before(c.quiet) {
		sooner(c.quiet)
		return
	}
	for _, p := range c.peerOrder {
		switch {
		case p.closing.busy:
		case p.ended.IsZero():
			at := c.expiry(now, p)
			if at.Before(p.closing.due) {
				at = p.closing.due
			}
			sooner(at)
		}
	}
}
