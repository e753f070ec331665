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
	// maxPage is the most data that one GetRecords brings.
	maxPage = 10 << 20
	// leastGrant is what a read needs at least that goes by what records weighed: less would bring a record at a time.
	leastGrant = 64 << 10
)

// Budget bounds the memory that the records of many shards take, in any number of mappings of a process. Before a read is
// made, it reserves the most that it can bring, whatever the reads before it brought. What it brought counts until it is
// resolved. Where the Budget is short, reads are made smaller, and wait in turn; shards that hold more than their part are
// asked to resolve it (Account.Pressed). Each shard has an equal part of the last quarter to itself, so that shards which
// cannot progress, with all that they hold, never keep others from progressing.
//
// Reads may exceed a Budget by the following, and no more:
//
//   - One page, which is 10 MiB and the overhead of its records, and of the members of aggregates. Where what is held
//     leaves too little for the most that a read can bring, one read at a time, of all shards, goes by what the records
//     of its shard weighed before. A read that takes longer than 5 s no longer counts as that one.
//   - One record of each shard, or its part of the last quarter. Where others hold all of the Budget, a shard that holds
//     less than its part may read that much, one shard after the other. Of n shards that are opened one after the other,
//     each when all before it are stuck, the parts come to a quarter of the Budget times the logarithm of n.
//   - What a record weighs above 1 MiB, the largest that a stream has by default, and above every record that was read
//     before; and what the members of aggregates weigh, for their bytes, above those of the page before.
//
// A read that brings more than was reserved for it counts in full.
//
// The read of an idle shard takes 1 MiB while it is under way, or as much as the heaviest record. At 20 ms a read, 10,000
// idle shards are read every second under a Budget of 256 MiB, and every 4 s under one of 64 MiB.
//
// Any number of goroutines may use a Budget. It starts none.
type Budget struct {
	total int64

	mu       sync.Mutex
	reserved int64 // of all accounts
	held     int64 // of all accounts
	accounts map[*Account]struct{}

	// The reservations that wait, the oldest first: of accounts below their part of the last quarter, which go first, of
	// those below their share of the whole, and of the others.
	needy, poor, rich list.List

	exposure exposure
	shortage shortage
	top      holder
}

// Account is the part of one shard in a Budget. A nil Account is one without bounds. One goroutine reserves, and one, which may be
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

// NewBudget returns a Budget of so many bytes, at least 40 MiB: four of the largest pages.
func NewBudget(bytes int64) (*Budget, error) {
	if bytes < leastBudget {
		return nil, fmt.Errorf("poller: a Budget of %d bytes: want %d or more, four of the largest pages", bytes, leastBudget)
	}
	return &Budget{total: bytes, accounts: map[*Account]struct{}{}}, nil
}

// Used returns how many bytes are reserved or held, and of how many.
func (b *Budget) Used() (used, total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used(), b.total
}

// Open returns an Account of b without a name, nil of a nil Budget. Its user closes it when its shard is not read any more.
func (b *Budget) Open() *Account { return b.OpenAs("") }

// OpenAs is Open with the name by which Account.Waiting shows the Account to those who wait for what it holds.
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

// Reserve waits until a read that may bring want bytes can be made, and returns how many it may bring: want or less. It
// takes the place of what was reserved before. When ctx ends first, it returns its cause, and nothing is reserved.
// Where want is 0, it does not wait.
func (a *Account) Reserve(ctx context.Context, want int) (int, error) {
	g, err := a.reserve(ctx, ask{want: int64(want), modest: int64(want), least: min(int64(want), leastGrant)})
	return int(g.bytes), err
}

// Received tells how much a read brought that was reserved for: that much stays reserved until Settle.
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

// Settle tells how much the shard holds now. With arrived, what was reserved for a read is part of that.
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
		b.enqueue(r) // it may have become poor
	}
	b.serve()
}

// Close gives back all that the account has. Closing it again does nothing.
func (a *Account) Close() {
	if a == nil {
		return
	}
	b := a.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.closed {
		return
	}
	a.closed = true
	delete(b.accounts, a)
	b.reserve(a, 0)
	b.hold(a, 0)
	b.serve()
}

func (b *Budget) used() int64 { return b.reserved + b.held }

// reserve and hold set what an account has.
func (b *Budget) reserve(a *Account, bytes int64) {
	b.reserved += bytes - a.reserved
	a.reserved = bytes
	b.exposure.over(a)
}

func (b *Budget) hold(a *Account, bytes int64) {
	b.held += bytes - a.held
	a.held = bytes
}

// share is what an account may hold before the others go first.
func (b *Budget) share() int64 { return b.total / int64(max(1, len(b.accounts))) }

// last is the part of a Budget that is shared out: no account has more of it than its part.
func (b *Budget) last() int64 { return b.total / 4 }

// part is what an account may have of the last quarter. Its held bytes count for it first.
func (b *Budget) part() int64 { return max(1, b.last()/int64(max(1, len(b.accounts)))) }
