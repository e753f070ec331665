package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// forgottenPart has one item, floorItem: attrEpoch is the highest epoch of all mappings that were forgotten.
const forgottenPart = "forgotten"

// forgetPasses is how often the rows of a mapping are listed and deleted before it is clear that somebody still takes them.
const forgetPasses = 10

func forgottenKey() kcl.Item { return kcl.Item{partKey: text(forgottenPart), itemKey: text(floorItem)} }

// tableDeleter is a Client that can delete tables too.
type tableDeleter interface {
	DeleteTable(ctx context.Context, in *dynamodb.DeleteTableInput, opts ...func(*dynamodb.Options)) (*dynamodb.DeleteTableOutput, error)
}

// Forget implements mapping.DefinitionStore. It deletes the leases from the mapping's lease table, also those that KCL made,
// and all that the second table has of the mapping; then the lease table itself, if nothing else is in it, the Client has DeleteTable as the SDK's has, and
// Options.NoCreate is not set. It returns when the table is gone, which takes AWS some seconds. The epochs of all that was
// forgotten are remembered as one number. While a KCL worker has one of the leases, nothing is deleted and the error
// is mapping.ErrLeaseHeld, until its leaseCounter stood still for Options.ForeignTimeout.
//
// What a process writes that still has a lease is refused, and brings neither a row nor a table back. One that takes a lease
// after this does: all that run the mapping must have been told to stop.
func (s *Store) Forget(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("dynamostore: forget %s: %w", name, err)
	}
	if name == "" {
		return errors.New("dynamostore: forget: the mapping's name is empty")
	}
	empty, err := s.forgetRows(ctx, name)
	if err != nil {
		return err
	}
	for _, part := range []string{partOf(name), fleetPartOf(name)} {
		if err := s.forgetItems(ctx, part); err != nil {
			return err
		}
	}
	if err := s.forgetName(ctx, name); err != nil {
		return err
	}
	if empty {
		if err := s.dropTable(ctx, s.options.LeaseTable(name)); err != nil {
			return err
		}
	}
	s.grants.forget(name)
	s.watch.forgetAll(name)
	return nil
}

// Forget implements mapping.DefinitionStore, as Store.Forget does.
func (s *FleetStore) Forget(ctx context.Context, name string) error {
	if err := s.Store.Forget(ctx, name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.held {
		if k.mapping == name {
			delete(s.held, k)
		}
	}
	return nil
}

// forgetRows deletes the leases of a mapping, and reports whether nothing is left in its table.
func (s *Store) forgetRows(ctx context.Context, name string) (empty bool, err error) {
	for range forgetPasses {
		rows, empty, err := s.rows(ctx, name)
		if err != nil || len(rows) == 0 {
			return empty, err
		}
		if err := s.raiseFloor(ctx, forgottenKey(), highest(rows)); err != nil {
			return false, err
		}
		for _, row := range rows {
			if err := s.forgetRow(ctx, name, row); err != nil {
				return false, err
			}
		}
	}
	return false, fmt.Errorf("dynamostore: forget %s: its leases are taken again and again: somebody still runs it", name)
}

// rows returns of each lease of a mapping what decides whether it may be deleted. Empty reports whether nothing but them
// is in its table.
func (s *Store) rows(ctx context.Context, name string) (rows []kcl.Item, empty bool, err error) {
	table, x := s.options.LeaseTable(name), newExpr()
	pages := dynamodb.NewScanPaginator(s.options.Client, &dynamodb.ScanInput{
		TableName: &table, ConsistentRead: aws.Bool(true), ExpressionAttributeNames: x.names, ProjectionExpression: x.projection(
			kcl.LeaseKey, kcl.LeaseOwner, kcl.LeaseCounter, kcl.CheckpointOwner, kcl.EntityType, attrMapping, attrEpoch, attrOwner),
	})
	empty = true
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if isMissing(err) && !s.options.NoCreate {
			return nil, true, nil
		}
		if err != nil {
			return nil, false, wrap(err, "forget %s: list table %s", name, table)
		}
		for _, item := range page.Items {
			if owner := kcl.Text(item, attrMapping); !kcl.IsLease(item) || owner != "" && owner != name {
				empty = false
				continue
			}
			if err := s.forgettable(name, item); err != nil {
				return nil, false, err
			}
			rows = append(rows, item)
		}
	}
	return rows, empty, nil
}

