// Package storetest checks that a [mapping.Store], and a [mapping.DefinitionStore], keeps its contract. Whoever writes a store runs it in a test:
//
//	func TestConforms(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) mapping.Store {
//			s, err := Open(filepath.Join(t.TempDir(), "store"))
//			require.NoError(t, err)
//			t.Cleanup(func() { s.Close() })
//			return s
//		})
//	}
//
// What is checked, one test for each rule:
//
//	Anchor     the first one stays, also in a race; it moves once, and only back; each mapping has its own
//	Progress   all fields come back; long lists are whole; nothing is shared with the caller; mappings are apart
//	Lease      one owner at a time, also in a race; epochs grow; a released one is free at once
//	Commit     only under the lease in force; older versions are ignored; positions never fall under one lease
//	Delete     one shard at a time, only when it is at its end and nobody has its lease; old leases stay lost
//	Context    one that is done stops every method before it stores anything
//
// [RunDefinitions] does the same for what a DefinitionStore adds:
//
//	Put, Delete  only over the version expected, also in a race; a write that is made again is known; keys can be used again
//	Token        another one after each write, and never newer than the rows that come with it
//	Definitions  long lists are whole; nothing is shared with the caller; limits are told; a restart changes nothing
//	Forget       nothing of the mapping is left, other mappings stay, leases that were held are never in force again
//
// [RunFleet] does the same for what a [mapping.FleetStore] adds, the conditions of docs/leases.md:
//
//	Workers  a row is kept whole; once closed it is never heard again; long lists are whole
//	Take     only over the row as it was seen, one winner in a race; a call that is made again is known
//	Commit   only under the owner and the epoch in force, also in a race with the next Take
//	Release  frees the lease at once, and ends what it allowed; Delete brings no old lease back
//
// [RunNames] does the same for what a [mapping.ListedStore] adds: the names that have had a lease, and whether one is held.
//
// Durability in a crash and damage are out of its reach: they are for the store's own tests.
package storetest
