// Package storetest checks that a [driver.Store], and a [driver.DefinitionStore], keeps its contract. The author of a
// store runs it in a test:
//
//	func TestConforms(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) driver.Store {
//			s, err := Open(filepath.Join(t.TempDir(), "store"))
//			require.NoError(t, err)
//			t.Cleanup(func() { s.Close() })
//			return s
//		})
//	}
//
// The checks, one test for each rule:
//
//	Anchor     the first one stays, also in a race; it moves once, and only back; each mapping has its own
//	Progress   all fields are restored; long lists are complete; no memory is shared with the caller; mappings are separate
//	Lease      one owner at a time, also in a race; epochs grow; a released lease is free immediately
//	Commit     only under a valid lease; older versions are ignored; positions never fall under one lease
//	Delete     one shard at a time, only at its end and without a held lease; old leases stay lost
//	Context    a ctx that is done stops every method before it writes
//
// [RunDefinitions] does the same for a DefinitionStore:
//
//	Put, Delete  only over the expected version, also in a race; a repeated write is recognized; keys can be reused
//	Token        changes after each write, and is never newer than the rows that are returned with it
//	Definitions  long lists are complete; no memory is shared with the caller; limits are reported; a restart changes nothing
//	Forget       no trace of the mapping is left, other mappings stay, old leases never become valid again
//
// [RunFleet] does the same for a [driver.FleetStore], with the conditions of docs/leases.md:
//
//	Workers  a row is kept completely; a closed worker's heartbeats are refused; long lists are complete
//	Take     only over the row as it was seen, one winner in a race; a repeated call is recognized
//	Commit   only under the current owner and epoch, also in a race with the next Take
//	Release  frees the lease immediately, and ends its rights; Delete restores no old lease
//
// [RunNames] does the same for a [driver.ListedStore]: the names that have had a lease, and whether one is held.
//
// Durability in a crash and damage are out of its reach: test them in the store's own package.
package storetest
