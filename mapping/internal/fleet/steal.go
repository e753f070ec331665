package fleet

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// outsider is a worker of a program outside the fleet that shares the table.
type outsider struct {
	has    int      // unfinished shards
	shards []*shard // those of them that can be taken from it, in the order in which they are
}

// steal takes a lease from a program outside the fleet whose worker has at least two shards more than this one. Such
// programs balance their load in this way and do not know asks. One lease moves at a time, because what its owner has
// processed but not stored is processed again.
func (c *Coordinator) steal(now time.Time, members []*member) {
	if !c.cfg.Shared || !c.foreign || c.stale || c.taking > 0 || len(c.queue) > 0 || now.Before(c.stolen.Add(c.cfg.heartbeat())) {
		return
	}
	if s := c.theft(members, c.outsiders()); s != nil {
		c.stolen = now
		c.enqueue(s)
	}
}

// outsiders returns the workers outside the fleet, by their names.
func (c *Coordinator) outsiders() []*outsider {
	named := map[string]*outsider{}
	for _, s := range c.order {
		if !s.lease.Foreign || s.lease.Finished || !s.listed {
			continue
		}
		o := named[s.lease.Owner]
		if o == nil {
			o = &outsider{}
			named[s.lease.Owner] = o
		}
		o.has++
		if s.hold == none && c.openable(s) {
			o.shards = append(o.shards, s)
		}
	}
	all := make([]*outsider, 0, len(named))
	for _, name := range slices.Sorted(maps.Keys(named)) {
		o, h := named[name], hash(name)
		slices.SortFunc(o.shards, func(a, b *shard) int { return cmp.Compare(rank(a.hash, h), rank(b.hash, h)) })
		all = append(all, o)
	}
	return all
}

// theft returns the shard that this worker takes from an outsider, or nil if there is none. All workers of the fleet
// compute the same list of moves, from the outsider with the most to the member with the fewest, so that they do not
// all take from one.
func (c *Coordinator) theft(members []*member, outsiders []*outsider) *shard {
	has := make([]int, len(members))
	for i, m := range members {
		has[i] = len(m.shards)
	}
	for {
		outsiders = slices.DeleteFunc(outsiders, func(o *outsider) bool { return len(o.shards) == 0 })
		if len(outsiders) == 0 {
			return nil
		}
		from := slices.MaxFunc(outsiders, func(a, b *outsider) int { return cmp.Compare(a.has, b.has) })
		to := slices.Index(has, slices.Min(has))
		if from.has-has[to] < 2 {
			return nil
		}
		if members[to] == &c.self {
			return from.shards[0]
		}
		from.shards = from.shards[1:]
		from.has--
		has[to]++
	}
}
