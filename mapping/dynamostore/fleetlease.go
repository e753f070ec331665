package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// leaseAttributes are the attributes that a fleet needs of a row: all that decodeRow needs, except the window.
var leaseAttributes = []string{
	kcl.LeaseKey, kcl.LeaseOwner, kcl.LeaseCounter, kcl.Checkpoint, kcl.SubSequence, kcl.CheckpointOwner, kcl.EntityType,
	attrFormat, attrMapping, attrEpoch, attrOwner, attrWorker, attrIncarnation, attrToken, attrWritten, attrVersion,
	attrSequence, attrSub, attrPartial, attrEnd, attrRate,
}

// Leases implements driver.FleetTable. A row that KCL created has epoch 0, like a missing one, until it is taken.
// While a KCL worker owns a lease it is shown as foreign, unless the shard is finished. When its counter has not moved
// for Options.ForeignTimeout it is shown as free. A malformed row has a Damage.
func (t *fleetTable) Leases(ctx context.Context, mark string) (rows []driver.FleetLease, next string, err error) {
	if err := t.check(ctx, "list", "leases"); err != nil {
		return nil, "", err
	}
	table, x := t.store.options.LeaseTable(t.mapping), newExpr()
	in := &dynamodb.ScanInput{
		TableName: &table, ConsistentRead: aws.Bool(true),
		ProjectionExpression: x.projection(leaseAttributes...), ExpressionAttributeNames: x.names,
	}
	if mark != "" {
		in.ExclusiveStartKey = kcl.Item{kcl.LeaseKey: text(mark)}
	}
	out, err := t.store.options.Client.Scan(ctx, in)
	if isMissing(err) && !t.store.options.NoCreate {
		return nil, "", nil // no lease was ever taken
	}
	if err != nil {
		return nil, "", wrap(err, "leases of %s: list table %s", t.mapping, table)
	}
	for _, item := range out.Items {
		if !kcl.IsLease(item) {
			continue
		}
		row, err := t.image(item)
		if err != nil { // of this row alone: the other shards of the fleet must not wait for it
			row = driver.FleetLease{Shard: kcl.Text(item, kcl.LeaseKey), Damage: err.Error()}
		}
		rows = append(rows, row)
	}
	return rows, kcl.Text(out.LastEvaluatedKey, kcl.LeaseKey), nil
}

// image returns a row in the form for a fleet.
func (t *fleetTable) image(item kcl.Item) (driver.FleetLease, error) {
	k := t.key(kcl.Text(item, kcl.LeaseKey))
	r, err := decodeRow(k, item)
	if err != nil {
		return driver.FleetLease{}, err
	}
	owner, ours := ownerOf(&r)
	l := r.lease(k.shard, owner)
	if ours || r.progress.End {
		t.store.watch.forget(k) // of a KCL worker's counter
		return l, nil
	}
	err = t.store.abandoned(k, &r)
	if errors.Is(err, driver.ErrLeaseHeld) {
		l.Owner, l.Foreign = kcl.Text(item, kcl.LeaseOwner), true
		return l, nil
	}
	return l, err
}

// lease returns what the row is to a fleet, if that is its owner.
func (r *row) lease(shard, owner string) driver.FleetLease {
	return driver.FleetLease{
		Shard: shard, Owner: owner, Epoch: r.epoch, Rate: r.rate,
		Begun: r.progress.End || !r.progress.Position.IsZero(), Finished: r.progress.End,
	}
}

// Take implements driver.FleetTable. If the seen Epoch is 0, the row may have been deleted, or be a free one of KCL's:
// the new epoch is greater than any that the shard had.
func (t *fleetTable) Take(ctx context.Context, seen driver.FleetLease, owner string) (driver.FleetLease, error) {
	if err := t.check(ctx, "take", seen.Shard); err != nil {
		return driver.FleetLease{}, err
	}
	if owner == "" {
		return driver.FleetLease{}, fmt.Errorf("dynamostore: take %s: the owner's name is empty", t.key(seen.Shard))
	}
	if seen.Epoch > 0 && !seen.Foreign {
		item, err := t.takeSeen(ctx, seen, owner)
		if err == nil {
			return t.taken(seen.Shard, item)
		}
		if !isRefused(err) && !isMissing(err) {
			return driver.FleetLease{}, wrap(err, "take %s", t.key(seen.Shard))
		}
	}
	return t.takeRead(ctx, seen, owner)
}

// claim is the row that a Take writes.
func claim(seen driver.FleetLease, owner string, epoch uint64) *row {
	return &row{owner: text(owner), epoch: epoch, token: strconv.FormatUint(seen.Epoch, 10)}
}

