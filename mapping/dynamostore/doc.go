// Package dynamostore keeps the progress and the leases of mappings in Amazon DynamoDB: a [driver.Store] for processes
// that are started and stopped on any machine, and a [driver.FleetStore] for many that share the shards of a mapping.
// Both are a [driver.DefinitionStore] too.
//
//	store, err := dynamostore.New(dynamostore.Options{Client: dynamodb.NewFromConfig(awsConfig), Worker: "orders-1"})
//	...
//	m, err := mapping.New(mapping.Config{Store: store, ...})
//
// Each mapping has its own lease table, with one row per shard and nothing else, in the format of the Kinesis Client
// Library: KCL 1 and 2 treat every row as a lease. A second table has the rest, for all mappings.
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
// Rows are written by conditional updates that leave unknown attributes unchanged; ours begin with "sm_". Rows whose
// entityType is not LEASE are never touched. docs/semantics.md lists all attributes.
//
// # Leases
//
// A lease is taken by a write that opens a new epoch, and every later write requires that epoch and its owner, so that
// a process that was paused can never move a position back. A write whose answer was lost, and that the SDK repeated,
// is recognized as done. No lease expires by a clock. A lease that was not released is taken over
//
//   - from a process that was started earlier under the same Options.Worker: the earlier process cannot take it back, and
//     notices the loss with its next write;
//   - from a KCL worker, when its leaseCounter has not moved for Options.ForeignTimeout while this process asked for it.
//
// So a Store is for one process per mapping at a time, which may be restarted. Any other process gets
// [driver.ErrLeaseHeld], which names the holder.
//
// # Fleets
//
// A [FleetStore], of [NewFleet], is for many concurrent processes: docs/leases.md is their protocol. A row that KCL
// created has no epoch of ours: a free one is taken like a missing row, and resumes at its checkpoint. While a KCL
// worker owns it, it is left alone, until its leaseCounter has not moved for Options.ForeignTimeout. With
// Options.ShareWithKCL, workers of KCL 1 and 2 leave our leases alone too, and each side takes its share of the other's.
// A table with a live KCL 3 fleet is refused at the start.
//
// # Sharing a table with KCL, one after the other
//
// The checkpoint in a row is KCL's. While it is the one that our attributes were written with, our attributes count; if
// KCL has moved it since, its checkpoint counts, and an open window is dropped. A checkpoint of KCL names a member of an
// aggregate and does not say whether others follow: reading resumes AT its record, and skips what the checkpoint covers.
// An aggregate that the mapping reads as one record is delivered again. A row at TRIM_HORIZON, LATEST or AT_TIMESTAMP is
// a shard without progress, for which the mapping's StartingPosition decides: set it to TRIM_HORIZON, so that nothing is
// missed. Package migrate checks such cases beforehand.
//
// # Cost
//
// A commit is one write of a row of about 500 bytes, which is one write unit. A window's state costs by its size, with
// each commit: it is deflated, stored in the row up to 32 KiB, and in items of up to 384 KiB above. Reading the token
// of the definitions is one read unit. Forget is one write for each row and item of the mapping.
//
// Unreadable stored state is an error that wraps [driver.ErrUnreadable]; a call that was refused for its rate is
// [ErrThrottled]; all others wrap the SDK's error.
package dynamostore
