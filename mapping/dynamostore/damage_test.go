package dynamostore_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
)

func TestRowsThatCannotBeReadAreUnreadable(t *testing.T) {
	db := server(t)
	s := open(t, db, "a", given)
	held, _ := acquire(t, s, orders)
	require.NoError(t, s.Commit(t.Context(), held, withState(1, 10)))
	require.NoError(t, s.Release(t.Context(), held))
	good := lease(t, db, app)
	window := func(name string, v types.AttributeValue) func(item) {
		return func(i item) {
			m := i["sm_window"].(*types.AttributeValueMemberM).Value
			i["sm_window"] = &types.AttributeValueMemberM{Value: with(m, name, v)}
		}
	}
	for title, damage := range map[string]func(item){
		"of a later version":     func(i item) { i["sm_format"] = num(2) },
		"without a version":      func(i item) { delete(i, "sm_format") },
		"of another mapping":     func(i item) { i["sm_mapping"] = str("users") },
		"epoch of text":          func(i item) { i["sm_epoch"] = str("x") },
		"written later than now": func(i item) { i["sm_written"] = num(9) },
		"version below zero":     func(i item) { i["sm_version"] = num(-1) },
		"no sub-sequence":        func(i item) { delete(i, "sm_sub") },
		"no end":                 func(i item) { delete(i, "sm_end") },
		"partial of text":        func(i item) { i["sm_partial"] = str("x") },
		"time that is none":      func(i item) { i["sm_resolved"] = str("soon") },
		"malformed creation":     func(i item) { i["sm_created"] = str("once") },
		"no checkpoint":          func(i item) { delete(i, "checkpoint") },
		"checkpoint of text":     func(i item) { i["checkpoint"] = str("x1") },
		"window of text":         func(i item) { i["sm_window"] = str("x") },
		"window without a start": window("start", num(1)),
		"state cut short":        window("size", num(11)),
		"state that is gone":     window("state", str("x")),
		"state deflated badly":   window("deflated", &types.AttributeValueMemberBOOL{Value: true}),
	} {
		t.Run(title, func(t *testing.T) {
			bad := with(good, "unknown", str("x"))
			damage(bad)
			put(t, db, app, bad)
			_, err := s.Progress(t.Context(), orders)
			require.ErrorIs(t, err, driver.ErrUnreadable)
			_, _, err = s.Acquire(t.Context(), orders, shard0, "owner")
			require.ErrorIs(t, err, driver.ErrUnreadable)
			require.ErrorContains(t, err, shard0)
			assert.Equal(t, bad, lease(t, db, app), "nothing is written over it")
		})
	}
	put(t, db, app, good)
	_, p := acquire(t, s, orders)
	assert.Equal(t, withState(1, 10), p)
}

func TestAnchorThatIsNoTimeIsUnreadable(t *testing.T) {
	db := server(t)
	s := open(t, db, "a")
	_, err := s.Anchor(t.Context(), orders, at(1, 1).ResolvedUpTo)
	require.NoError(t, err, "any time is one")
	put(t, db, dynamostore.DefaultTable, item{"part": str("mapping/" + orders), "item": str("anchor"), "anchor": str("x")})
	_, err = s.Anchor(t.Context(), orders, at(1, 1).ResolvedUpTo)
	require.ErrorIs(t, err, driver.ErrUnreadable)
}

func TestTablesThatAreGivenAreNotCreated(t *testing.T) {
	db := server(t)
	s := open(t, db, "a", given, func(o *dynamostore.Options) { o.NoCreate = true })
	check := func(err error) {
		t.Helper()
		_, missing := errors.AsType[*types.ResourceNotFoundException](err)
		require.True(t, missing, "%v", err)
		require.ErrorContains(t, err, "the table does not exist")
	}
	_, err := s.Anchor(t.Context(), orders, at(1, 1).ResolvedUpTo)
	check(err)
	_, err = s.Progress(t.Context(), orders)
	check(err)
	_, _, err = s.Acquire(t.Context(), orders, shard0, "owner")
	check(err)
	check(s.Delete(t.Context(), orders, shard0))
	out, err := db.ListTables(t.Context(), &dynamodb.ListTablesInput{})
	require.NoError(t, err)
	assert.Empty(t, out.TableNames)
}

