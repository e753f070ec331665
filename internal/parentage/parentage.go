// Package parentage has the two rules about shards and their parents that a mapping that is alone, a fleet, and a migration share.
// Kinesis splits a shard into two children, and merges two into one: a shard has at most two parents, and the records of a key are
// in order only if no child is begun before all its parents are fully processed.
package parentage

import "iter"

// MayOpen reports whether a shard may be opened: each of its parents is finished, or is not present in the stream any more.
func MayOpen(parents []string, present, finished func(id string) bool) bool {
	for _, p := range parents {
		if !finished(p) && present(p) {
			return false
		}
	}
	return true
}

// ImplyFinished goes through the ancestors of shards that are begun. Nothing may be stored for one, and it is finished all the same:
// no shard is begun before its parents are finished, neither here nor by KCL, whose clean-up deletes the row of a finished shard as soon
// as all its children are begun, while the stream still lists it. imply is called with each parent of a shard that is begun. It takes
// note of the parent and returns true if the rule makes that one finished: then its own parents follow. It must return true only once
// for each shard, since a damaged table may have shards that are each other's ancestors.
func ImplyFinished(begun iter.Seq[string], parents func(id string) []string, imply func(parent string) bool) {
	var up func(id string)
	up = func(id string) {
		for _, p := range parents(id) {
			if imply(p) {
				up(p)
			}
		}
	}
	for id := range begun {
		up(id)
	}
}
