package fleet

import (
	"context"
	"errors"
)

// ErrRefused is returned by a write whose condition did not hold: it stored nothing. After any other error of a write
// the result is unknown; the same write may be repeated.
var ErrRefused = errors.New("fleet: condition of the write does not hold")

// Table is the interface of a store for one mapping's fleet. Each write is one conditional write of one row, and each
// read is one page of a strongly consistent read. All methods are safe for concurrent use.
//
// Every write may be repeated after its answer was lost. The repetition of an applied write also returns nil, unless
// the row has changed since: then it is refused and changes nothing.
type Table interface {
	// Heartbeat stores the worker's row as given. Without join the row must exist; with join it may. It is refused if
	// the row is closed, or has a counter greater than the given one.
	Heartbeat(ctx context.Context, row Worker, join bool) error

	// Workers returns the page of worker rows that follows mark, and the mark of the next page. The mark of the first
	// page is "", and that after the last page too.
	Workers(ctx context.Context, mark string) (rows []Worker, next string, err error)

	// Close closes a worker's row if it has the given counter. It is refused if the counter has changed, or there is no
	// row. It returns nil if the row is already closed.
	Close(ctx context.Context, incarnation string, counter uint64) error

	// Retire closes a worker's row whatever its counter. Only the worker itself may call it, when nothing runs under
	// the incarnation any more. It is refused if there is no row.
	Retire(ctx context.Context, incarnation string) error

	// Remove deletes a closed row of a worker. It returns nil if there is no row, and is refused if the row is open.
	Remove(ctx context.Context, incarnation string) error

	// Leases returns a page of the lease rows, as Workers does.
	Leases(ctx context.Context, mark string) (rows []Lease, next string, err error)

	// Take makes owner the owner of the lease if its row has the seen Owner and Epoch (with the Epoch 0: if there is no
	// row), and increments the epoch. It returns the row after that. Otherwise it is refused, unless the row is as this
	// call would leave it: with the next epoch and this owner.
	Take(ctx context.Context, seen Lease, owner string) (Lease, error)

	// Commit stores c if the row has the lease's Owner and Epoch, and is refused otherwise. It ignores a c that is no
	// newer, by Version, than the checkpoint that this epoch stored, and returns nil.
	Commit(ctx context.Context, lease Lease, c Checkpoint) error

	// Release removes the owner and increments the epoch if the row has the lease's Owner and Epoch. If it has others,
	// it returns nil.
	Release(ctx context.Context, lease Lease) error
}

// Checkpoint is stored for a shard under its lease.
type Checkpoint struct {
	// Version grows within an epoch.
	Version uint64

	// Finished is set if the shard is complete.
	Finished bool

	// Rate is the rate of the shard, in bytes a second.
	Rate int64

	// Value is the progress, which the protocol does not interpret.
	Value any
}
