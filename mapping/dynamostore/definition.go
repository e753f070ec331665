package dynamostore

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// Parts of the second table with the definitions, each in the item of its key, and the number of writes to them. They
// are separate so that a listing of the definitions does not read the number after them.
const (
	definitionsPart = "definitions"
	writesPart      = "definitions-token"
	writesItem      = "token"
)

// Attributes of a definition, and of the number of writes. An item with definitionDeleted is no definition: it is about
// to be removed.
const (
	definitionVersion = "version" // S
	definitionData    = "data"    // B, absent where it is empty
	definitionDeleted = "deleted" // S: the call that deletes it; then nothing else is there
	writesCount       = "writes"  // N
)

// countPatience is how long a completed write tries to announce itself to other processes, even if its ctx is done.
const countPatience = 5 * time.Second

func definitionKey(name string) kcl.Item {
	return kcl.Item{partKey: text(definitionsPart), itemKey: text(name)}
}

func writesKey() kcl.Item { return kcl.Item{partKey: text(writesPart), itemKey: text(writesItem)} }

// DefinitionsToken implements driver.DefinitionStore. It is one read of a small item.
//
// It changes with a second write, after that of the definition. If a process dies between the two, or cannot reach the
// table any more, other processes see its write after the next write of any process, or when they list the definitions.
func (s *Store) DefinitionsToken(ctx context.Context) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("dynamostore: token of the definitions: %w", err)
	}
	out, err := s.options.Client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.options.Table, Key: writesKey(), ConsistentRead: aws.Bool(true),
	})
	if isMissing(err) && !s.options.NoCreate {
		return "0", nil // as before the first write
	}
	if err != nil {
		return "", wrap(err, "token of the definitions in table %s", s.options.Table)
	}
	d := decoder{item: out.Item}
	n := d.uint(writesCount)
	if d.bad {
		return "", fmt.Errorf("dynamostore: token of the definitions in table %s is no number: %w", s.options.Table, driver.ErrUnreadable)
	}
	return strconv.FormatUint(n, 10), nil
}

