package driver

import (
	"context"
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

// FleetTable is what the workers of one mapping share: its rows, and the lease protocol over them. Each write is one
// conditional write of one row, and each read is one page of a strongly consistent read. All methods are safe for
// concurrent use. A condition that does not hold is ErrFleetRefused.
//
// Every write may be repeated after its answer was lost. The repetition of an applied write also returns nil, unless
// the row has changed since: then it is refused and changes nothing.
type FleetTable interface {
	// Heartbeat stores the worker's row as given. Without join the row must exist; with join it may. It is refused if
	// the row is closed, or has a counter greater than the given one.
	Heartbeat(ctx context.Context, row FleetWorker, join bool) error

	// Workers returns the page of worker rows that follows mark, and the mark of the next page. The mark of the first
	// page is "", and that after the last page too.
	Workers(ctx context.Context, mark string) (rows []FleetWorker, next string, err error)

	// Close closes a worker's row if it has the given counter. It is refused if the counter has changed, or there is no
	// row. It returns nil if the row is already closed.
	Close(ctx context.Context, incarnation string, counter uint64) error

	// Retire closes a worker's row whatever its counter. Only the worker itself may call it, when nothing runs under
	// the incarnation any more. It is refused if there is no row.
	Retire(ctx context.Context, incarnation string) error

	// Remove deletes a closed row of a worker. It returns nil if there is no row, and is refused if the row is open.
	Remove(ctx context.Context, incarnation string) error

	// Leases returns a page of the lease rows, as Workers does.
	Leases(ctx context.Context, mark string) (rows []FleetLease, next string, err error)

	// Take makes owner the owner of the lease if its row has the seen Owner and Epoch (with the Epoch 0: if there is no
	// row), and increments the epoch. It returns the row after that. Otherwise it is refused, unless the row is as this
	// call would leave it: with the next epoch and this owner.
	Take(ctx context.Context, seen FleetLease, owner string) (FleetLease, error)

	// Commit stores c if the row has the lease's Owner and Epoch, and is refused otherwise. It ignores a c that is no
	// newer, by Version, than the checkpoint that this epoch stored, and returns nil.
	Commit(ctx context.Context, lease FleetLease, c FleetCheckpoint) error

	// Release removes the owner and increments the epoch if the row has the lease's Owner and Epoch. If it has others,
	// it returns nil.
	Release(ctx context.Context, lease FleetLease) error

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
