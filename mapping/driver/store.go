package driver

import (
	"context"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// Store keeps the progress of mappings, and the leases that guard it. One Store serves many mappings, and identifies
// each by a name that is the same across restarts. Names of mappings and of shards are any non-empty strings. All
// methods must be safe for concurrent use; results belong to the caller. If ctx is done before a write begins, the
// method writes nothing and returns an error that wraps ctx.Err(). Methods must return soon after ctx is done:
// Mapping.Run waits for them, and a method that ignores ctx delays Run.
//
// Unreadable stored state is an error of the method that needs it, and never counts as missing. A Store that can be
// closed returns ErrStoreClosed afterwards, and one that cannot continue after an error ErrStoreBroken. Package
// storetest checks this contract.
type Store interface {
	// Anchor stores proposed as the time from which the mapping reads under StartingPosition LATEST, unless an anchor
	// is stored already, and returns the stored one. When it returns, the anchor is durable.
	Anchor(ctx context.Context, mapping string, proposed time.Time) (time.Time, error)

	// SettleAnchor moves the anchor back to at, if that is earlier, and settles it: a settled anchor never moves again.
	// It returns the stored anchor. An anchor never moves forward. If none is stored, it stores at. When it returns, the
	// anchor is durable.
	SettleAnchor(ctx context.Context, mapping string, at time.Time) (time.Time, error)

	// Progress returns the progress of each shard of the mapping, by shard ID. An unknown mapping has none, and a shard
	// without a commit is not included. If the stored progress of some shards is unreadable, the error wraps
	// ErrUnreadable and names each of them, and the map may have the others: a fleet continues with those.
	Progress(ctx context.Context, mapping string) (map[string]Progress, error)

	// Acquire acquires the lease of a shard for owner and opens a new epoch, which fences out all earlier ones. It
	// returns the shard's progress; the zero Progress if there is none. It returns ErrLeaseHeld while the lease is
	// held, even by owner itself: two mappings of one name in one process are separate too. After any other error the
	// call left no lease, even if it was written and only the answer was lost: the same process can acquire it again.
	Acquire(ctx context.Context, mapping, shard, owner string) (Lease, Progress, error)

	// Commit stores p under the lease, durably. It returns ErrLeaseLost if the lease is no longer valid. It ignores a p
	// that is no newer than this lease's stored progress (by Version), without an error. It refuses a newer p whose
	// Position is before that of this lease's stored progress. The first Commit of an epoch may go back, and have any
	// Version: that is how a shard is read again.
	Commit(ctx context.Context, lease Lease, p Progress) error

	// Release releases the lease, so that others can acquire it. Releasing a lost or released lease is no error. When
	// it returns nil, no Commit under the lease changes anything any more. After an error it may be called again.
	Release(ctx context.Context, lease Lease) error

	// Delete removes the progress of a shard whose stored progress has End and which has left the stream. It returns
	// ErrLeaseHeld while the shard's lease is held, and another error if the progress has no End; then nothing is
	// removed. Without stored progress it does nothing. Afterwards the shard is unknown, but an old Lease never becomes
	// valid again. The anchor is kept.
	Delete(ctx context.Context, mapping, shard string) error
}

// Lease is the right to process one shard and to store its progress. It is a value: its loss shows in an ErrLeaseLost
// of the Store.
type Lease struct {
	Mapping string
	Shard   string
	Owner   string

	// Epoch grows with each Acquire of this shard.
	Epoch uint64
}

// Progress is the stored state of one shard: the content of its last Commit.
type Progress struct {
	// Version is that of the batch.Commit; it counts within the epoch that wrote it.
	Version uint64

	// Position is where reading resumes. Everything at or below it is resolved.
	Position batch.Position

	// End is set if the shard is complete: read to its end, and all of it is resolved.
	End bool

	// ResolvedUpTo is a time before which everything that arrived is resolved. It is zero if that is not known.
	ResolvedUpTo time.Time

	// Window is the open tumbling window with its state, or nil.
	Window *batch.Window

	// ClosedUpTo is the time before which tumbling windows are closed. It is zero while none was closed.
	ClosedUpTo time.Time

	// ShardStart is the starting sequence number of the shard, and StreamCreated is when its stream was created. They
	// identify the shard: a recreated stream of the same name has shards with the same IDs. Each is empty, or zero, if
	// it was not known, and in progress that is older than these fields.
	ShardStart    string
	StreamCreated time.Time
}

// ListedStore is an optional interface of a Store that knows its mappings. When a mapping starts without progress, the
// log then says whether progress of the same stream is stored under another name, as after a change of FunctionName.
// The stores of this module implement it.
type ListedStore interface {
	Store

	// Names returns the names of all mappings for which Acquire has returned a lease, in any order. A mapping that was forgotten
	// is not among them until Acquire returns a lease for it again.
	Names(ctx context.Context) ([]string, error)

	// Held reports whether Acquire would return ErrLeaseHeld for a known shard of the mapping. The leases of a fleet
	// are judged by the rows of FleetTable instead.
	Held(ctx context.Context, mapping string) (bool, error)
}

// CheckedStore is an optional interface of a Store that knows why a mapping must not run with it. Package dynamostore
// implements it.
type CheckedStore interface {
	Store

	// Check is called when a mapping starts, before any read or write except of its anchor. Run returns an error that
	// wraps ErrForeignFleet; after any other Check is called again.
	Check(ctx context.Context, mapping string) error
}

// WorkerStore is an optional interface of a Store, which names this process: the owner of a lease begins with the name.
// In a fleet it is in Status.Worker and in every log line too. The default is the name of the host and the ID of the
// process: "host-1234". Package dynamostore's stores implement it.
type WorkerStore interface {
	Store

	// Worker returns the name, 1 to 255 bytes of UTF-8 without spaces and control characters; empty means the default. It need
	// not be unique.
	Worker() string
}

// Remote is an optional interface of a Store, and of a poller.Source, that calls a service. The log names the host if a
// start has to wait for it.
type Remote interface {
	// Host returns the name of the called host, with its port unless that is the default one; empty if it is not known.
	// It makes no call.
	Host() string
}
