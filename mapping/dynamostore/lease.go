package dynamostore

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// workerItem is the item of a worker in the second table: attrIncarnation counts the processes of its name.
const workerItem = "worker"

// Acquire implements driver.Store. A lease that is not free is taken over from a process of the same Options.Worker
// that was started earlier, and from a KCL worker whose leaseCounter has not moved for Options.ForeignTimeout.
func (s *Store) Acquire(ctx context.Context, name, shard, owner string) (driver.Lease, driver.Progress, error) {
	k := key{name, shard}
	if err := ctx.Err(); err != nil {
		return driver.Lease{}, driver.Progress{}, fmt.Errorf("dynamostore: acquire %s: %w", k, err)
	}
	if name == "" || shard == "" || owner == "" {
		return driver.Lease{}, driver.Progress{}, fmt.Errorf("dynamostore: acquire %s for %q: a name is empty", k, owner)
	}
	g, ok := s.grants.reserve(k)
	if !ok {
		return driver.Lease{}, driver.Progress{}, fmt.Errorf("dynamostore: %s, by this process: %w", k, driver.ErrLeaseHeld)
	}
	lease := driver.Lease{Mapping: name, Shard: shard, Owner: owner}
	r, err := s.acquire(ctx, k, owner)
	if err != nil {
		s.grants.take(k, g)
		return driver.Lease{}, driver.Progress{}, err
	}
	lease.Epoch = r.epoch
	s.watch.forget(k)
	s.grants.give(g, lease, r)
	return lease, r.progress, nil
}

// acquire takes the lease and returns its new row.
func (s *Store) acquire(ctx context.Context, k key, owner string) (row, error) {
	incarnation, err := s.incarnation(ctx)
	if err != nil {
		return row{}, err
	}
	if err := s.note(ctx, k.mapping); err != nil {
		return row{}, err
	}
	token := uuid.NewString() // identifies this call
	for {
		r, err := s.read(ctx, k)
		if err != nil {
			return row{}, err
		}
		if r.token == token && r.ours {
			return r, nil // the write below was done, and its answer was lost
		}
		if err := s.free(k, &r, incarnation); err != nil {
			return row{}, err
		}
		next := r
		if next.epoch, err = s.nextEpoch(ctx, k, &r); err != nil {
			return row{}, err
		}
		next.owner, next.ours, next.token = text(owner), true, token
		next.worker, next.incarnation = s.options.Worker, incarnation
		err = s.tables.in(ctx, s.options.LeaseTable(k.mapping), leaseKeys, func() error {
			return s.update(ctx, k, taking(k, &r, &next))
		})
		if err == nil {
			return next, nil
		}
		if !isRefused(err) {
			return row{}, wrap(err, "acquire %s in table %s", k, s.options.LeaseTable(k.mapping))
		}
	}
}

// taking returns the write that turns the row r into next, if it is still as it was read. Every other change of the
// owner, or the progress, changes its counter too.
func taking(k key, r, next *row) *expr {
	x := newExpr()
	x.is(kcl.LeaseCounter, r.counter)
	x.is(kcl.LeaseOwner, r.owner)
	x.is(attrEpoch, epochOf(r))
	opening(x, k, next, r.owner != nil)
	return x
}

// opening adds the parts that open the epoch of next. owned is set if the lease has an owner until then.
func opening(x *expr, k key, next *row, owned bool) {
	x.add(kcl.LeaseCounter, 1)
	x.set(kcl.LeaseOwner, next.owner)
	x.set(kcl.CheckpointOwner, nil)
	x.set(attrFormat, number(format))
	x.set(attrMapping, text(k.mapping))
	x.set(attrEpoch, number(next.epoch))
	x.set(attrOwner, next.owner)
	x.set(attrWorker, optional(next.worker))
	x.set(attrIncarnation, present(next.incarnation))
	x.set(attrToken, text(next.token))
	x.init(kcl.Checkpoint, text(kcl.TrimHorizon))
	x.init(kcl.SubSequence, number(0))
	if owned {
		x.add(kcl.OwnerSwitches, 1)
	} else {
		x.init(kcl.OwnerSwitches, number(0))
	}
}

// epochOf is the epoch attribute of a row: absent before our first lease.
func epochOf(r *row) types.AttributeValue {
	if r.epoch == 0 {
		return nil
	}
	return number(r.epoch)
}

