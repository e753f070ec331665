package fleet

import (
	"fmt"
	"strings"
	"time"
)

// Action is something that a Coordinator wants done. It prints as one line and is never changed once returned.
// Those that are calls of the Table are reported with their result; Timeout is the call's deadline.
//
//sumtype:decl
type Action interface {
	fmt.Stringer
	action()
}

// Heartbeat asks for Table.Heartbeat with Row, reported with Beaten.
type Heartbeat struct {
	Row Worker

	// Join tells that this incarnation's row may not exist yet.
	Join    bool
	Timeout time.Duration
}

// ReadWorkers asks for all worker rows, reported with Workers. Its first page must not be asked for before this action
// was returned.
type ReadWorkers struct {
	Timeout time.Duration
}

// ReadLeases asks for all lease rows, reported with Leases, under the same condition.
type ReadLeases struct{}

// CloseWorker asks for Table.Close, reported with Closed.
type CloseWorker struct {
	Incarnation string
	Counter     uint64
	Timeout     time.Duration
}

// RetireWorker asks for Table.Retire of an incarnation of this worker, reported with Retired. Nothing runs under it any more.
type RetireWorker struct {
	Incarnation string
	Timeout     time.Duration
}

// RemoveWorker asks for Table.Remove. It is not reported.
type RemoveWorker struct {
	Incarnation string
}

// Take asks for Table.Take, reported with Taken. On success the shard is processed at once, unless Taken says otherwise.
type Take struct {
	// Seen is the row as it must be found, Owner who takes it.
	Seen    Lease
	Owner   string
	Timeout time.Duration
}

// Drain asks for a shard to be handed over: nothing new starts, what runs may end, its progress is stored, the lease is
// released. It is reported with Ended. A lease whose end was reported already, or is about to be, needs nothing more;
// that holds for Drop and DropAll too.
type Drain struct {
	Lease Lease
}

// Drop tells that a lease is lost: the shard's context is cancelled now, and nothing that still comes of it counts.
// When it has ended that is reported with Ended.
type Drop struct {
	Lease Lease
}

// DropAll tells that all leases of an incarnation are lost, as Drop does. Each shard is reported with Ended.
type DropAll struct {
	Incarnation string
	Why         string
}

// Release asks for the release of a lease that was taken but is not wanted any more. It is not reported.
type Release struct {
	Lease Lease
}

// Gone says that another worker was lost: its row is closed, and it was not leaving. There is at most one for each incarnation. It
// is not reported.
type Gone struct {
	Incarnation string

	// Shards is how many unfinished shards it had, as far as rows have shown.
	Shards int

	// Here is set if this worker has closed it.
	Here bool
}

func (*Heartbeat) action()    {}
func (*ReadWorkers) action()  {}
func (*ReadLeases) action()   {}
func (*CloseWorker) action()  {}
func (*RetireWorker) action() {}
func (*RemoveWorker) action() {}
func (*Take) action()         {}
func (*Drain) action()        {}
func (*Drop) action()         {}
func (*DropAll) action()      {}
func (*Release) action()      {}
func (*Gone) action()         {}

// String prints the action as one line, such as "heartbeat a#1 counter=7 generation=3 asks=[shard-1/4]".
func (a *Heartbeat) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "heartbeat %s counter=%d generation=%d", a.Row.Incarnation, a.Row.Counter, a.Row.Generation)
	if a.Join {
		b.WriteString(" join")
	}
	if a.Row.Leaving {
		b.WriteString(" leaving")
	}
	if len(a.Row.Asks) > 0 {
		fmt.Fprintf(&b, " asks=%v", a.Row.Asks)
	}
	return b.String()
}

// String prints the action as one line.
func (a *ReadWorkers) String() string { return "read-workers" }

// String prints the action as one line.
func (a *ReadLeases) String() string { return "read-leases" }

// String prints the action as one line, such as "close b#1 counter=7".
func (a *CloseWorker) String() string {
	return fmt.Sprintf("close %s counter=%d", a.Incarnation, a.Counter)
}

// String prints the action as one line.
func (a *RetireWorker) String() string { return "retire " + a.Incarnation }

// String prints the action as one line.
func (a *RemoveWorker) String() string { return "remove " + a.Incarnation }

// String prints the action as one line, such as "take shard-1/4 owner=b#1 for a#1".
func (a *Take) String() string { return fmt.Sprintf("take %s for %s", a.Seen, a.Owner) }

// String prints the action as one line.
func (a *Drain) String() string { return "drain " + a.Lease.String() }

// String prints the action as one line.
func (a *Drop) String() string { return "drop " + a.Lease.String() }

// String prints the action as one line.
func (a *DropAll) String() string { return "drop-all " + a.Incarnation + ": " + a.Why }

// String prints the action as one line.
func (a *Release) String() string { return "release " + a.Lease.String() }

// String prints the action as one line, such as "gone b#1 shards=3 here".
func (a *Gone) String() string {
	s := fmt.Sprintf("gone %s shards=%d", a.Incarnation, a.Shards)
	if a.Here {
		s += " here"
	}
	return s
}
