package fleet

import (
	"fmt"
	"time"
)

// Worker is the row of one incarnation of a worker. Only the worker itself writes it, but that others close and remove it.
type Worker struct {
	// Incarnation names it. A worker that lost its leases goes on under another incarnation; none is used twice.
	Incarnation string

	// Counter grows with each heartbeat. That it stands still is how others know that the worker is gone.
	Counter uint64

	// Closed is set when the incarnation is over: no heartbeat of it succeeds any more, and its leases may be taken.
	Closed bool

	// Leaving tells that the worker drains its shards to stop, and takes none.
	Leaving bool

	// Generation changes when the worker took, released or finished a shard. While none changes nobody reads lease rows.
	Generation uint64

	// Asks are the leases that it wants others to hand over.
	Asks []Ask

	// Damage says why the row cannot be read; it is empty for a row that can be. Of a damaged row only Incarnation counts:
	// the worker may be alive, so its leases are left alone.
	Damage string

	// Failover is the worker's failover time, by which it fences itself. Zero, in a row of a program that did not write it, stands
	// for the reader's own.
	Failover time.Duration
}

// Ask is the wish for a hand-over of the lease that has this epoch.
type Ask struct {
	Shard string
	Epoch uint64
}

func (a Ask) String() string { return fmt.Sprintf("%s/%d", a.Shard, a.Epoch) }

// Lease is the row of a shard, as far as the protocol looks at it. The zero value but for Shard stands for no row.
type Lease struct {
	Shard string

	// Owner is the incarnation that holds the lease, empty when it is free.
	Owner string

	// Epoch grows by one when the lease is taken, and when it is released. It tells which of two images is the newer.
	Epoch uint64

	// Damage says why the row cannot be read; it is empty for a row that can be. Of a damaged row only Shard counts: the
	// lease is left alone.
	Damage string

	// Foreign tells that the owner is none of this fleet, but a program that shares the table and seems alive. Its lease
	// is left alone, unless Config.Shared.
	Foreign bool

	// Begun tells that something of the shard is processed, so that its parents are finished.
	Begun bool

	// Finished tells that the shard is wholly processed. It is never unset.
	Finished bool

	// Rate is what the owner measured, in bytes a second, when it last committed: a mean over minutes, else every burst
	// looks like a load that is worth a move.
	Rate int64
}

// outside reports whether the fleet leaves the lease alone: a program outside the fleet has it, or its row is damaged.
func (l *Lease) outside() bool { return l.Foreign || l.Damage != "" }

func (l Lease) String() string {
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

// Shard is a shard that the stream lists.
type Shard struct {
	ID string

	// Parents are none, one or two. A shard is not taken before they are finished, or have left the stream.
	Parents []string
}