// nextEpoch returns the epoch of the next lease. A missing row may have been deleted, or its mapping forgotten.
func (s *Store) nextEpoch(ctx context.Context, k key, r *row) (uint64, error) {
	if r.epoch > 0 {
		return r.epoch + 1, nil
	}
	var floor uint64
	for _, at := range []kcl.Item{floorKey(k), forgottenKey()} {
		out, err := s.options.Client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: &s.options.Table, Key: at, ConsistentRead: aws.Bool(true),
		})
		if err != nil {
			return 0, wrap(err, "%s: read its first epoch from table %s", k, s.options.Table)
		}
		d := decoder{item: out.Item}
		floor = max(floor, d.uint(attrEpoch))
		if d.bad {
			return 0, damagef(k, "the first epoch in table %s is no number", s.options.Table)
		}
	}
	return floor + 1, nil
}

func floorKey(k key) kcl.Item {
	return kcl.Item{partKey: text(partOf(k.mapping)), itemKey: text(floorItem)}
}

// free returns an error that names the owner of the lease, nil if it may be taken.
func (s *Store) free(k key, r *row, incarnation uint64) error {
	switch {
	case r.owner == nil:
		return nil
	case r.ours && r.worker == s.options.Worker && r.incarnation <= incarnation:
		return nil
	case r.ours && r.worker == "":
		return fmt.Errorf("dynamostore: %s, by a worker of a fleet: %w", k, driver.ErrLeaseHeld)
	case r.ours:
		return fmt.Errorf("dynamostore: %s, by process %d of worker %s: %w", k, r.incarnation, r.worker, driver.ErrLeaseHeld)
	}
	return s.abandoned(k, r)
}

// abandoned returns an error that names the owner of a KCL lease, nil if its counter has not moved for long enough.
func (s *Store) abandoned(k key, r *row) error {
	owner, _ := r.owner.(*types.AttributeValueMemberS)
	counter, _ := r.counter.(*types.AttributeValueMemberN)
	if owner == nil || counter == nil {
		return damagef(k, "its row does not parse")
	}
	if s.watch.stands(k, owner.Value+" "+r.handing, counter.Value, s.options.ForeignTimeout) {
		return nil
	}
	return fmt.Errorf("dynamostore: %s, by KCL worker %s: %w", k, owner.Value, driver.ErrLeaseHeld)
}

// incarnation returns the number of this process among those of its name: a later one has a higher number.
func (s *Store) incarnation(ctx context.Context) (uint64, error) {
	s.grants.mu.Lock()
	n := s.grants.incarnation
	s.grants.mu.Unlock()
	if n > 0 {
		return n, nil
	}
	x := newExpr()
	x.add(attrIncarnation, 1)
	in := x.update(s.options.Table, kcl.Item{partKey: text("worker/" + s.options.Worker), itemKey: text(workerItem)})
	in.ReturnValues = types.ReturnValueAllNew
	var out *dynamodb.UpdateItemOutput
	err := s.tables.in(ctx, s.options.Table, otherKeys, func() (err error) {
		out, err = s.options.Client.UpdateItem(ctx, in)
		return err
	})
	if err != nil {
		return 0, wrap(err, "register worker %s in table %s", s.options.Worker, s.options.Table)
	}
	d := decoder{item: out.Attributes}
	n = d.uint(attrIncarnation)
	if d.bad || n == 0 {
		return 0, fmt.Errorf("dynamostore: worker %s in table %s: its row does not parse: %w", s.options.Worker, s.options.Table, driver.ErrUnreadable)
	}
	s.grants.mu.Lock()
	defer s.grants.mu.Unlock()
	if s.grants.incarnation == 0 {
		s.grants.incarnation = n
	}
	return s.grants.incarnation, nil
}

// Release implements driver.Store. When it fails the lease stays held in the table, and a later Acquire of this process,
// or of a later one of its Options.Worker, has it back.
func (s *Store) Release(ctx context.Context, lease driver.Lease) error {
	k := keyOf(lease)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("dynamostore: release %s: %w", k, err)
	}
	if lease.Mapping == "" || lease.Shard == "" || lease.Owner == "" {
		return nil // never given out
	}
	s.grants.drop(lease)
	x := newExpr()
	inForce(x, lease)
	x.add(kcl.LeaseCounter, 1)
	leave(x)
	err := s.update(ctx, k, x)
	if isRefused(err) || isMissing(err) && !s.options.NoCreate {
		return nil // lost, or released by the same write before
	}
	return wrap(err, "release %s in table %s", k, s.options.LeaseTable(k.mapping))
}

// leave frees the lease.
func leave(x *expr) {
	for _, name := range []string{kcl.LeaseOwner, attrOwner, attrWorker, attrIncarnation, attrToken} {
		x.set(name, nil)
	}
}

// inForce demands that a lease is the one that the row has.
func inForce(x *expr, l driver.Lease) {
	x.is(kcl.LeaseOwner, text(l.Owner))
	x.is(attrOwner, text(l.Owner))
	x.is(kcl.CheckpointOwner, nil)
	x.is(attrEpoch, number(l.Epoch))
}
