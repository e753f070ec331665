package fleet

import (
	"strings"
	"time"
)

// loss is the loss of a peer that did not leave of its own accord: what is said of it, once.
type loss struct {
	said   bool            // or there is nothing to say
	here   bool            // this worker has closed it
	shards map[string]bool // that it had when it was closed
}

// lose takes note that a peer is closed, and of the shards that it has by the image of the rows that is known. A peer that was
// leaving, and an earlier incarnation of this worker, are no loss.
func (c *Coordinator) lose(p *peer) {
	if p.row.Leaving && !p.loss.here || strings.HasPrefix(p.name, c.cfg.Worker+"#") {
		p.loss.said = true
		return
	}
	p.loss.shards = map[string]bool{}
	c.count(p)
}

// count adds the shards that a peer has to those that it had.
func (c *Coordinator) count(p *peer) {
	for _, s := range c.order {
		if s.lease.Owner == p.name && !s.lease.Finished {
			p.loss.shards[s.id] = true
		}
	}
}

// sayLosses says which workers were lost, after a reading of the lease rows that began at the given time. It counts the leases that
// they had unseen too.
func (c *Coordinator) sayLosses(began time.Time) {
	for _, p := range c.peerOrder {
		if p.loss.said || p.ended.IsZero() || began.Before(p.ended) {
			continue
		}
		c.count(p)
		p.loss.said = true
		c.do(&Gone{Incarnation: p.name, Shards: len(p.loss.shards), Here: p.loss.here})
	}
}

// closingPatience is how long a worker that leaves waits for the answer of a closing. It is less than a stop may take.
const closingPatience = 2 * time.Second

// answered returns until when a worker that leaves waits for the answers of closings that it has asked for: if it left before, no
// worker would warn of those losses. It is zero if all have been answered.
func (c *Coordinator) answered() (until time.Time) {
	for _, p := range c.peerOrder {
		if at := p.closing.began.Add(closingPatience); p.closing.busy && at.After(until) {
			until = at
		}
	}
	return until
}
