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

// Items of a mapping in the second table, in addition to the pieces of states.
const (
	anchorItem = "anchor" // attrAnchor, attrSettled
	floorItem  = "floor"  // attrEpoch: the highest of all rows that were deleted
)

// errMoved reports that a state was not where its row said: the row must be read again.
var errMoved = errors.New("the state of its window is not where its row says")

// loadAttempts is how often a row is read while commits keep moving its state. They do so about once a second.
const loadAttempts = 5

// Progress implements driver.Store. A row that cannot be read does not keep it from the others.
func (s *Store) Progress(ctx context.Context, name string) (map[string]driver.Progress, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("dynamostore: progress: %w", err)
	}
	all, damaged := map[string]driver.Progress{}, []error(nil)
	table := s.options.LeaseTable(name)
	pages := dynamodb.NewScanPaginator(s.options.Client, &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if isMissing(err) && !s.options.NoCreate {
			return all, nil // nothing was ever stored
		}
		if err != nil {
			return nil, wrap(err, "progress of %s: list table %s", name, table)
		}
		for _, item := range page.Items {
			if !kcl.IsLease(item) {
				continue
			}
			k := key{name, kcl.Text(item, kcl.LeaseKey)}
			r, err := s.loaded(ctx, k, item)
			switch {
			case errors.Is(err, driver.ErrUnreadable):
				damaged = append(damaged, err)
			case err != nil:
				return nil, err
			case r.stored:
				all[k.shard] = r.progress
			}
		}
	}
	return all, errors.Join(damaged...)
}

// read reads the row of a shard with the state of its window. It does not exist when its table does not.
func (s *Store) read(ctx context.Context, k key) (row, error) {
	item, err := s.item(ctx, k)
	if err != nil {
		return row{}, err
	}
	return s.loaded(ctx, k, item)
}

// item reads the row of a shard as it is.
func (s *Store) item(ctx context.Context, k key) (kcl.Item, error) {
	table := s.options.LeaseTable(k.mapping)
	out, err := s.options.Client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &table, Key: kcl.Item{kcl.LeaseKey: text(k.shard)}, ConsistentRead: aws.Bool(true),
	})
	if isMissing(err) && !s.options.NoCreate {
		return nil, nil
	}
	if err != nil {
		return nil, wrap(err, "%s: read its row in table %s", k, table)
	}
	return out.Item, nil
}

// loaded decodes a row and loads its state; while somebody moves that, it reads both again.
func (s *Store) loaded(ctx context.Context, k key, item kcl.Item) (row, error) {
	for range loadAttempts {
		r, err := decodeRow(k, item)
		if err != nil {
			return row{}, err
		}
		if err = s.load(ctx, k, &r); err == nil || !errors.Is(err, errMoved) {
			return r, err
		}
		if item, err = s.item(ctx, k); err != nil {
			return row{}, err
		}
	}
	return row{}, damagef(k, "%v", errMoved)
}

// update does a conditional write to a row of the mapping's lease table.
func (s *Store) update(ctx context.Context, k key, x *expr) error {
	table := s.options.LeaseTable(k.mapping)
	in := x.update(table, kcl.Item{kcl.LeaseKey: text(k.shard)})
	_, err := s.options.Client.UpdateItem(ctx, in)
	return err
}
