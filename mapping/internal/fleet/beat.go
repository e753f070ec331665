package fleet

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// wish is a hand-over that this worker asks for.
type wish struct {
	ask     driver.FleetAsk
	written time.Time // since when the row is known to have it, without a break; zero if that is unknown
}

// heartbeat writes the worker's row when it is due, or earlier when it has changed.
func (c *Coordinator) heartbeat(now time.Time) {
	if c.stopping && !c.joined && c.sent == nil {
		return // it never began
	}
	if c.beat.busy || now.Before(c.nextBeat()) {
		return
	}
	c.beat.start(now, c.life)
	c.counter++
	c.news = false
	c.sent = &Heartbeat{Join: !c.joined, Timeout: c.cfg.timeout(), Row: driver.FleetWorker{
		Incarnation: c.incarnation, Counter: c.counter, Leaving: c.stopping, Generation: c.generation, Asks: c.askRow(),
		Failover: c.cfg.Failover,
	}}
	c.do(c.sent)
}

// nextBeat returns when the next heartbeat begins.
func (c *Coordinator) nextBeat() time.Time {
	early := c.beat.began.Add(c.cfg.quick())
	if c.news && early.Before(c.beat.due) {
		return early
	}
	return c.beat.due
}

func (c *Coordinator) askRow() []driver.FleetAsk {
	if len(c.asks) == 0 {
		return nil
	}
	row := make([]driver.FleetAsk, 0, len(c.asks))
	for _, w := range c.asks {
		row = append(row, w.ask)
	}
	slices.SortFunc(row, func(a, b driver.FleetAsk) int { return cmp.Compare(a.Shard, b.Shard) })
	return row
}

// Beaten reports the result of a Heartbeat.
func (c *Coordinator) Beaten(now time.Time, a *Heartbeat, err error) {
	if a != c.sent {
		return // of an earlier incarnation
	}
	if errors.Is(err, driver.ErrFleetRefused) {
		c.dropAll(now, "the incarnation is closed")
		return
	}
	c.sent = nil
	if err != nil {
		c.beat.end(now.Add(c.cfg.quick()))
		return
	}
	c.beat.end(c.beat.began.Add(c.cfg.heartbeat()))
	c.beatStart = c.beat.began
	if !c.joined {
		c.joined = true
		c.settled = now.Add(c.cfg.fast())
	}
	for _, ask := range a.Row.Asks {
		if w := c.asks[ask.Shard]; w != nil && w.ask == ask && w.written.IsZero() {
			w.written = now
		}
	}
	c.fence(now)
}

// Retired reports the result of a RetireWorker.
func (c *Coordinator) Retired(now time.Time, a *RetireWorker, err error) {
	i := slices.IndexFunc(c.retired, func(p *past) bool { return p.name == a.Incarnation })
	if i < 0 {
		return
	}
	if err != nil && !errors.Is(err, driver.ErrFleetRefused) {
		c.retired[i].call.end(now.Add(c.cfg.quick()))
		return
	}
	c.retired = slices.Delete(c.retired, i, i+1)
	c.closed(a.Incarnation, now)
}

func (c *Coordinator) wakeBeat(sooner func(time.Time)) {
	if !c.beat.busy && (!c.stopping || c.joined) {
		sooner(c.nextBeat())
	}
}
