// Package driver defines what a store of mappings implements. A user of a mapping only chooses a store: one of
// mapping.MemoryStore, mapping/boltstore and mapping/dynamostore, or a store of their own that keeps this contract.
//
// [Store] is required; every other interface adds a capability, which a mapping finds by a type assertion:
//
//	Store            progress, leases and the start of LATEST, for one process at a time
//	FleetStore       many processes share the shards of a mapping: see docs/leases.md
//	DefinitionStore  the definitions of mappings, for package registry
//	ListedStore      names what it stores, so that a renamed mapping is noticed
//	CheckedStore     says why a mapping must not run with it
//	WorkerStore      names this process
//	Remote           names the host that it calls
//
// A [FleetTable] may be a [FleetRenewer] and a [FleetLister] too.
//
// # Writing a store
//
// A store keeps rows, and decides nothing. Each method is one conditional write or one consistent read:
//
//   - The lease fences. Acquire raises the epoch of a shard, and Commit and Release compare it in the same write. A
//     check before the write is not enough, because the owner may change in between.
//   - A write whose answer was lost may be repeated, and then succeeds.
//   - A lease that an Acquire could not report as acquired must not stay held.
//   - State that cannot be read is ErrUnreadable, never missing: a mapping without progress begins at its starting
//     position.
//   - Return errors that wrap the variables of this package, so that errors.Is finds them.
//
// Then run the suites of package storetest, which check the contract under concurrency: Run for a Store, RunFleet,
// RunDefinitions and RunNames for the other interfaces. They cannot test durability in a crash and damaged files:
// write tests of your own for those.
package driver
