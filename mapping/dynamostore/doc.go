// Package dynamostore keeps the progress and the leases of mappings in Amazon DynamoDB: a [mapping.Store] for processes
// that come and go on any machine, and a [mapping.FleetStore] for many that share the shards of a mapping. Both are a
// [mapping.DefinitionStore] too.
//
//	store, err := dynamostore.New(dynamostore.Options{Client: dynamodb.NewFromConfig(awsConfig), Worker: "orders-1"})
//	...
//	m, err := mapping.New(mapping.Config{Store: store, ...})
//
// Each mapping has a lease table of its own, with one row a shard and nothing else, in the format of the Kinesis Client
// Library: KCL 1 and 2 take every row for a lease. A second table has the rest, of all mappings.
//
//	lease table   leaseKey                                          the shard's lease and progress
//	second table  part "mapping/"+name  item "anchor"               the time that LATEST means, and whether it is settled
//	                                    item "floor"                the highest epoch of the shards that were deleted
//	                                    item "state/…/slot/piece"   a window's state that is too large for a row
//	              part "worker/"+name   item "worker"               how many processes of this name were started
//	              part "fleet/"+name    item incarnation            a worker of a fleet: counter, generation, leaving, asks, closed
//	              part "definitions"    item key                    a definition: version, data; deleted, until it is removed
//	              part "definitions-token"  item "token"            the number of writes to definitions
//	              part "names"          item name                   a mapping that has had a lease
//	              part "forgotten"      item "floor"                the highest epoch of all mappings that were forgotten
//
// Rows are written by conditional updates that leave unknown attributes alone; ours begin with "sm_". Rows whose
// entityType is not LEASE are never touched. docs/semantics.md lists all attributes.
//
// # Leases
//
// A lease is taken by a write that opens a new epoch, and every later write demands that epoch and its owner, so that
// a process that was paused can never move a position back. A write whose answer was lost, and that the SDK did again, is
// recognised as done. Nobody's lease expires by a clock. A lease that was not given back is taken over
//
//   - from a process that was started earlier under the same Options.Worker: what the later one takes, the earlier can't
//     take back, and learns of with its next write;
//   - from a KCL worker, when its leaseCounter stood still for Options.ForeignTimeout while this process asked for it.
//
// So a Store is for one process of each mapping at a time, that is restarted. For any other there is
// [mapping.ErrLeaseHeld], which names the holder.
//
// # Fleets
//
// A [FleetStore], of [NewFleet], is for many processes at a time: docs/leases.md is their protocol. A row that KCL made has no
// epoch of ours: one that nobody has is taken like a row that is not there, and goes on at its checkpoint. While a KCL
// worker has it, it is left alone, until its leaseCounter stood still for Options.ForeignTimeout. Options.ShareWithKCL lets
// workers of KCL 1 and 2 leave ours alone too. A table in which a KCL 3 fleet is alive is refused at the start.
//
// # Sharing a table with KCL, one after the other
//
// The checkpoint in a row is KCL's. While it is the one that stands beside our attributes, these count; when KCL has
// moved it since, its checkpoint counts, and an open window is dropped. A checkpoint of KCL names a member of an
// aggregate and does not say whether others follow: reading resumes AT its record, and what the checkpoint is behind is passed
// over. An aggregate that the mapping reads as one record is delivered again.
// A row at TRIM_HORIZON, LATEST or AT_TIMESTAMP is a shard without progress, for which the mapping's StartingPosition
// decides: give it TRIM_HORIZON, so that nothing is missed. Package migrate checks such things beforehand.
//
// # Cost
//
// A commit is one write of a row of about 500 bytes, which is one write unit. A window's state costs by its size, with each commit: it is
// deflated, stored in the row up to 32 KiB, and in items of up to 384 KiB above. To ask for the token of the definitions is one
// read unit. Forget is one write for each row and item of the mapping.
//
// What is stored but can't be read is an error that wraps [mapping.ErrUnreadable]; a call that was refused for its rate is
// [ErrThrottled]; all others wrap the SDK's error.
package dynamostore
