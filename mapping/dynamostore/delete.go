package dynamostore

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// Delete removes the progress of a shard whose stored progress has End. It returns driver.ErrLeaseHeld while the
// shard's lease is held, and another error if the progress has no End; then nothing is removed. Without stored progress
// it does nothing. An old Lease never becomes valid again: the epochs of the mapping's deleted shards are remembered,
// as one number.
func (s *Store) Delete(ctx context.Context, name, shard string) error {
	k := key{name, shard}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("dynamostore: delete %s: %w", k, err)
	}
	if name == "" || shard == "" {
		return fmt.Errorf("dynamostore: delete %s: a name is empty", k)
	}
	g, ok := s.grants.reserve(k)
	if !ok {
		return fmt.Errorf("dynamostore: delete %s, by this process: %w", k, driver.ErrLeaseHeld)
	}
	defer s.grants.take(k, g)
	gone, err := s.deleteRow(ctx, k)
	if !errors.Is(err, driver.ErrLeaseHeld) {
		s.watch.forget(k) // else a later call goes on with the watch of a KCL worker's counter
	}
	if err != nil || !gone {
		return err
	}
	return s.deletePieces(ctx, k)
}

// deleteRow removes the row, and reports whether there is none any more.
func (s *Store) deleteRow(ctx context.Context, k key) (gone bool, err error) {
	table := s.options.LeaseTable(k.mapping)
	for {
		item, err := s.item(ctx, k)
		if err != nil || item == nil {
			return err == nil, err
		}
		r, err := decodeRow(k, item)
		if err != nil || !r.stored && r.owner == nil {
			return false, err
		}
		if r.owner != nil {
			incarnation, err := s.incarnation(ctx)
			if err == nil {
				err = s.free(k, &r, incarnation)
			}
			if err != nil {
				return false, err
			}
		}
		if !r.stored {
			return false, nil
		}
		if !r.progress.End {
			return false, fmt.Errorf("dynamostore: %s is not at its end: it is not deleted", k)
		}
		if err := s.raiseFloor(ctx, floorKey(k), r.epoch); err != nil {
			return false, err
		}
		x := newExpr()
		x.is(kcl.LeaseCounter, r.counter)
		x.is(kcl.LeaseOwner, r.owner)
		x.is(attrEpoch, epochOf(&r))
		in := &dynamodb.DeleteItemInput{
			TableName: &table, Key: kcl.Item{kcl.LeaseKey: text(k.shard)},
			ConditionExpression: x.condition(), ExpressionAttributeNames: x.names, ExpressionAttributeValues: x.valuesOrNil(),
		}
		if _, err = s.options.Client.DeleteItem(ctx, in); err == nil || !isRefused(err) {
			return err == nil, wrap(err, "delete %s from table %s", k, table)
		}
	}
}

// raiseFloor makes the next epoch of a shard without a row higher than epoch, by the floor at a key.
func (s *Store) raiseFloor(ctx context.Context, at kcl.Item, epoch uint64) error {
	if epoch == 0 {
		return nil
	}
	x := newExpr()
	e, n := number(epoch), x.name(attrEpoch)
	x.set(attrEpoch, e)
	x.conds = append(x.conds, fmt.Sprintf("(attribute_not_exists(%[1]s) OR %[1]s < %[2]s)", n, x.value(e)))
	err := s.tables.in(ctx, s.options.Table, otherKeys, func() error {
		_, err := s.options.Client.UpdateItem(ctx, x.update(s.options.Table, at))
		return err
	})
	if isRefused(err) {
		return nil
	}
	return wrap(err, "store the epoch of what is deleted in table %s", s.options.Table)
}

// deletePieces removes the states of a shard without a row, except those of a lease that was taken since.
func (s *Store) deletePieces(ctx context.Context, k key) error {
	next, err := s.nextEpoch(ctx, k, &row{})
	if err != nil {
		if isMissing(err) && !s.options.NoCreate {
			return nil
		}
		return err
	}
	x := newExpr()
	x.conds = append(x.conds, fmt.Sprintf("%s = %s AND begins_with(%s, %s)",
		x.name(partKey), x.value(text(partOf(k.mapping))), x.name(itemKey), x.value(text(piecePrefix(k)))))
	pages := dynamodb.NewQueryPaginator(s.options.Client, &dynamodb.QueryInput{
		TableName: &s.options.Table, ConsistentRead: aws.Bool(true), KeyConditionExpression: x.condition(),
		ProjectionExpression: x.projection(partKey, itemKey), ExpressionAttributeNames: x.names, ExpressionAttributeValues: x.values,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return wrap(err, "delete %s: list its states in table %s", k, s.options.Table)
		}
		for _, item := range page.Items {
			x := newExpr()
			x.conds = append(x.conds, x.name(attrEpoch)+" < "+x.value(number(next)))
			_, err := s.options.Client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
				TableName: &s.options.Table, Key: item,
				ConditionExpression: x.condition(), ExpressionAttributeNames: x.names, ExpressionAttributeValues: x.values,
			})
			if err != nil && !isRefused(err) {
				return wrap(err, "delete %s: delete a state from table %s", k, s.options.Table)
			}
		}
	}
	return nil
}
