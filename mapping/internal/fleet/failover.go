package fleet

import (
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// The failover times of the workers may differ, as while a fleet is deployed with another one. Each worker fences itself by its
// own, which stands in its row. What it expects of others goes by the longest of all that live: when a silent worker is
// closed, how long a hand-over may take, and how long the row of a closed worker stays. So no worker is closed, and no
// lease taken from its owner, before the owner has fenced itself.

// failoverOf returns the failover time of a peer.
func (c *Coordinator) failoverOf(p *peer) time.Duration {
	if p.row.Failover <= 0 {
		return c.cfg.Failover
	}
	return min(p.row.Failover, maxFailover)
}

// stretch lets the longest failover time of all living workers count.
func (c *Coordinator) stretch() {
	longest := c.cfg.Failover
	for _, p := range c.peers {
		if p.ended.IsZero() {
			longest = max(longest, c.failoverOf(p))
		}
	}
	if longest != c.common.Failover {
		c.common = c.given.stretched(longest)
	}
}

// bury is how long the row of a closed peer stays: longer than the peer, and calls of it that are under way, live.
func (c *Coordinator) bury(p *peer) time.Duration {
	return max(c.common.bury(), Config{Failover: c.failoverOf(p)}.bury())
}

// Failover returns the failover time that counts, the longest of all living workers.
func (c *Coordinator) Failover() time.Duration { return c.common.Failover }

// Differs returns a living worker whose failover time is not this one's, the first by name, and false if there is none.
func (c *Coordinator) Differs() (worker driver.FleetWorker, ok bool) {
	for _, p := range c.peerOrder {
		if p.ended.IsZero() && c.failoverOf(p) != c.cfg.Failover {
			return p.row, true
		}
	}
	return driver.FleetWorker{}, false
}
