package mapping

import (
	"context"
	"errors"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// Store keeps the progress of mappings, and the leases under which it may be changed. One Store serves many mappings;
// each is known to it by a name that stays the same over restarts. Names of mappings and of shards are any strings that
// are not empty. All methods may be called at the same time; what they return is the caller's. Once ctx is done before
// a method has begun to store something, it stores nothing and returns an error that wraps ctx.Err().
// Methods return soon after ctx is done: Mapping.Run waits for them, and a method that ignores ctx holds Run for as long.
//
// State that is stored but cannot be read is an error of the method that needs it, never the same as none. A Store that
// can be closed returns ErrStoreClosed from then on, and one that can't go on after an error ErrStoreBroken.
// Package storetest checks all that is said here.
type Store interface {
	// Anchor stores proposed as the time from which the mapping reads under StartingPosition LATEST, unless an anchor is
	// stored already, and returns the stored one. When it returns, the anchor is durable.
	Anchor(ctx context.Context, mapping string, proposed time.Time) (time.Time, error)

	// SettleAnchor moves the anchor back to at, if that is earlier, and settles it: a settled anchor never moves again.
	// It returns the stored anchor. An anchor never moves forward. If none is stored, it stores at. When it returns, the
	// anchor is durable.
	SettleAnchor(ctx context.Context, mapping string, at time.Time) (time.Time, error)

	// Progress returns what is stored for each shard of the mapping, by shard ID. A mapping that is unknown has none,
	// and a shard for which nothing was committed yet is not in it. If what is stored for some shards cannot be read, the error
	// wraps ErrUnreadable and names each of them, and the map may have the others: a fleet goes on with those.
	Progress(ctx context.Context, mapping string) (map[string]Progress, error)

	// Acquire takes the lease of a shard for owner, opens a new epoch, which fences out all earlier ones, and returns
	// the shard's progress; the zero Progress when there is none. It returns ErrLeaseHeld while somebody has it,
	// be it owner itself: two mappings of one name in one process are kept apart too. After any other error nobody has the
	// lease by that call, even if it was written and only the answer was lost: the same process can acquire it again.
	Acquire(ctx context.Context, mapping, shard, owner string) (Lease, Progress, error)

	// Commit stores p under the lease, durably. It returns ErrLeaseLost when the lease is not in force any more.
	// A p that is no newer than what this lease already stored (by Version) is ignored without an error. One that is
	// newer, but whose Position is before that of what this lease stored, is refused. A first Commit of an epoch may go
	// back, and its Version may be any: that is how a shard is read again.
	Commit(ctx context.Context, lease Lease, p Progress) error

	// Release releases the lease, so that others can acquire it. Releasing one that was lost, or released before, is no error.
	// When it returns nil, no Commit under the lease changes anything any more. After an error it may be called again.
	Release(ctx context.Context, lease Lease) error

	// Delete removes what is stored for a shard whose stored progress has End: nobody will ask for it again, for the shard
	// has left the stream. It returns ErrLeaseHeld while somebody has the shard's lease, and another error where the
	// progress has no End; then nothing is removed. Where nothing is stored it does nothing. Afterwards the shard is as
	// if it had never been known, but that a Lease from before is never in force again. The anchor stays.
	Delete(ctx context.Context, mapping, shard string) error
}

// Lease is the right to process one shard and to store its progress. It is a value: losing it shows
// in an ErrLeaseLost of the Store.
type Lease struct {
	Mapping string
	Shard   string
	Owner   string

	// Epoch grows with each Acquire of this shard.
	Epoch uint64
}

// Progress is what is stored for one shard: the contents of its last Commit.
type Progress struct {
	// Version is that of the batch.Commit; it counts within the epoch that wrote it.
	Version uint64

	// Position is the place where reading goes on. Everything at or below it is resolved.
	Position batch.Position

	// End tells that the shard was read to its end and all of it is resolved.
	End bool

	// ResolvedUpTo tells that everything that arrived before it is resolved. It is zero where that is not known.
	ResolvedUpTo time.Time

	// Window is the open tumbling window with its state, or nil.
	Window *batch.Window

	// ClosedUpTo tells that the tumbling windows which begin before it are closed. It is zero while none was.
	ClosedUpTo time.Time

	// ShardStart is the starting sequence number of the shard, and StreamCreated is when its stream was created. They
	// identify the shard: a stream that was deleted and created again under its name has shards of the same IDs. Each is
	// empty, or zero, where it was not known, and in what was stored before there were these fields.
	ShardStart    string
	StreamCreated time.Time
}

// progressOf returns what is stored of a Commit.
func progressOf(c *batch.Commit) Progress {
	return Progress{
		Version: c.Version, Position: c.Position, End: c.End, ResolvedUpTo: c.ResolvedUpTo, Window: c.Window, ClosedUpTo: c.ClosedUpTo,
	}
}

// resume returns the Commit that a Scheduler goes on behind.
func (p *Progress) resume() batch.Commit {
	return batch.Commit{Position: p.Position, ResolvedUpTo: p.ResolvedUpTo, Window: p.Window, ClosedUpTo: p.ClosedUpTo}
}

// ListedStore is an optional interface of a Store that knows which mappings it keeps progress of. When a mapping starts without
// any, the log then says whether progress of the same stream is stored under another name, as after a change of FunctionName.
// The stores of this module have it.
type ListedStore interface {
	Store

	// Names returns the names of all mappings for which Acquire has returned a lease, in any order. A mapping that was forgotten
	// is not among them until Acquire returns a lease for it again.
	Names(ctx context.Context) ([]string, error)

	// Held reports whether Acquire would return ErrLeaseHeld for a shard of the mapping that is known. The leases of a fleet
	// are judged by the rows of FleetTable instead.
	Held(ctx context.Context, mapping string) (bool, error)
}

// CheckedStore is a Store that can tell why a mapping must not run with it. Package dynamostore has one.
type CheckedStore interface {
	Store

	// Check is called when a mapping starts, before it reads or writes anything but its anchor. Run returns an error that
	// wraps ErrForeignFleet; after any other Check is called again.
	Check(ctx context.Context, mapping string) error
}

// Errors that a Store returns, wrapped or plain; test for them with errors.Is.
var (
	// ErrLeaseHeld tells that somebody has the lease.
	ErrLeaseHeld = errors.New("mapping: lease is held by another owner")

	// ErrLeaseLost tells that a lease is no longer in force: nothing was stored.
	ErrLeaseLost = errors.New("mapping: lease is lost")

	// ErrUnreadable tells that something is stored that can't be read: it is damaged, or of an unknown version.
	// A mapping never takes that for no progress.
	ErrUnreadable = errors.New("mapping: stored state can't be read")

	// ErrStoreClosed tells that the Store was closed by who owns it: nothing can be stored any more, nor read. It ends a
	// mapping, since whatever that did from now on would be done again after a restart.
	ErrStoreClosed = errors.New("mapping: the store is closed")

	// ErrStoreBroken tells that the Store can't go on after an error, which the error wraps besides: nothing can be stored
	// any more, nor read, until it is closed and opened again. It ends a mapping, as ErrStoreClosed does.
	ErrStoreBroken = errors.New("mapping: the store can't go on, close it and open it again")

	// ErrForeignFleet tells that a program of another kind is at work on the same rows, in a way that rules out sharing them:
	// stop it first.
	ErrForeignFleet = errors.New("mapping: another program's fleet is at work in the store")
)

// isFinal reports whether an error of a Store is one that no other attempt can mend.
func isFinal(err error) bool {
	return errors.Is(err, ErrUnreadable) || errors.Is(err, ErrForeignFleet) || isGone(err)
}

// isGone reports whether an error of a Store is that it takes nothing any more.
func isGone(err error) bool {
	return errors.Is(err, ErrStoreClosed) || errors.Is(err, ErrStoreBroken)
}
