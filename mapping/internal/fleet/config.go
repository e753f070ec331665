package fleet

import (
	"errors"
	"fmt"
	"time"
)

// DefaultFailover is how long a worker may be silent before other workers take its leases.
const DefaultFailover = 10 * time.Second

// Bounds that keep a burst of work from flooding the table.
const (
	// maxTakes is the limit of concurrent Takes: at 10 ms each, a worker takes 5,000 shards in a second.
	maxTakes = 64

	// maxAsks is the limit of concurrent hand-overs that a worker asks for. They are in its row, which all others read:
	// at 30 bytes each the row stays below 16 kB.
	maxAsks = 512
)

// maxFailover is the longest valid failover time.
const maxFailover = time.Hour

// Config configures a Coordinator.
type Config struct {
	// Worker names this process. The name must be new: not even an earlier start of the same process may have used it.
	Worker string

	// Failover is how long a worker may be silent before other workers take its leases. The longest of all living
	// workers counts. Zero means DefaultFailover.
	Failover time.Duration

	// HandOver is the time that an owner has to drain a shard that it was asked for, before the shard is taken from it.
	// It is at least Failover, which the safety of that rests on. Zero means 3 × Failover. Where another worker has a longer
	// Failover, that one is meant.
	HandOver time.Duration

	// Shared is set if programs outside the fleet use the table too, and take leases from workers that have more than
	// they have. This worker does the same.
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

// stretched returns c with a longer Failover, and with the HandOver that matches. c has no defaults.
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

// heartbeat is the interval of heartbeats. With three in a failover time, an idle worker stays below four writes in
// that time, all included.
func (c Config) heartbeat() time.Duration { return c.Failover / 3 }

// watch is the interval of reading the workers' rows. It grows with their number, up to the interval of heartbeats, so
// that the rows that a fleet reads grow with the fleet and not with its square.
func (c Config) watch(workers int) time.Duration {
	return min(max(c.fast(), c.heartbeat()*time.Duration(workers)/40), c.heartbeat())
}

// fast is the interval of reading the workers' rows while a change is expected. It is also the step between the turns
// of workers, if only one of them need act.
func (c Config) fast() time.Duration { return c.heartbeat() / 4 }

// quick is the pause before the retry of a failed call, and the least time between two heartbeats.
func (c Config) quick() time.Duration { return c.heartbeat() / 8 }

// timeout is the deadline of a call. After two lost heartbeats in a row there is time for a third.
func (c Config) timeout() time.Duration { return c.heartbeat() / 2 }

// patience is the greatest age of the last good heartbeat, by its start, and of the last good reading. The margin, a
// tenth, covers clocks that drift apart by a tenth during the watch of other workers.
func (c Config) patience() time.Duration { return c.Failover - c.Failover/10 }

// suspect is the silence after which a worker is assigned no more shards.
func (c Config) suspect() time.Duration { return 2*c.heartbeat() + c.fast() }

// survey is the interval of reading the lease rows even if no change is known. Programs outside the fleet do not
// announce that they release a lease, or die: the first reading after that begins the watch of a counter, and a later
// one ends it. With three readings in a failover time such a lease is taken within two.
func (c Config) survey(foreign bool) time.Duration {
	if foreign {
		return c.heartbeat()
	}
	return 60 * c.heartbeat()
}

// spacing is the least time between two readings of so many lease rows, so that large tables are read less often. It is
// also the least time between two plans that can wait.
func (c Config) spacing(rows int) time.Duration {
	return c.quick() + c.heartbeat()*time.Duration(rows)/10_000
}

// cooldown is the time between two moves that a worker asks for to even out bytes.
func (c Config) cooldown() time.Duration { return 6 * c.Failover }

// bury is how long the row of a closed worker with this failover time stays.
func (c Config) bury() time.Duration { return 3 * c.Failover }