// forgettable returns an error while a KCL worker has the lease.
func (s *Store) forgettable(name string, item kcl.Item) error {
	r := row{owner: item[kcl.LeaseOwner], counter: item[kcl.LeaseCounter], handing: kcl.Text(item, kcl.CheckpointOwner)}
	if r.owner == nil || r.isOurs(item) {
		return nil
	}
	return s.abandoned(key{name, kcl.Text(item, kcl.LeaseKey)}, &r)
}

// highest returns the highest epoch of the items. One that can't be read counts for none.
func highest(items []kcl.Item) (epoch uint64) {
	for _, item := range items {
		d := decoder{item: item}
		epoch = max(epoch, d.uint(attrEpoch))
	}
	return epoch
}

// forgetRow deletes a row, unless somebody else has taken its lease since it was read.
func (s *Store) forgetRow(ctx context.Context, name string, item kcl.Item) error {
	table, x := s.options.LeaseTable(name), newExpr()
	x.is(attrEpoch, item[attrEpoch])
	x.is(kcl.LeaseOwner, item[kcl.LeaseOwner])
	_, err := s.options.Client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &table, Key: kcl.Item{kcl.LeaseKey: item[kcl.LeaseKey]},
		ConditionExpression: x.condition(), ExpressionAttributeNames: x.names, ExpressionAttributeValues: x.valuesOrNil(),
	})
	if isRefused(err) || isMissing(err) && !s.options.NoCreate {
		return nil
	}
	return wrap(err, "forget %s: delete a lease from table %s", name, table)
}

// forgetItems deletes all items of a part of the second table.
func (s *Store) forgetItems(ctx context.Context, part string) error {
	var items []kcl.Item
	err := s.eachItem(ctx, part, []string{partKey, itemKey, attrEpoch}, func(item kcl.Item) error {
		items = append(items, item)
		return nil
	})
	if err != nil || len(items) == 0 {
		return err
	}
	if err := s.raiseFloor(ctx, forgottenKey(), highest(items)); err != nil {
		return err
	}
	for _, item := range items {
		_, err := s.options.Client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: &s.options.Table, Key: kcl.Item{partKey: item[partKey], itemKey: item[itemKey]},
		})
		if err != nil {
			return wrap(err, "delete an item of %s from table %s", part, s.options.Table)
		}
	}
	return nil
}

// dropTable deletes an empty lease table, if this is for us to do.
func (s *Store) dropTable(ctx context.Context, table string) error {
	client, can := s.options.Client.(tableDeleter)
	if !can || s.options.NoCreate {
		return nil
	}
	_, err := client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &table})
	if _, busy := errors.AsType[*types.ResourceInUseException](err); err != nil && !busy {
		if isMissing(err) {
			return nil
		}
		return wrap(err, "delete table %s", table)
	}
	return wrap(s.tables.awaitGone(ctx, table), "delete table %s", table)
}

// awaitGone returns when a table that is being deleted is not there any more.
func (t *tables) awaitGone(ctx context.Context, table string) error {
	tick := time.NewTicker(tablePoll)
	defer tick.Stop()
	for {
		out, err := t.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
		switch {
		case isMissing(err):
			return nil
		case err != nil:
			return err
		case out.Table != nil && out.Table.TableStatus != types.TableStatusDeleting:
			return nil // somebody has made it again
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// forget ends all leases of a mapping that are held here.
func (g *grants) forget(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for k := range g.held {
		if k.mapping == name {
			delete(g.held, k)
		}
	}
}

// forgetAll ends the watch on all leases of a mapping.
func (w *watch) forgetAll(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for k := range w.seen {
		if k.mapping == name {
			delete(w.seen, k)
		}
	}
}
