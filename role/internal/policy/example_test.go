package policy_test

import (
	"fmt"

	"github.com/shardmill/shardmill/role/internal/policy"
)

func Example() {
	p, err := policy.ParseIdentity([]byte(`{
		"Version": "2012-10-17",
		"Statement": {
			"Effect": "Allow",
			"Action": ["kinesis:ListShards", "kinesis:GetShardIterator"],
			"Resource": "arn:aws:kinesis:*:123456789012:stream/orders"
		}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, action := range []string{"kinesis:ListShards", "kinesis:GetRecords"} {
		fmt.Println(policy.Authorize(policy.Request{
			Principal: "arn:aws:iam::123456789012:user/ada",
			Action:    action,
			Resource:  "arn:aws:kinesis:us-east-1:123456789012:stream/orders",
		}, p))
	}
	// Output:
	// <nil>
	// User: arn:aws:iam::123456789012:user/ada is not authorized to perform: kinesis:GetRecords on resource: arn:aws:kinesis:us-east-1:123456789012:stream/orders because no identity-based policy allows the kinesis:GetRecords action
}
