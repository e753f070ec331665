package mapping_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

var (
	errBroken = errors.New("connection reset by peer")
	errGone   = errors.New("the process is dead")
)

// gate is what one process reaches the store through.
type gate struct {
	player *player

	mu      sync.Mutex
	rng     *rand.Rand
	mode    gateMode
	rate    int           // percent of the calls
	changed chan struct{} // closed when mode changes
	dead    bool
	fuse    int // writes until the process crashes, 0: none
	lands   bool
}

func newGate(p *player, seed uint64) *gate {
	return &gate{player: p, rng: rand.New(rand.NewPCG(seed, 4)), mode: gateOpen, changed: make(chan struct{})}
}

// set changes what the store does.
func (g *gate) set(mode gateMode, rate int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mode, g.rate = mode, rate
	close(g.changed)
	g.changed = make(chan struct{})
}

// arm lets the process crash at a write of progress, or of a lease, before or after it lands.
func (g *gate) arm(writes int, lands bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fuse, g.lands = writes, lands
}

func (g *gate) die() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dead = true
}

// draw returns what becomes of a call.
func (g *gate) draw(write bool) (mode gateMode, changed <-chan struct{}, blows bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if write && g.fuse > 0 {
		g.fuse--
		blows = g.fuse == 0
	}
	if g.mode != gateOpen && g.rng.IntN(100) < g.rate {
		return g.mode, g.changed, blows
	}
	return gateOpen, nil, blows
}

func (g *gate) isDead() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dead
}

// call makes a call of the store, do, as far as it gets through.
func (g *gate) call(ctx context.Context, write bool, do func() error) error {
	if g.isDead() {
		return errGone
	}
	mode, changed, blows := g.draw(write)
	if blows {
		if g.lands {
			_ = do() // nobody hears of it
		}
		g.player.crash()
		return errGone
	}
	switch mode {
	case gateRefuses:
		return errBroken
	case gateHangs:
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-g.player.crashed:
			return errGone
		}
	case gateLoses:
		_ = do()
		return errBroken
	case gateOpen:
	}
	return do()
}

// gatedStore is the store of processes that do not share the shards.
type gatedStore struct {
	driver.Store
	gate   *gate
	mu     sync.Mutex
	leases []driver.Lease // that were acquired and not released
	kept   bool           // a lease could not be released
}

// giveBack releases the leases of a process that has ended, as a store does whose leases end with their process. It reports those
// that the process should have released.
func (s *gatedStore) giveBack() (kept []driver.Lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.leases {
		_ = s.Store.Release(context.Background(), l) // a MemoryStore cannot fail
	}
	if s.kept {
		return nil
	}
	return s.leases
}

func (s *gatedStore) Anchor(ctx context.Context, name string, at time.Time) (anchor time.Time, err error) {
	err = s.gate.call(ctx, false, func() error { anchor, err = s.Store.Anchor(ctx, name, at); return err })
	return anchor, err
}

func (s *gatedStore) SettleAnchor(ctx context.Context, name string, at time.Time) (anchor time.Time, err error) {
	err = s.gate.call(ctx, false, func() error { anchor, err = s.Store.SettleAnchor(ctx, name, at); return err })
	return anchor, err
}

func (s *gatedStore) Progress(ctx context.Context, name string) (all map[string]driver.Progress, err error) {
	err = s.gate.call(ctx, false, func() error { all, err = s.Store.Progress(ctx, name); return err })
	return all, err
}

func (s *gatedStore) Acquire(ctx context.Context, name, shard, owner string) (lease driver.Lease, p driver.Progress, err error) {
	acquired := false
	err = s.gate.call(ctx, true, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.gate.isDead() {
			return errGone
		}
		if lease, p, err = s.Store.Acquire(ctx, name, shard, owner); err == nil {
			s.leases, acquired = append(s.leases, lease), true
		}
		return err
	})
	if err != nil && acquired { // as the contract of a Store has it: nobody has a lease by a call that failed
		_ = s.Store.Release(context.WithoutCancel(ctx), lease)
		s.forget(lease)
	}
	return lease, p, err
}

