// Package boltstore keeps the progress of mappings, and their definitions, in one file: the [mapping.Store] and the
// [mapping.DefinitionStore] for one process on one machine.
//
//	store, err := boltstore.Open("orders.db") // made when it does not exist
//	...
//	defer store.Close()
//	m, err := mapping.New(mapping.Config{Store: store, ...})
//
// One file serves many mappings. What a method stored is on the disk when the method returns, and the file is whole
// after a crash or a kill -9 at any instant. Writes of many shards share transactions: the first goes at once, those
// that come while it is written go together in the next one, so that a thousand shards cost few fsyncs.
//
// # One process
//
// The file is locked while it is open. Who opens it a second time, in another process or in this one, gets
// [ErrLocked] after a second. So leases are granted at once, and nobody has them any more when the process is gone;
// their epochs are in the file and grow until the shard's row is deleted, or its mapping forgotten; within a process
// no epoch comes again even then. The lock is an advisory one of the operating system: keep the file on a local disk, as
// network file systems do not all honour it.
//
// # Damage
//
// Open reads all of the file before it changes anything. A file that is cut short, that was overwritten in part, that
// was written in an unknown format, that is empty, or that is no store at all is an error that names the file and
// what to do. It never passes for a new store, as its mappings would silently begin anew. What damage can do unseen
// is to undo the very last write, where it hits the file header of that write alone: then its records are read again. Anchors and
// definitions are written so that even that does not undo them.
//
// After a write of which nobody knows what a restart would find, and after a panic of bbolt's, all calls get
// [mapping.ErrStoreBroken], which ends the mappings: close the store and open it again, in this process or another. A full
// disk is no such error.
//
// # Format
//
// The file is a bbolt database (go.etcd.io/bbolt):
//
//	bucket "shardmill"         "format" → "1", or "2" from the first definition on
//	                           "sum"    → number of values below, sum of their checksums: 2 × 8 bytes
//	bucket "anchors"           mapping  → time, and whether it is settled
//	bucket "shards"
//	  bucket mapping           shard    → epoch of the lease, epoch that stored the progress, progress
//	bucket "definitions"       key      → version, data; only in format 2. Its sequence counts the writes
//
// A value is a version byte, the fields as varints and length-prefixed strings, and a CRC-64 of the names it is stored
// under and of all of this. The sum tells when a value is missing or is an old one.
package boltstore
