package driver

import (
	"fmt"
	"time"
)

// FleetWorker is the row of one incarnation of a worker. The worker itself writes it. Other workers only close and remove
// it.
type FleetWorker struct {
	// Incarnation identifies it. A worker that lost its leases continues with a new incarnation; none is used twice.
	Incarnation string

	// Counter grows with each heartbeat. Other workers conclude from a counter that stands still that the worker is
	// gone.
	Counter uint64

	// Closed is set when the incarnation is over: its heartbeats are refused, and its leases may be taken.
	Closed bool

	// Leaving is set while the worker drains its shards to stop. It takes no more leases.
	Leaving bool

	// Generation changes when the worker acquires, releases or finishes a shard. While no generation changes, no worker
	// reads lease rows.
	Generation uint64

	// Asks are the leases that it asks others to hand over.
	Asks []FleetAsk

	// Damage says why the row cannot be read; it is empty for a readable row. Only the Incarnation of a damaged row
	// counts: the worker may be alive, so other workers do not take its leases.
	Damage string

	// Failover is the failover time by which the worker fences itself. Zero, in a row of a program that did not write
	// it, means the reader's own.
	Failover time.Duration
}

// FleetAsk asks for a hand-over of the lease with this epoch.
type FleetAsk struct {
	Shard string
	Epoch uint64
}

func (a FleetAsk) String() string { return fmt.Sprintf("%s/%d", a.Shard, a.Epoch) }

// FleetLease is the row of a shard, as far as the lease protocol needs it. A FleetLease with nothing but Shard means that
// there is no row.
type FleetLease struct {
	Shard string

	// Owner is the incarnation that holds the lease, empty when it is free.
	Owner string

	// Epoch grows by one when the lease is acquired, and when it is released. The image with the higher epoch is the
	// newer one.
	Epoch uint64

	// Damage says why the row cannot be read; it is empty for a readable row. Only the Shard of a damaged row counts:
	// the lease is not taken.
	Damage string

	// Foreign is set if the owner is a program outside the fleet that shares the table and seems alive. Its lease is
	// not taken, unless the table is a FleetRenewer.
	Foreign bool

	// Begun is set if part of the shard is processed, which implies that its parents are finished.
	Begun bool

	// Finished is set if the shard is complete. It is never unset.
	Finished bool

	// Rate is the rate that the owner measured before its last commit, in bytes a second. It is a mean over minutes:
	// otherwise each burst would look like a load that is worth a move.
	Rate int64
}

func (l FleetLease) String() string {
	s := fmt.Sprintf("%s/%d owner=%s", l.Shard, l.Epoch, l.Owner)
	if l.Foreign {
		s += " foreign"
	}
	if l.Finished {
		s += " finished"
	}
	if l.Damage != "" {
		s += " damaged"
	}
	return s
}

// FleetCheckpoint is the progress of a shard, stored under its lease.
type FleetCheckpoint struct {
	// Version grows within an epoch.
	Version uint64

	// Finished is set if the shard is complete.
	Finished bool

	// Rate is the rate of the shard, in bytes a second.
	Rate int64

	// Value is a Progress. The protocol does not interpret it.
	Value any
}
