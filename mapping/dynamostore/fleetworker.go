package dynamostore

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// Attributes of the row of a fleet's worker. Its item is the incarnation.
const (
	workerCounter    = "counter"    // N
	workerGeneration = "generation" // N
	workerLeaving    = "leaving"    // BOOL
	workerFailover   = "failover"   // N: nanoseconds; absent where a program did not write it
	workerAsks       = "asks"       // L of S: shard "/" epoch
	workerClosed     = "closed"     // BOOL, absent while the incarnation is not over
)

// fleetPart is the part of the second table that the workers of the mapping have.
func (t *fleetTable) fleetPart() types.AttributeValue { return text(fleetPartOf(t.mapping)) }

func fleetPartOf(mapping string) string { return "fleet/" + mapping }

func (t *fleetTable) workerKey(incarnation string) kcl.Item {
	return kcl.Item{partKey: t.fleetPart(), itemKey: text(incarnation)}
}

// Heartbeat implements driver.FleetTable.
func (t *fleetTable) Heartbeat(ctx context.Context, w driver.FleetWorker, join bool) error {
	asks := &types.AttributeValueMemberL{Value: []types.AttributeValue{}}
	for _, a := range w.Asks {
		asks.Value = append(asks.Value, text(a.String()))
	}
	x := newExpr()
	x.set(workerCounter, number(w.Counter))
	x.set(workerGeneration, number(w.Generation))
	x.set(workerLeaving, boolean(w.Leaving))
	x.set(workerAsks, asks)
	if w.Failover > 0 {
		x.set(workerFailover, number(uint64(w.Failover)))
	}
	alive := fmt.Sprintf("attribute_not_exists(%s) AND %s <= %s", x.name(workerClosed), x.name(workerCounter), x.value(number(w.Counter)))
	if join {
		alive = fmt.Sprintf("(attribute_not_exists(%s) OR (%s))", x.name(partKey), alive)
	}
	x.conds = append(x.conds, alive)
	return t.updateWorker(ctx, "heartbeat", w.Incarnation, x)
}

// Close implements driver.FleetTable.
func (t *fleetTable) Close(ctx context.Context, incarnation string, counter uint64) error {
	x := newExpr()
	x.is(workerCounter, number(counter))
	x.set(workerClosed, boolean(true))
	return t.updateWorker(ctx, "close", incarnation, x)
}

// Retire implements driver.FleetTable.
func (t *fleetTable) Retire(ctx context.Context, incarnation string) error {
	x := newExpr()
	x.conds = append(x.conds, "attribute_exists("+x.name(partKey)+")")
	x.set(workerClosed, boolean(true))
	return t.updateWorker(ctx, "retire", incarnation, x)
}

// updateWorker makes a conditional write of a worker's row. Each can be repeated.
func (t *fleetTable) updateWorker(ctx context.Context, what, incarnation string, x *expr) error {
	if err := t.check(ctx, what, incarnation); err != nil {
		return err
	}
	table := t.store.options.Table
	err := t.store.tables.in(ctx, table, otherKeys, func() error {
		_, err := t.store.options.Client.UpdateItem(ctx, x.update(table, t.workerKey(incarnation)))
		return err
	})
	if isRefused(err) {
		return t.refused(what, incarnation)
	}
	return wrap(err, "%s %s of %s in table %s", what, incarnation, t.mapping, table)
}

// Remove implements driver.FleetTable.
func (t *fleetTable) Remove(ctx context.Context, incarnation string) error {
	if err := t.check(ctx, "remove", incarnation); err != nil {
		return err
	}
	table, x := t.store.options.Table, newExpr()
	condition := fmt.Sprintf("attribute_exists(%s) OR attribute_not_exists(%s)", x.name(workerClosed), x.name(partKey))
	_, err := t.store.options.Client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &table, Key: t.workerKey(incarnation), ConditionExpression: &condition, ExpressionAttributeNames: x.names,
	})
	switch {
	case isRefused(err):
		return t.refused("remove", incarnation)
	case isMissing(err) && !t.store.options.NoCreate:
		return nil
	}
	return wrap(err, "remove %s of %s from table %s", incarnation, t.mapping, table)
}

// Workers implements driver.FleetTable.
func (t *fleetTable) Workers(ctx context.Context, mark string) (rows []driver.FleetWorker, next string, err error) {
	if err := t.check(ctx, "list", "workers"); err != nil {
		return nil, "", err
	}
	table, x := t.store.options.Table, newExpr()
	x.is(partKey, t.fleetPart())
	in := &dynamodb.QueryInput{
		TableName: &table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression: x.condition(), ExpressionAttributeNames: x.names, ExpressionAttributeValues: x.values,
	}
	if mark != "" {
		in.ExclusiveStartKey = t.workerKey(mark)
	}
	out, err := t.store.options.Client.Query(ctx, in)
	if isMissing(err) && !t.store.options.NoCreate {
		return nil, "", nil // no worker has joined yet
	}
	if err != nil {
		return nil, "", wrap(err, "workers of %s: list table %s", t.mapping, table)
	}
	for _, item := range out.Items {
		w, ok := decodeWorker(item)
		if !ok {
			w = driver.FleetWorker{Incarnation: w.Incarnation, Damage: fmt.Errorf("dynamostore: worker %s of %s in table %s: its row does not parse: %w",
				w.Incarnation, t.mapping, table, driver.ErrUnreadable).Error()}
		}
		rows = append(rows, w)
	}
	return rows, kcl.Text(out.LastEvaluatedKey, itemKey), nil
}

// decodeWorker parses a row; ok is false if Heartbeat did not write it.
func decodeWorker(item kcl.Item) (w driver.FleetWorker, ok bool) {
	d := decoder{item: item}
	w = driver.FleetWorker{
		Incarnation: kcl.Text(item, itemKey), Counter: d.uint(workerCounter), Generation: d.uint(workerGeneration), Leaving: d.boolean(workerLeaving),
		Failover: time.Duration(min(d.uint(workerFailover), math.MaxInt64)),
	}
	if _, closed := item[workerClosed]; closed {
		w.Closed = true
	}
	asks, isList := item[workerAsks].(*types.AttributeValueMemberL)
	if !isList || d.bad {
		return w, false
	}
	for _, v := range asks.Value {
		s, _ := v.(*types.AttributeValueMemberS)
		if s == nil {
			return w, false
		}
		i := strings.LastIndexByte(s.Value, '/')
		epoch, err := strconv.ParseUint(s.Value[i+1:], 10, 64)
		if i < 0 || err != nil {
			return w, false
		}
		w.Asks = append(w.Asks, driver.FleetAsk{Shard: s.Value[:i], Epoch: epoch})
	}
	return w, true
}
