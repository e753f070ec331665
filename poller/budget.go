package poller

import (
	"container/list"
	"context"
	"fmt"
	"sync"
)

const (
	// leastBudget is the smallest Budget: four pages of the largest size.
	leastBudget = 4 * maxPage
	// maxPage is the most data that one GetRecords returns.
	maxPage = 10 << 20
	// leastGrant is the minimum for a read that is sized by the weight of earlier records: with less, each read would
	// return a single record.
	leastGrant = 64 << 10
)

// Budget bounds the memory of the records of many shards, in any number of mappings of a process. Each read first
// reserves the most that it can return, whatever earlier reads returned. The returned records count until they are
// resolved. When the Budget is short, reads become smaller, and wait in turn; shards that hold more than their part are
// asked to resolve it (Account.Pressed). Each shard has an equal part of the last quarter to itself, so that shards
// which cannot progress, with everything that they hold, never prevent others from progressing.
//
// Reads may exceed a Budget by the following, and no more:
//
//   - One page, which is 10 MiB and the overhead of its records, and of the members of aggregates. If what is held
//     leaves too little for the most that a read can return, one read at a time, of all shards, is sized by the weight of
//     earlier records of its shard. A read that takes longer than 5 s no longer counts as that one.
//   - One record of each shard, or its part of the last quarter. If others hold all of the Budget, a shard that holds
//     less than its part may read that much, one shard after the other. If n shards are opened one after the other,
//     each when all before it are stuck, the parts sum up to a quarter of the Budget times the logarithm of n.
//   - The weight of a record above 1 MiB, the largest that a stream has by default, and above every record that was read
//     before; and the additional weight of the members of aggregates, for their bytes, compared with the previous page.
//
// A read that returns more than its reservation counts in full.
//
// A running read of an idle shard takes 1 MiB, or as much as the heaviest record. At 20 ms per read, 10,000 idle shards
// are read every second under a Budget of 256 MiB, and every 4 s under one of 64 MiB.
//
// A Budget is safe for concurrent use. It starts no goroutine.
type Budget struct {
	total int64

	mu       sync.Mutex
	reserved int64 // of all accounts
	held     int64 // of all accounts
	accounts map[*Account]struct{}

	// The waiting reservations, the oldest first: those of accounts below their part of the last quarter, which go
	// first, those below their share of the whole, and the others.
	belowReserve, belowShare, rest list.List

	exposure exposure
	shortage shortage
	top      holder
}

// Account is the part of one shard in a Budget. A nil Account is unbounded. One goroutine reserves, and one, possibly
// another, settles.
type Account struct {
	budget   *Budget
	name     string
	pressure chan struct{} // of capacity 1

	// Under budget.mu.
	reserved, held int64
	closed         bool
	waits          *reservation
}

// NewBudget returns a Budget of the given size, at least 40 MiB: four of the largest pages.
func NewBudget(bytes int64) (*Budget, error) {
	if bytes < leastBudget {
		return nil, fmt.Errorf("poller: a Budget of %d bytes: want %d or more, four of the largest pages", bytes, leastBudget)
	}
	return &Budget{total: bytes, accounts: map[*Account]struct{}{}}, nil
}

// Used returns how many bytes are reserved or held, and the total.
func (b *Budget) Used() (used, total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used(), b.total
}

// Open returns an unnamed Account of b; nil for a nil Budget. Its user closes it when its shard is no longer read.
func (b *Budget) Open() *Account { return b.OpenAs("") }

// OpenAs is Open with a name. Account.Waiting shows the name to readers that wait for memory of the Account.
func (b *Budget) OpenAs(name string) *Account {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	a := &Account{budget: b, name: name, pressure: make(chan struct{}, 1)}
	b.accounts[a] = struct{}{}
	return a
}

// Reserve waits until a read that may return want bytes can be made, and returns how many it may return: want or less.
// It replaces the previous reservation. If ctx ends first, it returns ctx's cause, and nothing is reserved. If want is
// 0, it does not wait.
func (a *Account) Reserve(ctx context.Context, want int) (int, error) {
	g, err := a.reserve(ctx, ask{want: int64(want), modest: int64(want), least: min(int64(want), leastGrant)})
	return int(g.bytes), err
}

// Received sets the size of the result of the reserved read: that much stays reserved until Settle.
func (a *Account) Received(bytes int) {
	if a == nil {
		return
	}
	b := a.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if !a.closed {
		b.reserve(a, int64(bytes))
		b.serve()
	}
}

// Settle sets what the shard holds now. With arrived, the reservation of a read is included.
func (a *Account) Settle(held int, arrived bool) {
	if a == nil {
		return
	}
	b := a.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.closed {
		return
	}
	if arrived {
		b.reserve(a, 0)
	}
	b.hold(a, int64(held))
	if r := a.waits; r != nil {
		b.enqueue(r) // it may be below its share now
	}
	b.serve()
}

// Close returns everything that the account has. Closing it again does nothing.
func (a *Account) Close() {
	if a == nil {
		return
	}
	b := a.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	a.closed = true
	delete(b.accounts, a)
	b.reserve(a, 0)
	b.hold(a, 0)
	b.serve()
}

func (b *Budget) used() int64 { return b.reserved + b.held }

// reserve and hold set the bytes of an account.
func (b *Budget) reserve(a *Account, bytes int64) {
	b.reserved += bytes - a.reserved
	a.reserved = bytes
	b.exposure.over(a)
}

func (b *Budget) hold(a *Account, bytes int64) {
	b.held += bytes - a.held
	a.held = bytes
}

// share is the amount that an account may hold before the others go first.
func (b *Budget) share() int64 { return b.total / int64(max(1, len(b.accounts))) }

// last is the divided part of a Budget: no account has more of it than its part.
func (b *Budget) last() int64 { return b.total / 4 }

// part is an account's part of the last quarter. Its held bytes count against it first.
func (b *Budget) part() int64 { return max(1, b.last()/int64(max(1, len(b.accounts)))) }
