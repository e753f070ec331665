package dynamostore

import (
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// expr collects the parts of a conditional write. Every name is a placeholder, because many are reserved words.
type expr struct {
	names   map[string]string
	values  kcl.Item
	sets    []string
	removes []string
	conds   []string
}

func newExpr() *expr { return &expr{names: map[string]string{}, values: kcl.Item{}} }

func (x *expr) name(n string) string {
	x.names["#"+n] = n
	return "#" + n
}

func (x *expr) value(v types.AttributeValue) string {
	n := ":" + strconv.Itoa(len(x.values))
	x.values[n] = v
	return n
}

// set sets an attribute to a value; nil removes it.
func (x *expr) set(name string, v types.AttributeValue) {
	if v == nil {
		x.removes = append(x.removes, x.name(name))
		return
	}
	x.sets = append(x.sets, x.name(name)+" = "+x.value(v))
}

// init sets an attribute without a value.
func (x *expr) init(name string, v types.AttributeValue) {
	x.sets = append(x.sets, x.name(name)+" = if_not_exists("+x.name(name)+", "+x.value(v)+")")
}

// add adds to a number, which is 0 if it is absent.
func (x *expr) add(name string, n int64) {
	x.sets = append(x.sets, x.name(name)+" = if_not_exists("+x.name(name)+", "+x.value(number(0))+") + "+x.value(number(n)))
}

// is requires that an attribute has a value; nil: that it is absent.
func (x *expr) is(name string, v types.AttributeValue) {
	if v == nil {
		x.conds = append(x.conds, "attribute_not_exists("+x.name(name)+")")
		return
	}
	x.conds = append(x.conds, x.name(name)+" = "+x.value(v))
}

// projection names the attributes that a read returns; nil, when there are no names: all of them.
func (x *expr) projection(names ...string) *string {
	if len(names) == 0 {
		return nil
	}
	places := make([]string, len(names))
	for i, n := range names {
		places[i] = x.name(n)
	}
	return aws.String(strings.Join(places, ", "))
}

// update returns the write.
func (x *expr) update(table string, item kcl.Item) *dynamodb.UpdateItemInput {
	in := &dynamodb.UpdateItemInput{
		TableName: &table, Key: item, ExpressionAttributeNames: x.names, ExpressionAttributeValues: x.valuesOrNil(),
	}
	var clauses []string
	if len(x.sets) > 0 {
		clauses = append(clauses, "SET "+strings.Join(x.sets, ", "))
	}
	if len(x.removes) > 0 {
		clauses = append(clauses, "REMOVE "+strings.Join(x.removes, ", "))
	}
	in.UpdateExpression = aws.String(strings.Join(clauses, " "))
	in.ConditionExpression = x.condition()
	return in
}

// valuesOrNil returns the values: DynamoDB refuses a map without any.
func (x *expr) valuesOrNil() kcl.Item {
	if len(x.values) == 0 {
		return nil
	}
	return x.values
}

func (x *expr) condition() *string {
	if len(x.conds) == 0 {
		return nil
	}
	return aws.String(strings.Join(x.conds, " AND "))
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number[T int | int64 | uint64](n T) types.AttributeValue {
	if n < 0 {
		return &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(n), 10)}
	}
	return &types.AttributeValueMemberN{Value: strconv.FormatUint(uint64(n), 10)}
}

func boolean(b bool) types.AttributeValue { return &types.AttributeValueMemberBOOL{Value: b} }
