package dynamostore

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// Our attributes of a lease. The lease is one of ours while attrOwner equals KCL's leaseOwner: a KCL worker that takes
// the lease writes only the latter. The progress is ours while KCL's checkpoint equals the one that we wrote with it.
const (
	attrFormat      = "sm_format"      // N: format
	attrMapping     = "sm_mapping"     // S: whose row it is
	attrEpoch       = "sm_epoch"       // N: of the latest lease of ours
	attrOwner       = "sm_owner"       // S
	attrWorker      = "sm_worker"      // S: the process that took the lease, absent in a fleet
	attrIncarnation = "sm_incarnation" // N: which of the processes of that name
	attrToken       = "sm_token"       // S: of the call that took the lease; in a fleet the epoch that it saw
	attrWritten     = "sm_written"     // N: the epoch that stored the progress
	attrVersion     = "sm_version"     // N
	attrSequence    = "sm_sequence"    // S: absent at the shard's beginning
	attrSub         = "sm_sub"         // N
	attrPartial     = "sm_partial"     // BOOL
	attrEnd         = "sm_end"         // BOOL
	attrResolved    = "sm_resolved"    // S: a time, absent where it is not known
	attrClosed      = "sm_closed"      // S: a time, absent while no window is closed
	attrWindow      = "sm_window"      // M: the open window
	attrStart       = "sm_start"       // S: the shard's starting sequence number, absent where it is not known
	attrCreated     = "sm_created"     // S: a time, of the stream's creation, absent where it is not known
	attrRate        = "sm_rate"        // N: bytes a second, measured by a worker of a fleet
)

// format is the version of the meaning of the attributes sm_*.
const format = 1

// key names a shard of a mapping.
type key struct{ mapping, shard string }

// String names the shard in errors.
func (k key) String() string { return "shard " + k.shard + " of " + k.mapping }

func keyOf(l driver.Lease) key { return key{l.Mapping, l.Shard} }

// row is a lease as it was read, or as it is known to be after a write of ours.
type row struct {
	exists  bool
	owner   types.AttributeValue // KCL's leaseOwner, nil when the lease is free
	counter types.AttributeValue // KCL's leaseCounter, nil when the row is new
	handing string               // KCL's checkpointOwner

	ours        bool   // whether the lease, if anybody has it, is one of ours
	worker      string // the process that took it
	incarnation uint64
	token       string
	epoch       uint64

	written  uint64               // the epoch that stored progress, 0 when none of ours did
	version  types.AttributeValue // stored with the progress, nil if there is none
	stored   bool                 // whether there is progress, ours or KCL's
	progress driver.Progress
	rate     int64
	state    stateAt // where the open window's state is; progress.Window has it only after load
}

// decodeRow reads a row. A nil item is one that does not exist.
func decodeRow(k key, item kcl.Item) (row, error) {
	if len(item) == 0 {
		return row{}, nil
	}
	if !kcl.IsLease(item) {
		return row{}, damagef(k, "its row is no lease but a %q of KCL's", kcl.Text(item, kcl.EntityType))
	}
	d := decoder{item: item}
	r := row{
		exists: true, owner: item[kcl.LeaseOwner], counter: item[kcl.LeaseCounter], handing: kcl.Text(item, kcl.CheckpointOwner),
		worker: kcl.Text(item, attrWorker), token: kcl.Text(item, attrToken),
		incarnation: d.uint(attrIncarnation), epoch: d.uint(attrEpoch), written: d.uint(attrWritten), version: item[attrVersion],
	}
	r.ours = r.isOurs(item)
	if r.epoch > 0 {
		if v := d.uint(attrFormat); v != format && !d.bad {
			return row{}, damagef(k, "its row has format %d, and this version of shardmill knows %d", v, format)
		}
		if name := kcl.Text(item, attrMapping); name != k.mapping {
			return row{}, damagef(k, "its row belongs to the mapping %q: each mapping needs a lease table of its own", name)
		}
	}
	if r.written > 0 {
		r.progress, r.state = d.progress()
		r.stored = true
	}
	if _, stored := item[attrRate]; stored {
		r.rate = d.int(attrRate)
	}
	if d.bad || r.written > r.epoch {
		return row{}, damagef(k, "its row does not parse")
	}
	return r, r.foreign(k, item)
}

