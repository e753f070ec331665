package fleet

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/shardmill/shardmill/mapping/driver"
)

// Memory is a driver.FleetTable in this process, for tests. Its zero value is not usable; see NewMemory.
type Memory struct {
	page int

	mu      sync.Mutex
	workers rows[driver.FleetWorker]
	leases  rows[memoryLease]
	floor   uint64 // the highest epoch of the rows that were deleted: new ones begin above it
	counts  Counts
}

// Counts counts the calls of a Memory.
type Counts struct {
	Writes  int // of any row, refused ones included
	Pages   int // that were read
	Workers int // rows of workers on them
	Leases  int // rows of leases on them
}

type memoryLease struct {
	row        driver.FleetLease
	seen       uint64 // the epoch that the last Take has seen
	written    uint64 // the epoch that stored the checkpoint, 0 before the first Commit
	checkpoint driver.FleetCheckpoint
}

// rows are the rows of one kind, by key and in its order.
type rows[T any] struct {
	keys  []string
	rows  []*T
	byKey map[string]*T
}

func (r *rows[T]) add(key string, row *T) {
	i, _ := slices.BinarySearch(r.keys, key)
	r.keys = slices.Insert(r.keys, i, key)
	r.rows = slices.Insert(r.rows, i, row)
	r.byKey[key] = row
}

func (r *rows[T]) remove(key string) {
	if i, ok := slices.BinarySearch(r.keys, key); ok {
		r.keys = slices.Delete(r.keys, i, i+1)
		r.rows = slices.Delete(r.rows, i, i+1)
		delete(r.byKey, key)
	}
}

// after returns up to n rows after mark, and the mark of the next page.
func (r *rows[T]) after(mark string, n int) (page []*T, next string) {
	i, found := slices.BinarySearch(r.keys, mark)
	if found {
		i++
	}
	if i+n < len(r.keys) {
		return r.rows[i : i+n], r.keys[i+n-1]
	}
	return r.rows[i:], ""
}

// NewMemory returns an empty table with pages of at most that many rows, at least one.
func NewMemory(page int) *Memory {
	return &Memory{
		page:    max(1, page),
		workers: rows[driver.FleetWorker]{byKey: map[string]*driver.FleetWorker{}},
		leases:  rows[memoryLease]{byKey: map[string]*memoryLease{}},
	}
}

// Counts returns the counts so far.
func (m *Memory) Counts() Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts
}

// Checkpoint returns the stored checkpoint of a shard, and false if there is none. It stands for reading the progress.
func (m *Memory) Checkpoint(shard string) (driver.FleetCheckpoint, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l := m.leases.byKey[shard]; l != nil && l.written > 0 {
		return l.checkpoint, true
	}
	return driver.FleetCheckpoint{}, false
}

// write begins a write; the returned function ends it.
func (m *Memory) write(ctx context.Context) (func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.counts.Writes++
	return m.mu.Unlock, nil
}

// Heartbeat implements driver.FleetTable.
func (m *Memory) Heartbeat(ctx context.Context, row driver.FleetWorker, join bool) error {
	done, err := m.write(ctx)
	if err != nil {
		return err
	}
	defer done()
	row.Asks, row.Closed = slices.Clone(row.Asks), false
	switch had := m.workers.byKey[row.Incarnation]; {
	case had == nil && join:
		m.workers.add(row.Incarnation, &row)
	case had == nil || had.Closed || had.Counter > row.Counter:
		return fmt.Errorf("%w: heartbeat %s", driver.ErrFleetRefused, row.Incarnation)
	default:
		*had = row
	}
	return nil
}

// Workers implements driver.FleetTable.
func (m *Memory) Workers(ctx context.Context, mark string) (page []driver.FleetWorker, next string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found, next := m.workers.after(mark, m.page)
	for _, w := range found {
		row := *w
		row.Asks = slices.Clone(row.Asks)
		page = append(page, row)
	}
	m.counts.Pages++
	m.counts.Workers += len(page)
	return page, next, nil
}

// Close implements driver.FleetTable.
func (m *Memory) Close(ctx context.Context, incarnation string, counter uint64) error {
	done, err := m.write(ctx)
	if err != nil {
		return err
	}
	defer done()
	row := m.workers.byKey[incarnation]
	if row == nil || row.Counter != counter {
		return fmt.Errorf("%w: close %s", driver.ErrFleetRefused, incarnation)
	}
	row.Closed = true
	return nil
}

