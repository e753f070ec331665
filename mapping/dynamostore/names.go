package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// namesPart has an item for each mapping that has had a lease: its key is the name.
const namesPart = "names"

// maxNameItem is the longest name that is listed: a sort key of DynamoDB has no more bytes.
const maxNameItem = 1024

// noted are the mappings whose names this process has stored.
type noted struct {
	mu    sync.Mutex
	names map[string]bool
}

func (n *noted) has(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.names[name]
}

func (n *noted) set(name string, is bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.names == nil {
		n.names = map[string]bool{}
	}
	n.names[name] = is
}

func nameKey(name string) kcl.Item { return kcl.Item{partKey: text(namesPart), itemKey: text(name)} }

// note stores the name of a mapping, before the first of its leases is: one write for each process.
func (s *Store) note(ctx context.Context, name string) error {
	if len(name) > maxNameItem || s.noted.has(name) {
		return nil
	}
	err := s.tables.in(ctx, s.options.Table, otherKeys, func() error {
		_, err := s.options.Client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.options.Table, Item: nameKey(name)})
		return err
	})
	if err != nil {
		return wrap(err, "name of %s in table %s", name, s.options.Table)
	}
	s.noted.set(name, true)
	return nil
}

// forgetName deletes the name of a mapping.
func (s *Store) forgetName(ctx context.Context, name string) error {
	if len(name) > maxNameItem {
		return nil
	}
	s.noted.set(name, false)
	_, err := s.options.Client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.options.Table, Key: nameKey(name)})
	if isMissing(err) && !s.options.NoCreate {
		return nil
	}
	return wrap(err, "delete the name of %s from table %s", name, s.options.Table)
}

// Names implements driver.ListedStore. A name of more than 1,024 bytes is not listed.
func (s *Store) Names(ctx context.Context) (names []string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("dynamostore: names: %w", err)
	}
	err = s.eachItem(ctx, namesPart, []string{itemKey}, func(item kcl.Item) error {
		names = append(names, kcl.Text(item, itemKey))
		return nil
	})
	return names, err
}

// Held implements driver.ListedStore. A lease of a worker of a fleet counts as held until the worker has released it.
func (s *Store) Held(ctx context.Context, name string) (held bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("dynamostore: held: %w", err)
	}
	if s.grants.has(name) {
		return true, nil
	}
	incarnation, err := s.incarnation(ctx)
	if err != nil {
		return false, err
	}
	err = s.eachLease(ctx, name, func(k key, item kcl.Item) error {
		r, err := decodeRow(k, item)
		if err != nil {
			return err
		}
		err = s.free(k, &r, incarnation)
		if held = held || errors.Is(err, driver.ErrLeaseHeld); held {
			return nil
		}
		return err
	})
	return held, err
}

// eachLease reads the rows of a mapping's leases, without the states of windows.
func (s *Store) eachLease(ctx context.Context, name string, yield func(key, kcl.Item) error) error {
	table, x := s.options.LeaseTable(name), newExpr()
	yes := true
	pages := dynamodb.NewScanPaginator(s.options.Client, &dynamodb.ScanInput{
		TableName: &table, ConsistentRead: &yes, ProjectionExpression: x.projection(leaseAttributes...), ExpressionAttributeNames: x.names,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if isMissing(err) && !s.options.NoCreate {
			return nil
		}
		if err != nil {
			return wrap(err, "leases of %s: list table %s", name, table)
		}
		for _, item := range page.Items {
			if !kcl.IsLease(item) {
				continue
			}
			if err := yield(key{name, kcl.Text(item, kcl.LeaseKey)}, item); err != nil {
				return err
			}
		}
	}
	return nil
}

// has reports whether a lease of a mapping is held, or being acquired, here.
func (g *grants) has(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for k := range g.held {
		if k.mapping == name {
			return true
		}
	}
	return false
}
