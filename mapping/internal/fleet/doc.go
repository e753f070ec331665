// Package fleet decides which worker of a fleet holds which shard's lease: a protocol without a clock and without I/O.
//
// One [Coordinator] works for one worker and one mapping. Its caller reports the results of the calls that the
// Coordinator asks for, and the end of each shard that it assigns. The Coordinator returns what to do next, and when to
// ask again:
//
//	Coordinator ──Heartbeat, ReadWorkers, ReadLeases, CloseWorker, Take …──▶ Table
//	     │ ▲─────────Beaten, Workers, Leases, Closed, Taken …───────────────────┘
//	     │ ▲─────────Ended (drained and released, finished, lost)──────────┐
//	     └───────────Taken lease starts, Drain, Drop, DropAll────────▶ shards
//
// These are the rules; docs/leases.md says why they are safe:
//
//	expired    a worker's counter stood still for the failover time on the reader's own clock
//	closed     by a write that is conditional on that counter: the worker's next heartbeat is refused
//	taken      a lease that is free, one of a closed worker, or one that was asked for a hand-over time ago
//	fenced     a worker whose heartbeat or reading is older than the failover time less a margin drops all its leases
//
// A store implements [driver.FleetTable]. [Memory] is a table for tests, and [Faulty] injects faults into a table.
package fleet