// Retire implements driver.FleetTable.
func (m *Memory) Retire(ctx context.Context, incarnation string) error {
	done, err := m.write(ctx)
	if err != nil {
		return err
	}
	defer done()
	row := m.workers.byKey[incarnation]
	if row == nil {
		return fmt.Errorf("%w: retire %s", driver.ErrFleetRefused, incarnation)
	}
	row.Closed = true
	return nil
}

// Remove implements driver.FleetTable.
func (m *Memory) Remove(ctx context.Context, incarnation string) error {
	done, err := m.write(ctx)
	if err != nil {
		return err
	}
	defer done()
	if row := m.workers.byKey[incarnation]; row != nil && !row.Closed {
		return fmt.Errorf("%w: remove %s", driver.ErrFleetRefused, incarnation)
	}
	m.workers.remove(incarnation)
	return nil
}

// Leases implements driver.FleetTable.
func (m *Memory) Leases(ctx context.Context, mark string) (page []driver.FleetLease, next string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found, next := m.leases.after(mark, m.page)
	page = make([]driver.FleetLease, 0, len(found))
	for _, l := range found {
		page = append(page, l.row)
	}
	m.counts.Pages++
	m.counts.Leases += len(page)
	return page, next, nil
}

// Take implements driver.FleetTable.
func (m *Memory) Take(ctx context.Context, seen driver.FleetLease, owner string) (driver.FleetLease, error) {
	done, err := m.write(ctx)
	if err != nil {
		return driver.FleetLease{}, err
	}
	defer done()
	l := m.leases.byKey[seen.Shard]
	switch {
	case l == nil && seen.Epoch == 0:
		l = &memoryLease{row: driver.FleetLease{Shard: seen.Shard, Owner: owner, Epoch: m.floor + 1}}
		m.leases.add(seen.Shard, l)
	case l == nil:
		return driver.FleetLease{}, fmt.Errorf("%w: take %s", driver.ErrFleetRefused, seen)
	case l.row.Owner == owner && l.seen == seen.Epoch: // by a call whose answer was lost
	case l.row.Owner == seen.Owner && l.row.Epoch == seen.Epoch:
		l.row.Owner, l.row.Epoch, l.seen = owner, seen.Epoch+1, seen.Epoch
	default:
		return driver.FleetLease{}, fmt.Errorf("%w: take %s", driver.ErrFleetRefused, seen)
	}
	return l.row, nil
}

// Commit implements driver.FleetTable.
func (m *Memory) Commit(ctx context.Context, lease driver.FleetLease, c driver.FleetCheckpoint) error {
	done, err := m.write(ctx)
	if err != nil {
		return err
	}
	defer done()
	l := m.leases.byKey[lease.Shard]
	if l == nil || l.row.Owner != lease.Owner || l.row.Epoch != lease.Epoch {
		return fmt.Errorf("%w: commit %s", driver.ErrFleetRefused, lease)
	}
	if l.written == lease.Epoch && c.Version <= l.checkpoint.Version {
		return nil
	}
	l.written, l.checkpoint = lease.Epoch, c
	l.row.Begun, l.row.Finished, l.row.Rate = true, l.row.Finished || c.Finished, c.Rate
	return nil
}

// Release implements driver.FleetTable.
func (m *Memory) Release(ctx context.Context, lease driver.FleetLease) error {
	done, err := m.write(ctx)
	if err != nil {
		return err
	}
	defer done()
	if l := m.leases.byKey[lease.Shard]; l != nil && l.row.Owner == lease.Owner && l.row.Epoch == lease.Epoch {
		l.row.Owner, l.row.Epoch = "", lease.Epoch+1
	}
	return nil
}

// Delete removes the row of a finished shard. It is refused while the row has an owner, and fails if the shard is not
// finished. It returns nil if there is no row. If the shard is added again, its epochs continue.
func (m *Memory) Delete(ctx context.Context, shard string) error {
	done, err := m.write(ctx)
	if err != nil {
		return err
	}
	defer done()
	l := m.leases.byKey[shard]
	switch {
	case l == nil:
		return nil
	case l.row.Owner != "":
		return fmt.Errorf("%w: delete %s", driver.ErrFleetRefused, l.row)
	case !l.row.Finished:
		return fmt.Errorf("fleet: delete %s: the shard is not finished", l.row)
	}
	m.floor = max(m.floor, l.row.Epoch)
	m.leases.remove(shard)
	return nil
}

// Load implements driver.FleetTable.
func (m *Memory) Load(ctx context.Context, shard string) (driver.FleetCheckpoint, bool, error) {
	if err := ctx.Err(); err != nil {
		return driver.FleetCheckpoint{}, false, err
	}
	c, ok := m.Checkpoint(shard)
	return c, ok, nil
}
