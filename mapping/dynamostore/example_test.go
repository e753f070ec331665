package dynamostore_test

import (
	"fmt"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/dynamostore"
)

// The lease table of a mapping, for a policy or a dashboard. Options.LeaseTable can name another one.
func ExampleLeaseTableName() {
	name, err := mapping.StoreKey("arn:aws:kinesis:us-east-1:123456789012:stream/orders", "ship-orders")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(dynamostore.LeaseTableName(name))
	// Output:
	// shardmill-orders-ship-orders-1e5e498f4b1fe6dd
}
