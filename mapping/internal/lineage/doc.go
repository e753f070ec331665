// Package lineage knows the shards of one stream: which are parents of which, which may be opened, which are complete, and
// which have left the stream. It judges by several listings, because a single one may be cut short, old, or of another
// stream of the same name.
//
// A [Lineage] has no clock and starts nothing. Its owner reports what it sees:
//
//	List, Describe   a look at the stream, once Weigh has found that it is still the same stream
//	Read, Resume     the stored progress of all shards
//	Learn            the children that the last page of a shard named
//	Finish, End      a shard whose end is stored
//
// and asks what follows: Openable and OpenableChildren, Waiting, Unsettled (how soon to list again), Removable, Lost and
// Unread. A [Standing] is what one shard needs of that while it is processed.
package lineage
