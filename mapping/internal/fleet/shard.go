package fleet

import "github.com/shardmill/shardmill/mapping/driver"

// Shard is a shard that the stream lists.
type Shard struct {
	ID string

	// Parents are none, one or two. A shard is not acquired before they are finished, or have left the stream.
	Parents []string
}

// outside reports whether the fleet must not take a lease: a program outside the fleet has it, or its row is damaged.
func outside(l *driver.FleetLease) bool { return l.Foreign || l.Damage != "" }
