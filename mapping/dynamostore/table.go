package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// Keys of the second table.
const (
	partKey = "part" // S: "mapping/" or "worker/", and the name
	itemKey = "item" // S: what it is of that
)

// tablePoll is the pause between two looks at a table that is being created. AWS takes some seconds for one.
const tablePoll = 200 * time.Millisecond

// tables creates those that are missing.
type tables struct {
	client   Client
	noCreate bool

	mu     sync.Mutex
	making map[string]chan struct{} // closed when the attempt is over
}

// in calls op, and once more after table was created if it is missing.
func (t *tables) in(ctx context.Context, table string, keys []string, op func() error) error {
	err := op()
	if !isMissing(err) || t.noCreate {
		return err
	}
	if err := t.create(ctx, table, keys); err != nil {
		return fmt.Errorf("create table %s: %w", table, err)
	}
	return op()
}

// create creates the table, or waits for the call that is at it, and returns when it can be used.
func (t *tables) create(ctx context.Context, table string, keys []string) error {
	t.mu.Lock()
	done, busy := t.making[table]
	if !busy {
		done = make(chan struct{})
		t.making[table] = done
	}
	t.mu.Unlock()
	if busy {
		select {
		case <-done:
			return nil // the caller finds out whether it worked
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer func() {
		t.mu.Lock()
		delete(t.making, table)
		t.mu.Unlock()
		close(done)
	}()
	return t.await(ctx, table, keys)
}

// await creates the table and returns when it is active. One that is just being deleted is in the way until it is gone.
func (t *tables) await(ctx context.Context, table string, keys []string) error {
	tick := time.NewTicker(tablePoll)
	defer tick.Stop()
	for gone := true; ; {
		if gone {
			_, err := t.client.CreateTable(ctx, tableOf(table, keys))
			if _, exists := errors.AsType[*types.ResourceInUseException](err); err != nil && !exists {
				return err
			}
		}
		out, err := t.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
		switch gone = isMissing(err); {
		case err == nil && out.Table != nil && (out.Table.TableStatus == types.TableStatusActive || out.Table.TableStatus == types.TableStatusUpdating):
			return nil
		case err != nil && !gone: // it takes a moment until a new table is known
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// leaseKeys and otherKeys are the key attributes of the two kinds of tables.
var (
	leaseKeys = []string{kcl.LeaseKey}
	otherKeys = []string{partKey, itemKey}
)

func tableOf(name string, keys []string) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest}
	kind := types.KeyTypeHash
	for _, k := range keys {
		in.AttributeDefinitions = append(in.AttributeDefinitions,
			types.AttributeDefinition{AttributeName: aws.String(k), AttributeType: types.ScalarAttributeTypeS})
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: aws.String(k), KeyType: kind})
		kind = types.KeyTypeRange
	}
	return in
}
