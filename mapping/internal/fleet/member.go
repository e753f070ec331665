package fleet

import (
	"cmp"
	"slices"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// member is a worker among which the shards are shared out. Each worker's is kept from plan to plan, with its memory: a
// plan of many shards would else consist of allocations.
type member struct {
	name   string
	hash   uint64
	plan   uint64   // the last plan in which it was a member
	shards []*shard // that it has, or is about to be handed over
	spare  []*shard // the memory of shards
	bytes  int64
	rest   int // how many it has above, or below, its share while moves are chosen
}

func (m *member) add(s *shard) {
	m.shards = append(m.shards, s)
	m.bytes += s.lease.Rate
}

// join makes the member take part in a plan.
func (m *member) join(plan uint64) {
	m.plan, m.shards, m.bytes, m.rest = plan, m.spare[:0], 0, 0
}

// members returns this worker and its peers that are alive and stay, in order of their names.
func (c *Coordinator) members(now time.Time) []*member {
	c.plans++
	c.alive = c.alive[:0]
	c.self.join(c.plans)
	members, placed := make([]*member, 0, len(c.peerOrder)+1), false
	for _, p := range c.peerOrder {
		if !placed && p.name > c.self.name {
			members, placed = append(members, &c.self), true
		}
		if !c.fresh(p, now) {
			continue
		}
		c.alive = append(c.alive, p)
		if !p.row.Leaving && p.row.Damage == "" {
			p.join(c.plans)
			members = append(members, &p.member)
		}
	}
	if !placed {
		members = append(members, &c.self)
	}
	return members
}

// among returns m if it is one of the members of the plan that is made.
func (c *Coordinator) among(m *member) *member {
	if m == nil || m.plan != c.plans {
		return nil
	}
	return m
}

// owner returns the peer that owns a shard, nil if none does whose row is known. It is looked up once for each image of the
// row and set of peers.
func (c *Coordinator) owner(s *shard) *peer {
	if s.lease.Owner == "" {
		return nil
	}
	if s.ownerOf != c.peerSet {
		s.owner, s.ownerOf = c.peers[s.lease.Owner], c.peerSet
	}
	return s.owner
}

// setLease takes over a newer image of a shard's row.
func (s *shard) setLease(row driver.FleetLease) {
	if s.lease.Owner != row.Owner {
		s.owner, s.ownerOf = nil, 0
	}
	s.lease = row
}

// holder returns the member that has a shard, if it is one, and whether the lease is somebody's: it is unless takeable.
func (c *Coordinator) holder(s *shard) (m *member, owned bool) {
	if s.lease.Owner == c.incarnation {
		return &c.self, true
	}
	if outside(&s.lease) {
		return nil, true
	}
	p := c.owner(s)
	if p == nil {
		return nil, false
	}
	return c.among(&p.member), p.ended.IsZero()
}

// takeable reports whether a shard's lease may be taken by anyone: it is free, or its owner's incarnation is closed.
// An owner without a row is one of those whose rows are removed, since rows of workers are read after those of leases.
func (c *Coordinator) takeable(s *shard) bool {
	if outside(&s.lease) || s.lease.Owner == c.incarnation {
		return false
	}
	p := c.owner(s)
	return p == nil || !p.ended.IsZero()
}

// heirs are the members among which free shards are shared out.
type heirs struct {
	members []*member
	least   []*member // those that have least, while they are known
}

// next returns who gets a free shard: of those that have fewest shards, and then fewest bytes, the one whose rank is lowest.
func (h *heirs) next(s *shard) *member {
	if len(h.least) == 0 {
		h.find()
	}
	best, first := h.least[0], rank(s.hash, h.least[0].hash)
	for _, m := range h.least[1:] {
		if r := rank(s.hash, m.hash); r < first {
			best, first = m, r
		}
	}
	return best
}

// find finds the members that have least.
func (h *heirs) find() {
	for _, m := range h.members {
		order := -1
		if len(h.least) > 0 {
			order = cmp.Or(cmp.Compare(len(m.shards), len(h.least[0].shards)), cmp.Compare(m.bytes, h.least[0].bytes))
		}
		if order < 0 {
			h.least = h.least[:0]
		}
		if order <= 0 {
			h.least = append(h.least, m)
		}
	}
}

// give gives a shard to a member.
func (h *heirs) give(s *shard, m *member) {
	m.add(s)
	if i := slices.Index(h.least, m); i >= 0 {
		h.least = slices.Delete(h.least, i, i+1)
	}
}