// isOurs reports whether somebody has the lease, and took it as we do.
func (r *row) isOurs(item kcl.Item) bool {
	return r.owner != nil && r.handing == "" && kcl.Text(item, attrOwner) == kcl.Text(item, kcl.LeaseOwner)
}

// foreign replaces the progress with KCL's if its checkpoint is not the one that we wrote.
func (r *row) foreign(k key, item kcl.Item) error {
	checkpoint := kcl.Text(item, kcl.Checkpoint)
	sub, _ := kcl.Number(item, kcl.SubSequence)
	if r.written > 0 {
		if c, s := kcl.CheckpointOf(r.progress.Position, r.progress.End); c == checkpoint && s == sub {
			return nil
		}
	}
	if checkpoint == "" && r.written == 0 {
		return nil // never committed
	}
	place, err := kcl.PlaceOf(item)
	if err != nil {
		return damagef(k, "%v", err)
	}
	r.stored, r.state = place.Begin == "", stateAt{}
	r.progress = driver.Progress{Position: place.Position, End: place.End}
	return nil
}

// writeProgress adds what stores p, with its state at s.
func writeProgress(x *expr, p driver.Progress, s stateAt) {
	checkpoint, sub := kcl.CheckpointOf(p.Position, p.End)
	x.set(kcl.Checkpoint, text(checkpoint))
	x.set(kcl.SubSequence, number(sub))
	x.set(kcl.OwnerSwitches, number(0))
	for _, name := range kcl.Pending {
		x.set(name, nil)
	}
	x.set(attrVersion, number(p.Version))
	x.set(attrSequence, optional(p.Position.SequenceNumber))
	x.set(attrSub, number(p.Position.SubSequence))
	x.set(attrPartial, boolean(p.Position.Partial))
	x.set(attrEnd, boolean(p.End))
	x.set(attrResolved, optional(stamp(p.ResolvedUpTo)))
	x.set(attrClosed, optional(stamp(p.ClosedUpTo)))
	x.set(attrWindow, encodeWindow(p.Window, s))
	x.set(attrStart, optional(p.ShardStart))
	x.set(attrCreated, optional(stamp(p.StreamCreated)))
}

// optional is a string attribute that is absent when it is empty.
func optional(s string) types.AttributeValue {
	if s == "" {
		return nil
	}
	return text(s)
}

// stamp writes a time, exactly; the zero time is empty.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// decoder reads the attributes of an item that are ours. Once one is not what we write, bad is set.
type decoder struct {
	item kcl.Item
	bad  bool
}

func (d *decoder) progress() (driver.Progress, stateAt) {
	p := driver.Progress{
		Version: d.uint(attrVersion),
		Position: batch.Position{
			SequenceNumber: kcl.Text(d.item, attrSequence), SubSequence: d.int(attrSub), Partial: d.boolean(attrPartial),
		},
		End:          d.boolean(attrEnd),
		ResolvedUpTo: d.time(attrResolved),
		ClosedUpTo:   d.time(attrClosed),

		ShardStart: kcl.Text(d.item, attrStart), StreamCreated: d.time(attrCreated),
	}
	w, isStored := d.item[attrWindow]
	if !isStored {
		return p, stateAt{}
	}
	m, ok := w.(*types.AttributeValueMemberM)
	if !ok {
		d.bad = true
		return p, stateAt{}
	}
	inner := decoder{item: m.Value}
	window, at := inner.window()
	p.Window, d.bad = window, d.bad || inner.bad
	return p, at
}

// uint returns a number that is 0 when it is absent.
func (d *decoder) uint(name string) uint64 {
	v, stored := d.item[name]
	if !stored {
		return 0
	}
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		d.bad = true
		return 0
	}
	u, err := strconv.ParseUint(n.Value, 10, 64)
	d.bad = d.bad || err != nil
	return u
}

func (d *decoder) int(name string) int64 {
	n, ok := kcl.Number(d.item, name)
	d.bad = d.bad || !ok
	return n
}

func (d *decoder) boolean(name string) bool {
	b, ok := d.item[name].(*types.AttributeValueMemberBOOL)
	d.bad = d.bad || !ok
	return ok && b.Value
}

// time returns a time that is zero when it is absent.
func (d *decoder) time(name string) time.Time {
	if _, stored := d.item[name]; !stored {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, kcl.Text(d.item, name))
	d.bad = d.bad || err != nil
	return t.UTC()
}
