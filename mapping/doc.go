// Package mapping runs an event source mapping: it reads the shards of a Kinesis stream and invokes a function with
// their records, as AWS Lambda does, in any Go process.
//
// A [Config] says what is read, how batches are cut, and what happens to failing ones; its fields have AWS's names.
// [New] checks it and starts nothing. [Mapping.Run] works until its ctx is cancelled:
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
//	err = m.Run(ctx)
//
// If the function fails, the batch goes through these steps, with the fields that control them:
//
//	the function never ran (invoke.ErrNotRun)     retried with back-off, until MaximumRecordAge
//	it named failed items                         FunctionResponseTypes: a new batch begins with the first of them
//	it failed, several records                    BisectBatchOnFunctionError: the halves are new batches
//	it failed                                     retried with back-off, MaximumRetryAttempts times
//	no retry is left, or the records are too old  discarded: reported to DestinationConfig.OnFailure, or dropped
//
// A failing batch blocks the records after it in its lane. By default, as on AWS, it is retried until it succeeds: set
// MaximumRetryAttempts, MaximumRecordAge, BisectBatchOnFunctionError and a destination together.
//
// Delivery is at least once. Progress is stored concurrently with the invocations, under a lease of the shard; after a
// crash only the records after the checkpoint are delivered again. The stores are [MemoryStore] and, in the packages
// below this one, boltstore and dynamostore; storetest checks a store of your own, and migrate imports checkpoints from
// other consumers' tables.
//
// A callback, such as a Store, a Source, an Observer or the Logger's handler, that panics or ends its goroutine (as
// t.FailNow does) has failed: that is an error if the callback can return one, and a log line in any case. The function
// has the same guard, and its panic is a function error.
//
// [Mapping.Status] says where each shard stands and what it is waiting for, and an [Observer] is called for each event.
package mapping
