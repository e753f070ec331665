package mapping

import (
	"cmp"
	"context"
	"time"

	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// FleetStore is a Store that many processes share: each runs the same mapping, as a worker, and together they process
// each shard once. A mapping with a FleetStore shares its shards by the protocol of docs/leases.md, and does not call
// Acquire. Package dynamostore has one.
type FleetStore interface {
	Store

	// Fleet returns the rows with which the workers of a mapping share its shards. Its lease rows are those that
	// Progress reads and Delete deletes.
	Fleet(mapping string) FleetTable
}

// FleetTable is what the workers of one mapping share. The methods that it does not declare itself are those of the lease
// protocol, each one conditional write or one page of a consistent read:
//
//	Heartbeat(ctx, row FleetWorker, join bool) error
//	Workers(ctx, mark string) (rows []FleetWorker, next string, err error)
//	Close(ctx, incarnation string, counter uint64) error
//	Retire(ctx, incarnation string) error
//	Remove(ctx, incarnation string) error
//	Leases(ctx, mark string) (rows []FleetLease, next string, err error)
//	Take(ctx, seen FleetLease, owner string) (FleetLease, error)
//	Commit(ctx, lease FleetLease, c FleetCheckpoint) error
//	Release(ctx, lease FleetLease) error
//
// A condition that does not hold is ErrFleetRefused. The Value of a FleetCheckpoint is a Progress.
type FleetTable interface {
	fleet.Table

	// Load returns the progress of a shard, and false if there is none. The read is consistent.
	Load(ctx context.Context, shard string) (FleetCheckpoint, bool, error)
}

// FleetRenewer is an optional interface of a FleetTable whose rows are shared with programs that judge a lease by its
// row alone. To balance the load, such programs take leases from each other and from a fleet, and the fleet takes
// leases from them: a Take with Seen.Foreign takes the lease from the owner in Seen, if that still has it.
type FleetRenewer interface {
	FleetTable

	// Renew marks in the rows of some leases that their owner is alive, and returns the lost ones. It is called three
	// times per failover time, one call at a time. After an error the state of some leases is not known; the returned
	// ones are lost even so.
	Renew(ctx context.Context, leases []FleetLease) (lost []FleetLease, err error)
}

// FleetLister is an optional interface of a FleetTable that stores a shard's place in the stream with its lease.
type FleetLister interface {
	FleetTable

	// Listed passes the known shards of the stream, each time they changed. The slice is not written to any more.
	Listed(shards []FleetShard)
}

// FleetShard is a shard of the stream.
type FleetShard struct {
	ID                             string
	Parents, Children              []string // in order, including those that have left the stream
	StartingHashKey, EndingHashKey string   // in decimal, both inclusive
}

// FleetWorker is the row of one incarnation of a worker, as docs/leases.md describes it.
type FleetWorker = fleet.Worker

// FleetAsk is a worker's request for another worker's lease.
type FleetAsk = fleet.Ask

// FleetLease is the row of a shard, as the lease protocol sees it.
type FleetLease = fleet.Lease

// FleetCheckpoint is the progress of a shard, stored under its lease. Its Value is a Progress.
type FleetCheckpoint = fleet.Checkpoint

// ErrFleetRefused says that the condition of a FleetTable's write did not hold: nothing was stored.
var ErrFleetRefused = fleet.ErrRefused

// fleetCheckpointInterval is the least time between two writes of a shard's progress in a store that a fleet shares.
const fleetCheckpointInterval = time.Second

// failover returns how long a worker of a fleet may be silent.
func (m *Mapping) failover() time.Duration {
	return cmp.Or(m.cfg.FailoverTime, fleet.DefaultFailover)
}

// checkpointInterval returns the least time between two writes of a shard's progress.
func (m *Mapping) checkpointInterval() time.Duration {
	if m.fleet != nil && m.cfg.CheckpointInterval == 0 {
		return fleetCheckpointInterval
	}
	return max(0, m.cfg.CheckpointInterval)
}