func TestThrottledCallsAreToldApart(t *testing.T) {
	c := &cutter{Client: server(t)}
	s := open(t, c, "a")
	for range 2 { // the incarnation, the lease
		c.next(throttled)
		_, _, err := s.Acquire(t.Context(), orders, shard0, "owner")
		require.ErrorIs(t, err, dynamostore.ErrThrottled)
		require.NotErrorIs(t, err, driver.ErrLeaseHeld)
		c.next(none)
	}
	held, _ := acquire(t, s, orders)
	c.next(throttled)
	err := s.Commit(t.Context(), held, at(1, 1))
	require.ErrorIs(t, err, dynamostore.ErrThrottled)
	require.NotErrorIs(t, err, driver.ErrLeaseLost)
	require.NoError(t, s.Commit(t.Context(), held, at(1, 1)))
}

func TestCallsEndWithTheirContext(t *testing.T) {
	s := open(t, stuck{}, "a")
	ctx, cancel := context.WithTimeout(t.Context(), 1e7)
	defer cancel()
	_, err := s.Anchor(ctx, orders, at(1, 1).ResolvedUpTo)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// stuck is a Client whose table is never ready.
type stuck struct{ dynamostore.Client }

func (stuck) UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return nil, &types.ResourceNotFoundException{}
}

func (stuck) CreateTable(context.Context, *dynamodb.CreateTableInput, ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error) {
	return nil, &types.ResourceInUseException{}
}

func (stuck) DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	return &dynamodb.DescribeTableOutput{Table: &types.TableDescription{TableStatus: types.TableStatusCreating}}, nil
}

func TestDeleteRemovesStatesToo(t *testing.T) {
	db := server(t)
	s := open(t, db, "a")
	held, _ := acquire(t, s, orders)
	other, _, err := s.Acquire(t.Context(), orders, shard0+"0", "owner") // whose name begins with the other's
	require.NoError(t, err)
	require.NoError(t, s.Commit(t.Context(), other, withState(1, largest)))
	for v := uint64(1); v <= 3; v++ {
		require.NoError(t, s.Commit(t.Context(), held, withState(v, largest)))
	}
	end := at(4, 4)
	end.End = true
	require.NoError(t, s.Commit(t.Context(), held, end))
	require.NoError(t, s.Release(t.Context(), held))
	require.NoError(t, s.Delete(t.Context(), orders, shard0))

	var left []string
	for _, i := range scan(t, db, dynamostore.DefaultTable) {
		left = append(left, i["item"].(*types.AttributeValueMemberS).Value)
	}
	assert.ElementsMatch(t, []string{"worker", "floor", orders, "state/21:shardId-0000000000000/1/0000", "state/21:shardId-0000000000000/1/0001", "state/21:shardId-0000000000000/1/0002"}, left)
	again, p := acquire(t, s, orders)
	assert.Zero(t, p)
	assert.Greater(t, again.Epoch, held.Epoch)
	require.NoError(t, s.Commit(t.Context(), again, withState(1, largest)))
	all, err := s.Progress(t.Context(), orders)
	require.NoError(t, err)
	assert.Len(t, all, 2)
}

func TestDeleteOfWhatNobodyGaveBack(t *testing.T) {
	db := server(t)
	c := &cutter{Client: db}
	s := open(t, c, "a")
	held, _ := acquire(t, s, orders)
	end := at(1, 1)
	end.End = true
	require.NoError(t, s.Commit(t.Context(), held, end))
	c.next(lostCall)
	require.Error(t, s.Release(t.Context(), held))
	require.ErrorIs(t, open(t, db, "b").Delete(t.Context(), orders, shard0), driver.ErrLeaseHeld)
	require.NoError(t, s.Delete(t.Context(), orders, shard0))
	all, err := s.Progress(t.Context(), orders)
	require.NoError(t, err)
	assert.Empty(t, all)
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := dynamostore.New(dynamostore.Options{Table: "a table", ForeignTimeout: -1, Worker: strings.Repeat("w", 2001)})
	require.ErrorContains(t, err, "Client is required")
	require.ErrorContains(t, err, `Table is "a table"`)
	require.ErrorContains(t, err, "ForeignTimeout is -1ns")
	require.ErrorContains(t, err, "Worker has 2001 bytes, must have at most 2000")
}

func TestLeaseTableNamesAreReadableAndApart(t *testing.T) {
	const stream = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
	ship := dynamostore.LeaseTableName(stream + " arn:aws:lambda:us-east-1:123456789012:function:ship")
	assert.Regexp(t, `^shardmill-orders-ship-[0-9a-f]{16}$`, ship)
	seen := map[string]bool{}
	for _, name := range []string{"", " ", "a b", "a-b", "a/b", "\x00", strings.Repeat("x", 500), strings.Repeat("x", 501), "世界", stream} {
		got := dynamostore.LeaseTableName(name)
		assert.Regexp(t, `^[a-zA-Z0-9_.-]{3,255}$`, got)
		assert.False(t, seen[got], "%q", name)
		seen[got] = true
	}
}