func (s *gatedStore) Commit(ctx context.Context, lease driver.Lease, p driver.Progress) error {
	j := s.gate.player.journal()
	c := j.commit(s.gate.player, lease.Shard, lease.Epoch, p)
	c.err = s.gate.call(ctx, true, func() error {
		err := s.Store.Commit(ctx, lease, p)
		if err == nil {
			c.durable = j.mark()
		}
		return err
	})
	c.ended = j.mark()
	return c.err
}

func (s *gatedStore) Release(ctx context.Context, lease driver.Lease) error {
	err := s.gate.call(ctx, true, func() error { return s.Store.Release(ctx, lease) })
	if err == nil {
		s.forget(lease)
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = true
	return err
}

// forget takes note that a lease was released.
func (s *gatedStore) forget(lease driver.Lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leases = slices.DeleteFunc(s.leases, func(l driver.Lease) bool { return l == lease })
}

func (s *gatedStore) Delete(ctx context.Context, name, shard string) error {
	return s.gate.call(ctx, true, func() error { return s.Store.Delete(ctx, name, shard) })
}

// gatedFleet is the store of a worker of a fleet.
type gatedFleet struct {
	*view
	gate *gate
}

func (s gatedFleet) Progress(ctx context.Context, name string) (all map[string]driver.Progress, err error) {
	err = s.gate.call(ctx, false, func() error { all, err = s.view.Progress(ctx, name); return err })
	return all, err
}

func (s gatedFleet) Fleet(name string) driver.FleetTable {
	return gatedTable{s.view.Fleet(name), s.gate}
}

type gatedTable struct {
	driver.FleetTable
	gate *gate
}

func (t gatedTable) Heartbeat(ctx context.Context, row driver.FleetWorker, join bool) error {
	return t.gate.call(ctx, false, func() error { return t.FleetTable.Heartbeat(ctx, row, join) })
}

func (t gatedTable) Workers(ctx context.Context, mark string) (rows []driver.FleetWorker, next string, err error) {
	err = t.gate.call(ctx, false, func() error { rows, next, err = t.FleetTable.Workers(ctx, mark); return err })
	return rows, next, err
}

func (t gatedTable) Leases(ctx context.Context, mark string) (rows []driver.FleetLease, next string, err error) {
	err = t.gate.call(ctx, false, func() error { rows, next, err = t.FleetTable.Leases(ctx, mark); return err })
	return rows, next, err
}

func (t gatedTable) Close(ctx context.Context, worker string, counter uint64) error {
	return t.gate.call(ctx, false, func() error { return t.FleetTable.Close(ctx, worker, counter) })
}

func (t gatedTable) Retire(ctx context.Context, worker string) error {
	return t.gate.call(ctx, true, func() error { return t.FleetTable.Retire(ctx, worker) })
}

func (t gatedTable) Remove(ctx context.Context, worker string) error {
	return t.gate.call(ctx, false, func() error { return t.FleetTable.Remove(ctx, worker) })
}

func (t gatedTable) Take(ctx context.Context, seen driver.FleetLease, owner string) (row driver.FleetLease, err error) {
	err = t.gate.call(ctx, true, func() error { row, err = t.FleetTable.Take(ctx, seen, owner); return err })
	return row, err
}

func (t gatedTable) Release(ctx context.Context, lease driver.FleetLease) error {
	return t.gate.call(ctx, true, func() error { return t.FleetTable.Release(ctx, lease) })
}

func (t gatedTable) Load(ctx context.Context, shard string) (c driver.FleetCheckpoint, ok bool, err error) {
	err = t.gate.call(ctx, false, func() error { c, ok, err = t.FleetTable.Load(ctx, shard); return err })
	return c, ok, err
}

func (t gatedTable) Commit(ctx context.Context, lease driver.FleetLease, c driver.FleetCheckpoint) error {
	j := t.gate.player.journal()
	p, _ := c.Value.(driver.Progress)
	note := j.commit(t.gate.player, lease.Shard, lease.Epoch, p)
	note.err = t.gate.call(ctx, true, func() error {
		err := t.FleetTable.Commit(ctx, lease, c)
		if err == nil {
			note.durable = j.mark()
		}
		return err
	})
	note.ended = j.mark()
	return note.err
}
