package dynamostore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
)

// What DynamoDB refuses and the emulator lets pass. Source: DynamoDB developer guide, "Quotas in Amazon DynamoDB".
const (
	maxExpression   = 4096 // bytes
	maxOperators    = 300  // of one UpdateExpression
	maxPartitionKey = 2048 // bytes
	maxSortKey      = 1024 // bytes
)

// bounded makes every request of a client fail the test if DynamoDB would refuse it for its size.
func bounded(t testing.TB) func(*dynamodb.Options) {
	return func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
			return s.Initialize.Add(middleware.InitializeMiddlewareFunc("bounded",
				func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
					for _, broken := range beyond(in.Parameters) {
						t.Errorf("%T: %s", in.Parameters, broken)
					}
					return next.HandleInitialize(ctx, in)
				}), middleware.Before)
		})
	}
}

// beyond returns which bounds a request breaks.
func beyond(request any) (broken []string) {
	expressions := func(all ...*string) {
		for _, e := range all {
			if n := len(aws.ToString(e)); n > maxExpression {
				broken = append(broken, fmt.Sprintf("an expression has %d bytes", n))
			}
			if e != nil && *e == "" {
				broken = append(broken, "an expression is empty")
			}
		}
	}
	keys := func(key map[string]types.AttributeValue) {
		for name, most := range map[string]int{"part": maxPartitionKey, "leaseKey": maxPartitionKey, "item": maxSortKey} {
			if s, ok := key[name].(*types.AttributeValueMemberS); ok && (s.Value == "" || len(s.Value) > most) {
				broken = append(broken, fmt.Sprintf("the key %s has %d bytes", name, len(s.Value)))
			}
		}
	}
	switch in := request.(type) {
	case *dynamodb.UpdateItemInput:
		expressions(in.UpdateExpression, in.ConditionExpression)
		if n := strings.Count(*in.UpdateExpression, " = ") + strings.Count(*in.UpdateExpression, "if_not_exists") + strings.Count(*in.UpdateExpression, " + "); n > maxOperators {
			broken = append(broken, fmt.Sprintf("an update has %d operators", n))
		}
		keys(in.Key)
		broken = append(broken, sets(in.ExpressionAttributeValues)...)
	case *dynamodb.PutItemInput:
		expressions(in.ConditionExpression)
		keys(in.Item)
		broken = append(broken, sets(in.Item)...)
	case *dynamodb.DeleteItemInput:
		expressions(in.ConditionExpression)
		keys(in.Key)
	case *dynamodb.QueryInput:
		expressions(in.KeyConditionExpression, in.ProjectionExpression)
	case *dynamodb.ScanInput:
		expressions(in.ProjectionExpression, in.FilterExpression)
	}
	return broken
}

// sets returns what is wrong with sets: they are not empty, and have each text once, which is not empty.
func sets(values map[string]types.AttributeValue) (broken []string) {
	for name, v := range values {
		set, ok := v.(*types.AttributeValueMemberSS)
		if !ok {
			continue
		}
		seen := map[string]bool{"": true}
		for _, s := range set.Value {
			if seen[s] {
				broken = append(broken, fmt.Sprintf("the set %s is %q", name, set.Value))
			}
			seen[s] = true
		}
		if len(set.Value) == 0 {
			broken = append(broken, "the set "+name+" is empty")
		}
	}
	return broken
}
