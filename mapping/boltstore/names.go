package boltstore

import "context"

// Names implements driver.ListedStore.
func (s *Store) Names(ctx context.Context) (names []string, err error) {
	err = s.do(ctx, func(t *txn) error {
		names = nil
		shards := t.tx.Bucket(shardsBucket)
		if shards == nil {
			return damagef("bucket %s is missing", shardsBucket)
		}
		return shards.ForEachBucket(func(name []byte) error {
			names = append(names, string(name))
			return nil
		})
	})
	return names, err
}

// Held implements driver.ListedStore.
func (s *Store) Held(ctx context.Context, mapping string) (held bool, err error) {
	err = s.do(ctx, func(*txn) error {
		held = s.leases.hasAny(mapping)
		return nil
	})
	return held, err
}

// hasAny reports whether a lease of a mapping is held.
func (ls *leases) hasAny(mapping string) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for k := range ls.held {
		if k.mapping == mapping {
			return true
		}
	}
	return false
}
