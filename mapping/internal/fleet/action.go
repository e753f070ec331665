package fleet

import (
	"fmt"
	"strings"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// Action is a step that a Coordinator asks for. It prints as one line and is never changed once returned. The result of
// an action that is a call of the table is reported to the Coordinator; Timeout is the deadline of the call.
//
//sumtype:decl
type Action interface {
	fmt.Stringer
	action()
}

// Heartbeat asks for FleetTable.Heartbeat with Row. Its result is reported with Beaten.
type Heartbeat struct {
	Row driver.FleetWorker

	// Join is set if the row of this incarnation may not exist yet.
	Join    bool
	Timeout time.Duration
}

// ReadWorkers asks for all worker rows. They are reported with Workers. The read must begin after this action was
// returned.
type ReadWorkers struct {
	Timeout time.Duration
}

// ReadLeases asks for all lease rows. They are reported with Leases. The read must begin after this action was
// returned.
type ReadLeases struct{}

// CloseWorker asks for FleetTable.Close. Its result is reported with Closed.
type CloseWorker struct {
	Incarnation string
	Counter     uint64
	Timeout     time.Duration
}

// RetireWorker asks for FleetTable.Retire of an incarnation of this worker that has nothing running. Its result is reported
// with Retired.
type RetireWorker struct {
	Incarnation string
	Timeout     time.Duration
}

// RemoveWorker asks for FleetTable.Remove. Its result is not reported.
type RemoveWorker struct {
	Incarnation string
}

// Take asks for FleetTable.Take. Its result is reported with Taken. On success the shard is processed immediately, unless
// Taken says otherwise.
type Take struct {
	// Seen is the row that Take expects, and Owner the new owner.
	Seen    driver.FleetLease
	Owner   string
	Timeout time.Duration
}

// Drain asks for a hand-over of a shard: nothing new starts, running calls may end, the progress is stored, the lease
// is released. The end is reported with Ended. An Action on a lease whose end was reported already, or is about to be,
// needs nothing more; that holds for Drop and DropAll too.
type Drain struct {
	Lease driver.FleetLease
}

// Drop says that a lease is lost: the shard's context is cancelled now, and later results of the shard do not count.
// Its end is reported with Ended.
type Drop struct {
	Lease driver.FleetLease
}

// DropAll says that all leases of an incarnation are lost, as Drop does. The end of each shard is reported with Ended.
type DropAll struct {
	Incarnation string
	Why         string
}

// Release asks for the release of a lease that was acquired but is not needed any more. Its result is not reported.
type Release struct {
	Lease driver.FleetLease
}

// Gone says that another worker was lost: its row is closed, and it was not leaving. There is at most one for each
// incarnation. It has no result to report.
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
