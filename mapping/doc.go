// Package mapping runs an event source mapping: it reads the shards of a Kinesis stream and invokes a function with
// their records, as AWS Lambda does, in any Go process.
//
//	m, err := mapping.New(mapping.Config{
//		EventSourceARN:   "arn:aws:kinesis:us-east-1:123456789012:stream/orders",
//		FunctionName:     "ship-orders",
//		StartingPosition: mapping.TrimHorizon,
//		Client:           kinesis.NewFromConfig(awsConfig),
//		Function:         invoke.Func(ship),
//		Store:            store, // boltstore.Open("orders.db")
//	})
//	...
//	err = m.Run(ctx) // until ctx is cancelled
//
// [Config] says how batches are cut, and what happens to a batch that fails. Delivery is at least once: after a crash,
// the records after the last checkpoint are delivered again. [Mapping.Status] says where each shard stands and what it
// waits for; package observe has callbacks for each event, and package driver is what a store implements.
package mapping
