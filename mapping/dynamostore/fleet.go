package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// FleetStore is a driver.FleetStore in DynamoDB: the processes that run a mapping with one share its shards. It has no
// goroutine and needs no closing. It is safe for concurrent use.
//
// Progress is in the same rows as a Store's, so that a mapping can move from one to the other. Stop it in between:
// remaining leases of a Store's process are taken from it immediately, because it has no row among the workers;
// remaining leases of a fleet's worker are never free for a Store.
type FleetStore struct {
	*Store
	worker string // Options.Worker unchanged

	mu   sync.Mutex
	held map[key]*grant // by the latest Take of this process
}

// NewFleet returns a FleetStore. It makes no call. Options.Worker has no influence on the distribution of shards.
func NewFleet(o Options) (*FleetStore, error) {
	s, err := newStore(o)
	if o.Worker != "" {
		if wrong := fleet.CheckName(o.Worker); wrong != nil {
			err = errors.Join(err, fmt.Errorf("dynamostore: Worker %w", wrong))
		}
	}
	if err != nil {
		return nil, err
	}
	return &FleetStore{Store: s, worker: o.Worker, held: map[key]*grant{}}, nil
}

// Worker implements driver.WorkerStore: it returns Options.Worker, empty for the mapping's default.
func (s *FleetStore) Worker() string { return s.worker }

// Fleet implements driver.FleetStore.
func (s *FleetStore) Fleet(name string) driver.FleetTable {
	t := &fleetTable{store: s, mapping: name}
	if s.options.ShareWithKCL {
		return &sharedTable{t}
	}
	return t
}

// Delete implements driver.Store, as Store.Delete does.
func (s *FleetStore) Delete(ctx context.Context, name, shard string) error {
	err := s.Store.Delete(ctx, name, shard)
	if err == nil {
		s.keep(key{name, shard}, nil)
	}
	return err
}

// keep stores the known state of a shard whose lease was taken; nil: it has ended.
func (s *FleetStore) keep(k key, g *grant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g == nil {
		delete(s.held, k)
		return
	}
	if had := s.held[k]; had == nil || had.lease != g.lease { // a repeated Take changes nothing: commits may be running
		s.held[k] = g
	}
}

// grant returns the known state of a lease: none if it was not taken here.
func (s *FleetStore) grant(l driver.Lease) *grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.held[keyOf(l)]; g != nil && g.lease == l {
		return g
	}
	return newGrant()
}

// end forgets a lease.
func (s *FleetStore) end(l driver.Lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.held[keyOf(l)]; g != nil && g.lease == l {
		delete(s.held, keyOf(l))
	}
}

// fleetTable has the rows of one mapping.
type fleetTable struct {
	store   *FleetStore
	mapping string

	mu     sync.Mutex
	listed map[string]driver.FleetShard // by ID
}

// Listed implements driver.FleetLister.
func (t *fleetTable) Listed(shards []driver.FleetShard) {
	listed := make(map[string]driver.FleetShard, len(shards))
	for _, s := range shards {
		listed[s.ID] = s
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.listed = listed
}

// describe adds the shard's place in the stream, in KCL's form, if that is known and not yet in the row.
func (t *fleetTable) describe(x *expr, shard string) {
	t.mu.Lock()
	s := t.listed[shard]
	t.mu.Unlock()
	for name, ids := range map[string][]string{kcl.ParentShardID: s.Parents, kcl.ChildShardIDs: s.Children} {
		if len(ids) > 0 {
			x.init(name, kcl.Set(ids))
		}
	}
	for name, key := range map[string]string{kcl.StartingHashKey: s.StartingHashKey, kcl.EndingHashKey: s.EndingHashKey} {
		if key != "" {
			x.init(name, text(key))
		}
	}
}

func (t *fleetTable) key(shard string) key { return key{t.mapping, shard} }

// lease is the lease as the methods of Store have it.
func (t *fleetTable) lease(l driver.FleetLease) driver.Lease {
	return driver.Lease{Mapping: t.mapping, Shard: l.Shard, Owner: l.Owner, Epoch: l.Epoch}
}

// check returns an error for an invalid call.
func (t *fleetTable) check(ctx context.Context, what, name string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("dynamostore: %s %s of %s: %w", what, name, t.mapping, err)
	}
	if t.mapping == "" || name == "" {
		return fmt.Errorf("dynamostore: %s %q of %q: a name is empty", what, name, t.mapping)
	}
	return nil
}

// refused returns the error of a write whose condition did not hold.
func (t *fleetTable) refused(what, name string) error {
	return fmt.Errorf("dynamostore: %s %s of %s: %w", what, name, t.mapping, driver.ErrFleetRefused)
}

// Load implements driver.FleetTable.
func (t *fleetTable) Load(ctx context.Context, shard string) (driver.FleetCheckpoint, bool, error) {
	if err := t.check(ctx, "load", shard); err != nil {
		return driver.FleetCheckpoint{}, false, err
	}
	r, err := t.store.read(ctx, t.key(shard))
	if err != nil || !r.stored {
		return driver.FleetCheckpoint{}, false, err
	}
	p := r.progress
	return driver.FleetCheckpoint{Version: p.Version, Finished: p.End, Rate: r.rate, Value: p}, true, nil
}

// Commit implements driver.FleetTable.
func (t *fleetTable) Commit(ctx context.Context, l driver.FleetLease, c driver.FleetCheckpoint) error {
	p, ok := c.Value.(driver.Progress)
	if !ok || p.Version != c.Version || p.End != c.Finished {
		return fmt.Errorf("dynamostore: commit %s: its value is not the driver.Progress that belongs to it", t.key(l.Shard))
	}
	lease := t.lease(l)
	e := entry{Progress: p, fleet: true, rate: c.Rate}
	if c.Finished { // its children are known by now
		e.also = func(x *expr) { t.describe(x, l.Shard) }
	}
	err := t.store.commitUnder(ctx, lease, t.store.grant(lease), e)
	if errors.Is(err, driver.ErrLeaseLost) {
		t.store.end(lease)
		return t.refused("commit", l.String())
	}
	return err
}

// ownerOf returns the owner of a lease of ours, and false if KCL owns it.
func ownerOf(r *row) (owner string, ok bool) {
	if r.owner == nil {
		return "", true
	}
	s, isText := r.owner.(*types.AttributeValueMemberS)
	if !r.ours || !isText {
		return "", false
	}
	return s.Value, true
}
