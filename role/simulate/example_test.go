package simulate_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/shardmill/shardmill/role"
	"github.com/shardmill/shardmill/role/simulate"
)

func ExampleCheck() {
	var client simulate.Client = paged{decisions: []types.PolicyEvaluationDecisionType{"allowed", "implicitDeny", "allowed"}} // iam.NewFromConfig(awsConfig)
	err := simulate.Check(context.Background(), client, "arn:aws:iam::123456789012:role/ship-orders", role.Needs{
		Stream: "arn:aws:kinesis:us-east-1:123456789012:stream/orders",
	})
	if missing, ok := role.FromError(err); ok {
		fmt.Println("missing:", missing.Action)
	}
	// Output: missing: kinesis:GetShardIterator
}
