package fleet

import (
	"context"
	"errors"
)

// ErrRefused tells that the condition of a write did not hold: nothing was stored. It is definite. After any other error
// of a write it is not known whether something was stored; the same write may be made again.
var ErrRefused = errors.New("fleet: condition of the write does not hold")

// Table is what a store must offer for one mapping's fleet. Each write is one conditional write of one row, each read
// one page of a strongly consistent read. All methods may be called at the same time.
//
// Every write may be made again after its answer was lost: a repetition of one that was applied returns nil as well,
// unless the row has changed since, and then it is refused and changes nothing.
type Table interface {
	// Heartbeat stores the worker's row as it is given. Without join the row must exist; with it, it may. It is refused
	// if the row is closed, or its counter is greater than the one given.
	Heartbeat(ctx context.Context, row Worker, join bool) error

	// Workers returns a page of the worker rows that follow the page with the given mark, "" for the first one,
	// and the mark for the next one, "" behind the last.
	Workers(ctx context.Context, mark string) (rows []Worker, next string, err error)

	// Close closes a worker's row if its counter is the given one. It is refused if that moved on, or there is no row.
	// A row that is closed already is no error.
	Close(ctx context.Context, incarnation string, counter uint64) error

	// Retire closes a worker's row whatever its counter is: only the worker itself may call it, when nothing runs under
	// the incarnation any more. It is refused if there is no row.
	Retire(ctx context.Context, incarnation string) error

	// Remove deletes a worker's row if it is closed. A row that is not there is no error; one that is open is refused.
	Remove(ctx context.Context, incarnation string) error

	// Leases returns a page of the lease rows, as Workers does.
	Leases(ctx context.Context, mark string) (rows []Lease, next string, err error)

	// Take makes owner the owner of the lease if its row has the seen Owner and Epoch (with the Epoch 0: if there is
	// no row), and increments the epoch. It returns the row as it is then. It is refused otherwise, unless the row is
	// as this very call would leave it: the epoch is the next one, and the owner is owner.
	Take(ctx context.Context, seen Lease, owner string) (Lease, error)

	// Commit stores c if the row has the lease's Owner and Epoch, and is refused otherwise. A c that is no newer than
	// what this epoch stored already (by Version) is ignored without an error.
	Commit(ctx context.Context, lease Lease, c Checkpoint) error

	// Release removes the owner if the row has the lease's Owner and Epoch, and increments the epoch. A lease that is
	// not in force any more is no error.
	Release(ctx context.Context, lease Lease) error
}

// Checkpoint is what is stored of a shard under its lease.
type Checkpoint struct {
	// Version grows within an epoch.
	Version uint64

	// Finished tells that the shard is wholly processed.
	Finished bool

	// Rate is how much the shard brings, in bytes a second.
	Rate int64

	// Value is the progress, of which the protocol knows nothing.
	Value any
}
