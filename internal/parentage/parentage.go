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

// ImplyFinished visits the ancestors of begun shards. An ancestor is finished even if it has no checkpoint: no shard is
// begun before its parents are finished, neither here nor by KCL, whose clean-up deletes the row of a finished shard as
// soon as all its children are begun, while the stream still lists it. imply is called with each parent of a begun
// shard. It records the parent and returns true if the rule makes the parent finished: then its own parents follow.
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
