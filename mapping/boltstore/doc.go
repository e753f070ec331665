// Package boltstore keeps the progress of mappings, and their definitions, in one file: the [driver.Store] and the
// [driver.DefinitionStore] for one process on one machine.
//
//	store, err := boltstore.Open("orders.db") // created if it does not exist
//	...
//	defer store.Close()
//	m, err := mapping.New(mapping.Config{Store: store, ...})
//
// One file serves many mappings. When a method returns, its write is on the disk, and the file is whole after a crash
// or a kill -9 at any instant. Writes of many shards share transactions: the first begins immediately, and those that
// arrive while it is written share the next one, so that a thousand shards cost few fsyncs.
//
// # One process
//
// The file is locked while it is open. A second Open, in another process or in this one, returns [ErrLocked] after a
// second. So leases are granted immediately, and are free when the process is gone. Their epochs are in the file and
// grow until the shard's row is deleted, or its mapping forgotten; within a process no epoch is reused even then. The
// lock is an advisory one of the operating system: keep the file on a local disk, because not all network file systems
// honour it.
//
// # Damage
//
// Open reads the whole file before it changes anything. A file that is truncated, partly overwritten, in an unknown
// format, empty, or not a store is an error that names the file and what to do. It never counts as a new store, because
// its mappings would silently start again. Damage can undo the very last write unnoticed, if it hits only the file
// header of that write: then its records are read again. Anchors and definitions are written so that even that does not
// undo them.
//
// After a write whose result after a restart is not known, and after a panic in bbolt, all calls return
// [driver.ErrStoreBroken], which ends the mappings: close the store and open it again, in this process or another. A
// full disk is not such an error.
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
// A value is a version byte, the fields as varints and length-prefixed strings, and a CRC-64 of its names and of all of
// this. The sum reveals a missing or an old value.
package boltstore
