package fleet

import (
	"errors"
	"fmt"
	"time"
)

// DefaultFailover is how long a worker may be silent before its leases are taken.
const DefaultFailover = 10 * time.Second

// Bounds that keep a burst of work from flooding the table.
const (
	// maxTakes is how many Takes may be under way at once: with 10 ms each, 5,000 shards are taken in a second.
	maxTakes = 64

	// maxAsks is how many hand-overs a worker asks for at once. They are in its row, which all others read: at 30 bytes
	// each the row stays below 16 kB.
	maxAsks = 512
)

// maxFailover is the longest failover time that a worker can have.
const maxFailover = time.Hour

// Config says how a Coordinator works.
type Config struct {
	// Worker names this process. It must not have been used before, not by an earlier start of the same process either.
	Worker string

	// Failover is how long a worker may be silent before its leases are taken: the longest of all living workers counts. Zero means
	// DefaultFailover.
	Failover time.Duration

	// HandOver is the time that an owner has to drain a shard that it was asked for, before the shard is taken from it.
	// It is at least Failover, which the safety of that rests on. Zero means 3 × Failover. Where another worker has a longer
	// Failover, that one is meant.
	HandOver time.Duration

	// Shared tells that programs outside the fleet use the table as well, and take leases from workers that have more than they
	// have. This worker does so too.
	Shared bool
}

func (c Config) withDefaults() Config {
	if c.Failover == 0 {
		c.Failover = DefaultFailover
	}
	if c.HandOver == 0 {
		c.HandOver = 3 * c.Failover
	}
	return c
}

// stretched returns c with a longer Failover, and with the HandOver that belongs to it. c has no defaults.
func (c Config) stretched(failover time.Duration) Config {
	c.Failover = failover
	if c.HandOver != 0 {
		c.HandOver = max(c.HandOver, failover)
	}
	return c.withDefaults()
}

// validate returns all violations of c, which has its defaults.
func (c Config) validate() error {
	var errs []error
	if c.Worker == "" {
		errs = append(errs, errors.New("fleet: Worker is empty"))
	}
	if c.Failover < time.Second || c.Failover > maxFailover {
		errs = append(errs, fmt.Errorf("fleet: Failover is %s: must be between 1s and 1h", c.Failover))
	}
	if c.HandOver < c.Failover {
		errs = append(errs, fmt.Errorf("fleet: HandOver is %s: must be at least Failover, %s", c.HandOver, c.Failover))
	}
	return errors.Join(errs...)
}

// heartbeat is the interval of heartbeats: three writes a failover time, so that with
// what else an idle worker writes they stay below four.
func (c Config) heartbeat() time.Duration { return c.Failover / 3 }

// watch is the interval of reading the workers' rows. It grows with their number, so that the rows that a fleet reads grow
// with it and not with its square, up to the interval of heartbeats.
func (c Config) watch(workers int) time.Duration {
	return min(max(c.fast(), c.heartbeat()*time.Duration(workers)/40), c.heartbeat())
}

// fast is the interval of reading the workers' rows while something is to happen, and the step between workers of which
// only one need act.
func (c Config) fast() time.Duration { return c.heartbeat() / 4 }

// quick is the pause before a call that failed is made again, and the least time between two heartbeats.
func (c Config) quick() time.Duration { return c.heartbeat() / 8 }

// timeout is the deadline of a call. Two heartbeats that are lost in a row leave time for a third.
func (c Config) timeout() time.Duration { return c.heartbeat() / 2 }

// patience is how old the last good heartbeat, by its start, and the last good reading may be. The margin, a tenth,
// covers clocks that drift apart by a tenth while the others watch.
func (c Config) patience() time.Duration { return c.Failover - c.Failover/10 }

// suspect is the silence after which a worker is given nothing more.
func (c Config) suspect() time.Duration { return 2*c.heartbeat() + c.fast() }

// survey is the interval of reading the lease rows though nothing is known to have changed. Programs outside the fleet that
// have leases do not say when they release them, nor when they die: the first reading after that begins the watch of a
// counter, and a later one ends it. With three readings in a failover time such a lease is taken within two.
func (c Config) survey(foreign bool) time.Duration {
	if foreign {
		return c.heartbeat()
	}
	return 60 * c.heartbeat()
}

// spacing is the least time between two readings of so many lease rows, so that large tables are read less often, and
// between two plans that can wait.
func (c Config) spacing(rows int) time.Duration {
	return c.quick() + c.heartbeat()*time.Duration(rows)/10_000
}

// cooldown is the time between two moves that a worker asks for to even out bytes.
func (c Config) cooldown() time.Duration { return 6 * c.Failover }

// bury is how long the row of a closed worker with this failover time stays.
func (c Config) bury() time.Duration { return 3 * c.Failover }
