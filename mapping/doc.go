// Package mapping runs an event source mapping: it reads the shards of a Kinesis stream and invokes a function with their
// records, as AWS Lambda does, in any Go process.
//
// A [Config] says what is read, how batches are cut, and what becomes of those that fail; its fields have AWS's names.
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
// What a batch goes through when the function fails, with the fields that decide it:
//
//	the function never ran (invoke.ErrNotRun)     tried again with back-off, until MaximumRecordAge
//	it named failed items                         FunctionResponseTypes: the rest is a new batch from the first of them on
//	it failed, several records                    BisectBatchOnFunctionError: the halves are new batches
//	it failed                                     tried again with back-off, MaximumRetryAttempts times
//	no retry is left, or the records are too old  discarded: reported to DestinationConfig.OnFailure, or dropped
//
// Nothing of a shard is invoked behind a batch that fails until that is resolved. By default, as on AWS, it is tried
// until it succeeds: set MaximumRetryAttempts, MaximumRecordAge, BisectBatchOnFunctionError and a destination together.
//
// Delivery is at least once. What is resolved is stored beside the invocations, under a lease of the shard; after a
// crash only the records above the last stored position come again. The stores are [MemoryStore] and, in the packages
// below this one, boltstore and dynamostore; storetest checks one of your own, and migrate fills them from other consumers'
// tables.
//
// A callback, such as a Store, a Source, an Observer or the Logger's handler, that panics or ends its goroutine (as t.FailNow
// does) has failed: that is an error where the callback can return one, and a log line in any case. The function itself has the
// same guard, and its panic is a function error.
//
// [Mapping.Status] tells where each shard stands and what it waits for, and an [Observer] is told what happens.
package mapping