// Definitions implements driver.DefinitionStore.
func (s *Store) Definitions(ctx context.Context) (rows []driver.Definition, token string, err error) {
	if token, err = s.DefinitionsToken(ctx); err != nil {
		return nil, "", err
	}
	err = s.eachItem(ctx, definitionsPart, nil, func(item kcl.Item) error {
		row, stored, err := decodeDefinition(item)
		if err != nil {
			return fmt.Errorf("dynamostore: definition %s in table %s: %w", kcl.Text(item, itemKey), s.options.Table, err)
		}
		if stored {
			rows = append(rows, row)
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return rows, token, nil
}

// decodeDefinition parses an item; stored is false if it is a deleted one.
func decodeDefinition(item kcl.Item) (row driver.Definition, stored bool, err error) {
	if _, deleted := item[definitionDeleted]; deleted {
		return row, false, nil
	}
	row = driver.Definition{Key: kcl.Text(item, itemKey), Version: kcl.Text(item, definitionVersion)}
	if data, stored := item[definitionData]; stored {
		b, ok := data.(*types.AttributeValueMemberB)
		if !ok {
			return row, false, driver.ErrUnreadable
		}
		row.Data = b.Value
	}
	if row.Version == "" {
		return row, false, driver.ErrUnreadable
	}
	return row, true, nil
}

// eachItem reads all items of a part of the second table, or of each only the attributes named. There are none while the
// table is missing.
func (s *Store) eachItem(ctx context.Context, part string, names []string, yield func(kcl.Item) error) error {
	x := newExpr()
	x.is(partKey, text(part))
	in := &dynamodb.QueryInput{TableName: &s.options.Table, ConsistentRead: aws.Bool(true), KeyConditionExpression: x.condition()}
	in.ProjectionExpression = x.projection(names...)
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = x.names, x.values
	pages := dynamodb.NewQueryPaginator(s.options.Client, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if isMissing(err) && !s.options.NoCreate {
			return nil
		}
		if err != nil {
			return wrap(err, "list %s in table %s", part, s.options.Table)
		}
		for _, item := range page.Items {
			if err := yield(item); err != nil {
				return err
			}
		}
	}
	return nil
}

// PutDefinition implements driver.DefinitionStore. ErrDefinitionChanged may also mean that the row was written, but
// that another writer changed it before the SDK, which had no answer, repeated the call.
func (s *Store) PutDefinition(ctx context.Context, row driver.Definition, expected string) error {
	what := fmt.Sprintf("put definition %.100q", row.Key)
	if err := row.Validate(); err != nil {
		return fmt.Errorf("dynamostore: %s: %w", what, err)
	}
	item := definitionKey(row.Key)
	item[definitionVersion] = text(row.Version)
	if len(row.Data) > 0 {
		item[definitionData] = &types.AttributeValueMemberB{Value: row.Data}
	}
	x := newExpr()
	condition := x.name(definitionVersion) + " = " + x.value(text(row.Version)) // by this very call, whose answer was lost
	if expected == "" {
		condition += fmt.Sprintf(" OR attribute_not_exists(%s) OR attribute_exists(%s)", x.name(partKey), x.name(definitionDeleted))
	} else {
		condition += fmt.Sprintf(" OR %s = %s", x.name(definitionVersion), x.value(text(expected)))
	}
	return s.define(ctx, what, func() error {
		return s.tables.in(ctx, s.options.Table, otherKeys, func() error {
			_, err := s.options.Client.PutItem(ctx, &dynamodb.PutItemInput{
				TableName: &s.options.Table, Item: item, ConditionExpression: &condition,
				ExpressionAttributeNames: x.names, ExpressionAttributeValues: x.values,
			})
			return err
		})
	})
}

// DeleteDefinition implements driver.DefinitionStore. It first writes an ID of this call into the item, which makes it
// a deleted one, and then removes it: so a call that the SDK repeats is distinguished from another process's. If the
// item cannot be removed then, it stays, with only its key.
func (s *Store) DeleteDefinition(ctx context.Context, name, expected string) error {
	what := fmt.Sprintf("delete definition %.100q", name)
	if err := (driver.Definition{Key: name, Version: expected}).Validate(); err != nil {
		return fmt.Errorf("dynamostore: %s: %w", what, err)
	}
	call, x := text(uuid.NewString()), newExpr()
	x.conds = append(x.conds, fmt.Sprintf("%s = %s OR %s = %s",
		x.name(definitionVersion), x.value(text(expected)), x.name(definitionDeleted), x.value(call)))
	x.set(definitionDeleted, call)
	x.set(definitionVersion, nil)
	x.set(definitionData, nil)
	err := s.define(ctx, what, func() error {
		_, err := s.options.Client.UpdateItem(ctx, x.update(s.options.Table, definitionKey(name)))
		return err
	})
	switch {
	case isMissing(err) && !s.options.NoCreate:
		return fmt.Errorf("dynamostore: %s: %w", what, driver.ErrDefinitionChanged)
	case err != nil:
		return err
	}
	x = newExpr()
	x.is(definitionDeleted, call)
	// The definition is deleted, whatever the result of this call.
	_, _ = s.options.Client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &s.options.Table, Key: definitionKey(name), ConditionExpression: x.condition(),
		ExpressionAttributeNames: x.names, ExpressionAttributeValues: x.values,
	})
	return nil
}

// define makes a conditional write to a definition, and counts it. A write with an unknown result is counted too, and
// remains an error.
func (s *Store) define(ctx context.Context, what string, write func() error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("dynamostore: %s: %w", what, err)
	}
	err := write()
	switch {
	case isRefused(err):
		return fmt.Errorf("dynamostore: %s: %w", what, driver.ErrDefinitionChanged)
	case isMissing(err):
		return wrap(err, "%s in table %s", what, s.options.Table)
	}
	counted := s.count(ctx)
	if err == nil {
		return wrap(counted, "%s: it is done, but table %s does not announce it", what, s.options.Table)
	}
	return wrap(err, "%s in table %s", what, s.options.Table)
}

// count counts a write to the definitions. A call that the SDK repeats counts twice, which is harmless.
func (s *Store) count(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), countPatience)
	defer cancel()
	x := newExpr()
	x.add(writesCount, 1)
	_, err := s.options.Client.UpdateItem(ctx, x.update(s.options.Table, writesKey()))
	return err
}
