package boltstore

import (
	"sync"

	"github.com/shardmill/shardmill/mapping/driver"
)

// leases holds the leases of this process. There are no others, because of the file's lock.
type leases struct {
	mu   sync.Mutex
	held map[key]driver.Lease

	// deleted has the last epochs of rows that this process deleted, so that an old lease does not become valid again.
	// Leases of earlier processes are gone.
	deleted map[key]uint64

	// forgotten is the same for all rows of forgotten mappings: the highest epoch of any of them.
	forgotten uint64
}

func keyOf(l driver.Lease) key { return key{l.Mapping, l.Shard} }

// holder returns the valid lease of a row.
func (ls *leases) holder(k key) (driver.Lease, bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l, ok := ls.held[k]
	return l, ok
}

// grant makes l valid.
func (ls *leases) grant(l driver.Lease) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.held[keyOf(l)] = l
}

// drop ends l, if it is valid.
func (ls *leases) drop(l driver.Lease) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.held[keyOf(l)] == l {
		delete(ls.held, keyOf(l))
	}
}

// forget records the last epoch of a deleted row.
func (ls *leases) forget(k key, epoch uint64) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.deleted == nil {
		ls.deleted = map[key]uint64{}
	}
	ls.deleted[k] = max(ls.deleted[k], epoch)
}

// forgetAll ends all leases of a mapping whose rows are deleted, and records the highest of their epochs.
func (ls *leases) forgetAll(name string, epoch uint64) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for k, l := range ls.held {
		if k.mapping == name {
			epoch = max(epoch, l.Epoch)
			delete(ls.held, k)
		}
	}
	for k, e := range ls.deleted {
		if k.mapping == name {
			epoch = max(epoch, e)
			delete(ls.deleted, k)
		}
	}
	ls.forgotten = max(ls.forgotten, epoch)
}

// last returns an epoch that is no lower than that of any lease of a deleted row of this name, or 0.
func (ls *leases) last(k key) uint64 {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return max(ls.deleted[k], ls.forgotten)
}
