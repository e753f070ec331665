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

// forgottenPart has one item, floorItem: attrEpoch is the highest epoch of all forgotten mappings.
const forgottenPart = "forgotten"

// forgetPasses is how often the rows of a mapping are listed and deleted until it is clear that another process still
// takes them.
const forgetPasses = 10

func forgottenKey() kcl.Item { return kcl.Item{partKey: text(forgottenPart), itemKey: text(floorItem)} }

// tableDeleter is a Client that can delete tables too.
type tableDeleter interface {
	DeleteTable(ctx context.Context, in *dynamodb.DeleteTableInput, opts ...func(*dynamodb.Options)) (*dynamodb.DeleteTableOutput, error)
}

// Forget implements driver.DefinitionStore. It deletes the leases from the mapping's lease table, including those that
// KCL created, and everything of the mapping in the second table; then the lease table itself, if nothing else is in
// it, the Client has the SDK's DeleteTable, and Options.NoCreate is not set. It returns when the table is gone, which
// takes AWS some seconds. The epochs of everything forgotten are remembered as one number. While a KCL worker owns one
// of the leases, nothing is deleted and the error is driver.ErrLeaseHeld, until its leaseCounter has not moved for
// Options.ForeignTimeout.
//
// Writes of a process that still has a lease are refused, and restore neither a row nor a table. But a process that
// takes a lease afterwards does: all processes that run the mapping must have been asked to stop.
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

// Forget implements driver.DefinitionStore, as Store.Forget does.
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

// forgetRows deletes the leases of a mapping, and reports whether its table is empty then.
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

// rows returns, for each lease of a mapping, the attributes that decide whether it may be deleted. empty reports
// whether its table contains nothing else.
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

// forgettable returns an error while a KCL worker owns the lease.
func (s *Store) forgettable(name string, item kcl.Item) error {
	r := row{owner: item[kcl.LeaseOwner], counter: item[kcl.LeaseCounter], handing: kcl.Text(item, kcl.CheckpointOwner)}
	if r.owner == nil || r.isOurs(item) {
		return nil
	}
	return s.abandoned(key{name, kcl.Text(item, kcl.LeaseKey)}, &r)
}

// highest returns the highest epoch of the items. A malformed one does not count.
func highest(items []kcl.Item) (epoch uint64) {
	for _, item := range items {
		d := decoder{item: item}
		epoch = max(epoch, d.uint(attrEpoch))
	}
	return epoch
}

// forgetRow deletes a row, unless another process has taken its lease since it was read.
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

// dropTable deletes an empty lease table, if this store may do so.
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

// awaitGone returns when a table that is being deleted no longer exists.
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
			return nil // another process has created it again
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
