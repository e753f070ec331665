package dynamostore

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// grants are the leases that this Store has granted and that were not released yet. A row that names this process, but
// is not among them, is left of a call whose answer was lost: no one works under it.
type grants struct {
	mu          sync.Mutex
	held        map[key]*grant
	incarnation uint64 // of this process, 0 before the first lease
}

// grant is one lease, or the attempt to acquire it.
type grant struct {
	lease driver.Lease  // zero during the attempt
	turn  chan struct{} // of capacity 1: the goroutine that fills it may commit

	// Guarded by turn.
	known bool  // last equals the stored row, as far as is known
	last  row   // without the window
	doubt []int // slots to which a write with an unknown result may have moved the row
}

func newGrant() *grant { return &grant{turn: make(chan struct{}, 1)} }

// reserve records that the lease of k is being acquired. It returns false while it is held or being acquired here.
func (g *grants) reserve(k key) (*grant, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held[k] != nil {
		return nil, false
	}
	n := newGrant()
	g.held[k] = n
	return n, true
}

// give completes a reservation.
func (g *grants) give(n *grant, l driver.Lease, r row) {
	r.progress.Window = nil
	r.state.inline = nil
	n.last, n.known = r, true // n is not shared yet
	g.mu.Lock()
	defer g.mu.Unlock()
	n.lease = l
}

// take ends a failed reservation.
func (g *grants) take(k key, n *grant) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held[k] == n {
		delete(g.held, k)
	}
}

// drop ends a lease, if it is held here.
func (g *grants) drop(l driver.Lease) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := g.held[keyOf(l)]; n != nil && n.lease == l {
		delete(g.held, keyOf(l))
	}
}

// of returns the grant of a lease, or an empty one if it is not held here.
func (g *grants) of(l driver.Lease) *grant {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := g.held[keyOf(l)]; n != nil && n.lease == l {
		return n
	}
	return newGrant()
}

// enter waits for the turn to commit.
func (n *grant) enter(ctx context.Context) error {
	select {
	case n.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (n *grant) leave() { <-n.turn }

// slot returns a slot that no row can refer to.
func (n *grant) slot() int {
	for i := 1; ; i++ {
		if i != n.last.state.slot && !slices.Contains(n.doubt, i) {
			return i
		}
	}
}

// watch measures how long leases of KCL have not moved, by this process's monotonic clock.
type watch struct {
	mu   sync.Mutex
	seen map[key]sighting
}

// sighting is a lease in the state in which it was first seen.
type sighting struct {
	owner, counter string
	since          time.Time
}

// stands reports whether a lease was seen unchanged for at least patience.
func (w *watch) stands(k key, owner, counter string, patience time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, known := w.seen[k]
	if !known || s.owner != owner || s.counter != counter {
		s = sighting{owner: owner, counter: counter, since: time.Now()}
		w.seen[k] = s
	}
	return time.Since(s.since) >= patience
}

// forget ends the watch on a lease.
func (w *watch) forget(k key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.seen, k)
}
