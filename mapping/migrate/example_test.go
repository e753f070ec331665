package migrate_test

import (
	"context"
	"fmt"
	"os"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/migrate"
)

// The table of a KCL application, with one shard that is begun and one that is not, moves to a mapping.
func Example() {
	ctx := context.Background()
	client := &tables{rows: map[string][]item{"orders-app": { // dynamodb.NewFromConfig(awsConfig)
		kcl2("shardId-000000000001", "4217", 3), kcl2("shardId-000000000002", "TRIM_HORIZON", 0),
	}}}
	name, err := mapping.StoreKey("arn:aws:kinesis:us-east-1:123456789012:stream/orders", "ship-orders")
	if err != nil {
		fmt.Println(err)
		return
	}
	from := migrate.Table{Client: client, Name: "orders-app", Format: migrate.KCL}
	to := migrate.Target{Store: mapping.NewMemoryStore(), Mapping: name, StartingPosition: mapping.TrimHorizon}
	plan, err := migrate.Import(ctx, from, to)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := plan.WriteTo(os.Stdout); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("applied:", plan.Apply(ctx))
	// Output:
	//    SHARD                 IS  WILL BE  NOTE
	// *  shardId-000000000001  -   4217.3+  resumes within the aggregate
	//    shardId-000000000002  -   -        not begun (TRIM_HORIZON): will be read from TRIM_HORIZON
	// 1 of 2 shards change
	// applied: <nil>
}
