package fleet

import (
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// freeEnds frees the leases of finished shards that their owners do not release any more, because a store deletes no row that has an
// owner. One of this incarnation's own, whose release failed, is released again. One whose owner's incarnation is closed is
// taken as any other lease, by one worker, and released: nothing is left to process.
func (c *Coordinator) freeEnds(now time.Time) {
	first := c.first(now)
	for _, s := range c.order {
		if !s.lease.Finished || s.lease.Owner == "" || outside(&s.lease) || s.hold != none {
			continue
		}
		switch {
		case s.lease.Owner == c.incarnation:
			if s.changed.Before(c.surveyStart) { // else the image may be from before the release
				c.giveBack(s, s.lease, now)
			}
		case first && c.takeable(s):
			c.enqueue(s)
		}
	}
}

// giveBack releases a lease under which nothing runs. A reading of the lease rows shows whether that worked.
func (c *Coordinator) giveBack(s *shard, row driver.FleetLease, now time.Time) {
	c.do(&Release{Lease: row})
	row.Owner, row.Epoch = "", row.Epoch+1
	s.setLease(row)
	s.changed = now
}
