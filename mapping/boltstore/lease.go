package boltstore

import (
	"sync"

	"github.com/shardmill/shardmill/mapping"
)

// leases tells who has which lease in this process, which is all there are: the file's lock keeps others out.
type leases struct {
	mu   sync.Mutex
	held map[key]mapping.Lease
}

func keyOf(l mapping.Lease) key { return key{l.Mapping, l.Shard} }

// holder returns the lease that is in force.
func (ls *leases) holder(k key) (mapping.Lease, bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l, ok := ls.held[k]
	return l, ok
}

// grant puts l in force.
func (ls *leases) grant(l mapping.Lease) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.held[keyOf(l)] = l
}

// drop ends l, if it is in force.
func (ls *leases) drop(l mapping.Lease) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.held[keyOf(l)] == l {
		delete(ls.held, keyOf(l))
	}
}
