package mapping

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// MemoryStore is a Store, and a DefinitionStore, that loses everything when its process ends: for tests, and for
// mappings that may start again at their starting position. Except for durability, it keeps the whole contract of a
// Store.
type MemoryStore struct {
	mu      sync.Mutex
	anchors map[string]memoryAnchor
	shards  map[string]map[string]*memoryShard // by mapping and shard

	forgotten   uint64 // the highest epoch of the forgotten mappings: new shards begin above it
	definitions map[string]driver.Definition
	writes      uint64 // to definitions
}

// memoryAnchor is the anchor of one mapping.
type memoryAnchor struct {
	at      time.Time
	settled bool // it never moves again
}

// memoryShard is the state of one shard. It exists from the first Acquire on.
type memoryShard struct {
	lease    driver.Lease // the latest
	held     bool
	written  uint64 // the epoch that stored progress, 0 before the first Commit
	progress driver.Progress
}

// NewMemoryStore returns an empty MemoryStore.
func NewMemoryStore() *MemoryStore {
	return &MemoryStore{
		anchors: map[string]memoryAnchor{}, shards: map[string]map[string]*memoryShard{}, definitions: map[string]driver.Definition{},
	}
}

// Anchor implements Store.
func (s *MemoryStore) Anchor(ctx context.Context, mapping string, proposed time.Time) (time.Time, error) {
	return s.anchor(ctx, mapping, func(a memoryAnchor, ok bool) memoryAnchor {
		if ok {
			return a
		}
		return memoryAnchor{at: proposed}
	})
}

// SettleAnchor implements Store.
func (s *MemoryStore) SettleAnchor(ctx context.Context, mapping string, at time.Time) (time.Time, error) {
	return s.anchor(ctx, mapping, func(a memoryAnchor, ok bool) memoryAnchor {
		if ok && (a.settled || a.at.Before(at)) {
			at = a.at
		}
		return memoryAnchor{at: at, settled: true}
	})
}

// anchor stores the result of change for an anchor; ok is false while none is stored.
func (s *MemoryStore) anchor(ctx context.Context, mapping string, change func(a memoryAnchor, ok bool) memoryAnchor) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, err
	}
	if mapping == "" {
		return time.Time{}, errors.New("mapping: memory store: anchor: the mapping's name is empty")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.anchors[mapping]
	a = change(a, ok)
	a.at = a.at.Round(0).UTC()
	s.anchors[mapping] = a
	return a.at, nil
}

// Progress implements Store.
func (s *MemoryStore) Progress(ctx context.Context, mapping string) (map[string]driver.Progress, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]driver.Progress, len(s.shards[mapping]))
	for shard, sh := range s.shards[mapping] {
		if sh.written > 0 {
			all[shard] = cloneProgress(sh.progress)
		}
	}
	return all, nil
}

// Acquire implements Store.
func (s *MemoryStore) Acquire(ctx context.Context, mapping, shard, owner string) (driver.Lease, driver.Progress, error) {
	if err := ctx.Err(); err != nil {
		return driver.Lease{}, driver.Progress{}, err
	}
	if mapping == "" || shard == "" {
		return driver.Lease{}, driver.Progress{}, fmt.Errorf("mapping: memory store: acquire shard %q of %q: a name is empty", shard, mapping)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shards[mapping][shard]
	if sh == nil {
		if s.shards[mapping] == nil {
			s.shards[mapping] = map[string]*memoryShard{}
		}
		sh = &memoryShard{lease: driver.Lease{Epoch: s.forgotten}}
		s.shards[mapping][shard] = sh
	}
	if sh.held {
		return driver.Lease{}, driver.Progress{}, fmt.Errorf("mapping: memory store: shard %s of %s, by %s: %w", shard, mapping, sh.lease.Owner, driver.ErrLeaseHeld)
	}
	sh.lease = driver.Lease{Mapping: mapping, Shard: shard, Owner: owner, Epoch: sh.lease.Epoch + 1}
	sh.held = true
	return sh.lease, cloneProgress(sh.progress), nil
}

// Commit implements Store.
func (s *MemoryStore) Commit(ctx context.Context, lease driver.Lease, p driver.Progress) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shards[lease.Mapping][lease.Shard]
	if sh == nil || !sh.held || sh.lease != lease {
		return fmt.Errorf("mapping: memory store: shard %s of %s, epoch %d: %w", lease.Shard, lease.Mapping, lease.Epoch, driver.ErrLeaseLost)
	}
	if sh.written == lease.Epoch {
		if p.Version <= sh.progress.Version {
			return nil
		}
		if p.Position.Compare(sh.progress.Position) < 0 {
			return fmt.Errorf("mapping: memory store: shard %s of %s: position %s is before %s, which is stored: positions never fall under one lease",
				lease.Shard, lease.Mapping, p.Position, sh.progress.Position)
		}
	}
	sh.written, sh.progress = lease.Epoch, cloneProgress(p)
	return nil
}

// Release implements Store.
func (s *MemoryStore) Release(ctx context.Context, lease driver.Lease) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh := s.shards[lease.Mapping][lease.Shard]; sh != nil && sh.lease == lease {
		sh.held = false
	}
	return nil
}

// Delete implements Store.
func (s *MemoryStore) Delete(ctx context.Context, mapping, shard string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shards[mapping][shard]
	switch {
	case sh == nil:
		return nil
	case sh.held:
		return fmt.Errorf("mapping: memory store: shard %s of %s, by %s: %w", shard, mapping, sh.lease.Owner, driver.ErrLeaseHeld)
	case sh.written == 0:
		return nil
	case !sh.progress.End:
		return fmt.Errorf("mapping: memory store: shard %s of %s is not at its end: it is not deleted", shard, mapping)
	}
	sh.written, sh.progress = 0, driver.Progress{} // the lease stays, so that epochs keep growing
	return nil
}

// Names implements ListedStore.
func (s *MemoryStore) Names(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.shards)), nil
}

// Held implements ListedStore.
func (s *MemoryStore) Held(ctx context.Context, mapping string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sh := range s.shards[mapping] {
		if sh.held {
			return true, nil
		}
	}
	return false, nil
}

// cloneProgress returns a copy of p that shares no memory with it.
func cloneProgress(p driver.Progress) driver.Progress {
	if p.Window != nil {
		w := *p.Window
		w.State = bytes.Clone(w.State)
		p.Window = &w
	}
	return p
}
