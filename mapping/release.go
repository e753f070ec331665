package mapping

import (
	"context"
	"fmt"
	"sync"

	"github.com/shardmill/shardmill/mapping/driver"
)

// release releases the lease, retrying for finalCommit, and reports whether the store accepted it. If not, the mapping
// owes the release, and makes it before it acquires the shard again; another owner waits until then, or until the lease
// expires.
func (s *shard) release() (released bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.stopCtx), finalCommit)
	defer cancel()
	err := s.tryRelease(ctx)
	for pause := commitRetry; err != nil && !isFinal(err); pause *= 2 {
		if !sleep(ctx, pause) {
			break
		}
		err = s.tryRelease(ctx)
	}
	if err == nil {
		return true
	}
	s.log.Warn("releasing the shard's lease failed", "error", err)
	s.tenure.owe(s.lease)
	return false
}

func (s *shard) tryRelease(ctx context.Context) (err error) {
	if failed := s.deps.guard.Do("Store.Release", func() { err = s.tenure.Release(ctx, s.lease) }); failed != nil {
		return failed
	}
	return err
}

// owed keeps the leases that a mapping was unable to release, by shard: a Store may hold them for ever, even against
// the mapping itself. The zero value is ready. It is safe for concurrent use.
type owed struct {
	mu     sync.Mutex
	leases map[string]driver.Lease
}

func (o *owed) add(l driver.Lease) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.leases == nil {
		o.leases = map[string]driver.Lease{}
	}
	o.leases[l.Shard] = l
}

// pay releases the lease of a shard that is owed, if there is one.
func (o *owed) pay(ctx context.Context, store driver.Store, shard string) error {
	o.mu.Lock()
	lease, ok := o.leases[shard]
	o.mu.Unlock()
	if !ok {
		return nil
	}
	if err := store.Release(ctx, lease); err != nil {
		return fmt.Errorf("mapping: release the lease of an earlier run: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.leases, shard)
	return nil
}