// takeSeen takes a lease that is as it was seen, without reading it first.
func (t *fleetTable) takeSeen(ctx context.Context, seen driver.FleetLease, owner string) (kcl.Item, error) {
	x := newExpr()
	x.is(attrFormat, number(format))
	x.is(attrMapping, text(t.mapping))
	if seen.Owner == "" {
		x.is(attrEpoch, number(seen.Epoch))
		x.is(kcl.LeaseOwner, nil)
	} else {
		inForce(x, t.lease(seen))
	}
	opening(x, t.key(seen.Shard), claim(seen, owner, seen.Epoch+1), seen.Owner != "")
	return t.write(ctx, seen.Shard, x)
}

// takeRead takes a lease as it is stored, if that equals what was seen.
func (t *fleetTable) takeRead(ctx context.Context, seen driver.FleetLease, owner string) (driver.FleetLease, error) {
	k := t.key(seen.Shard)
	for {
		item, err := t.store.item(ctx, k)
		if err != nil {
			return driver.FleetLease{}, err
		}
		r, err := decodeRow(k, item)
		if err != nil {
			return driver.FleetLease{}, err
		}
		has, ours := ownerOf(&r)
		if ours && has == owner && r.worker == "" && r.token == strconv.FormatUint(seen.Epoch, 10) {
			return t.taken(seen.Shard, item) // by this very call, whose answer was lost
		}
		if r.epoch != seen.Epoch || !t.takes(k, seen, &r) {
			return driver.FleetLease{}, t.refused("take", seen.String())
		}
		epoch, err := t.nextEpoch(ctx, k, &r)
		if err != nil {
			return driver.FleetLease{}, err
		}
		err = t.store.tables.in(ctx, t.store.options.LeaseTable(t.mapping), leaseKeys, func() (err error) {
			item, err = t.write(ctx, seen.Shard, taking(k, &r, claim(seen, owner, epoch)))
			return err
		})
		if err == nil {
			return t.taken(seen.Shard, item)
		}
		if !isRefused(err) {
			return driver.FleetLease{}, wrap(err, "take %s in table %s", k, t.store.options.LeaseTable(t.mapping))
		}
	}
}

// takes reports whether a lease that was seen in this state may be taken, given its present row.
func (t *fleetTable) takes(k key, seen driver.FleetLease, r *row) bool {
	has, ours := ownerOf(r)
	if seen.Foreign { // as KCL takes leases for the sake of balance
		o, isText := r.owner.(*types.AttributeValueMemberS)
		return t.store.options.ShareWithKCL && !ours && isText && o.Value == seen.Owner && r.handing == ""
	}
	return has == seen.Owner && (ours || t.store.abandoned(k, r) == nil)
}

// nextEpoch is that of the Store, even if the second table does not exist yet.
func (t *fleetTable) nextEpoch(ctx context.Context, k key, r *row) (uint64, error) {
	if err := t.store.note(ctx, k.mapping); err != nil {
		return 0, err
	}
	epoch, err := t.store.nextEpoch(ctx, k, r)
	if isMissing(err) && !t.store.options.NoCreate {
		return 1, nil
	}
	return epoch, err
}

// write makes the write of a Take and returns the row.
func (t *fleetTable) write(ctx context.Context, shard string, x *expr) (kcl.Item, error) {
	t.describe(x, shard)
	in := x.update(t.store.options.LeaseTable(t.mapping), kcl.Item{kcl.LeaseKey: text(shard)})
	in.ReturnValues = types.ReturnValueAllNew
	out, err := t.store.options.Client.UpdateItem(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

// taken returns the lease that a row gives to this process, and records its known state.
func (t *fleetTable) taken(shard string, item kcl.Item) (driver.FleetLease, error) {
	k := t.key(shard)
	r, err := decodeRow(k, item)
	if err != nil {
		return driver.FleetLease{}, err
	}
	owner, _ := ownerOf(&r)
	l := r.lease(shard, owner)
	t.store.watch.forget(k)
	t.store.keep(k, granted(t.lease(l), r))
	return l, nil
}

// granted returns the grant of a lease whose row is r.
func granted(l driver.Lease, r row) *grant {
	g := newGrant()
	r.progress.Window, r.state.inline = nil, nil
	g.lease, g.last, g.known = l, r, true
	return g
}

// Release implements driver.FleetTable.
func (t *fleetTable) Release(ctx context.Context, l driver.FleetLease) error {
	if err := t.check(ctx, "release", l.Shard); err != nil {
		return err
	}
	if l.Owner == "" || l.Epoch == 0 {
		return nil // never taken
	}
	lease := t.lease(l)
	x := newExpr()
	inForce(x, lease)
	x.add(kcl.LeaseCounter, 1)
	x.set(attrEpoch, number(l.Epoch+1))
	leave(x)
	err := t.store.update(ctx, keyOf(lease), x)
	if err == nil || isRefused(err) || isMissing(err) && !t.store.options.NoCreate {
		t.store.end(lease)
		return nil // if it was refused: lost, or released by the same write before
	}
	return wrap(err, "release %s in table %s", keyOf(lease), t.store.options.LeaseTable(t.mapping))
}
