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
	// maxPage is the most that one GetRecords brings, and what is reserved for a read of which nothing is known.
	maxPage = 10 << 20
	// leastGrant is what a read needs at least: less would bring a record at a time.
	leastGrant = 64 << 10
)

// Budget bounds the memory that the records of many shards take, in any number of mappings of a process. A read reserves
// what it may bring before it is made; what it brought counts until it is resolved. Where the Budget is short, reads are
// made smaller, and wait in turn. Each shard has an equal part of the last quarter to itself, so that shards which cannot
// move on, with all that they hold, never keep others from moving.
//
// It is a bound on reads, not a wall: a read that brings more than was reserved for it counts in full, and is not thrown
// away. So does the part of a shard that is opened when all is held by stuck ones: of n that are opened one after the
// other, each when all before it are stuck, the parts come to a quarter of the Budget times the logarithm of n.
// Any number of goroutines may use a Budget. It starts none.
type Budget struct {
	total int64

	mu       sync.Mutex
	reserved int64 // of all accounts
	held     int64 // of all accounts
	accounts int64

	// The reservations that wait, the oldest first: of accounts below their part of the last quarter, which go first, of
	// those below their share of the whole, and of the others.
	needy, poor, rich list.List
}

// Account is the part of one shard in a Budget. A nil Account is one without bounds. One goroutine reserves, and one, which may be
// another, settles.
type Account struct {
	budget *Budget

	// Under budget.mu.
	reserved, held int64
	closed         bool
	waits          *reservation
}

// reservation is a read that waits.
type reservation struct {
	account *Account
	want    int64
	granted chan int64 // of capacity 1
	queue   *list.List
	place   *list.Element
}

// NewBudget returns a Budget of so many bytes, at least 40 MiB: four of the largest pages.
func NewBudget(bytes int64) (*Budget, error) {
	if bytes < leastBudget {
		return nil, fmt.Errorf("poller: a Budget of %d bytes: want %d or more, four of the largest pages", bytes, leastBudget)
	}
	return &Budget{total: bytes}, nil
}

// Used returns how many bytes are reserved or held, and of how many.
func (b *Budget) Used() (used, total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used(), b.total
}

// Open returns an Account of b, nil of a nil Budget. It is closed when its shard is not read any more.
func (b *Budget) Open() *Account {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.accounts++
	return &Account{budget: b}
}

// Reserve waits until a read that may bring want bytes can be made, and returns how many it may bring: want or less. It
// takes the place of what was reserved before. When ctx ends first, it returns its cause, and nothing is reserved.
// Nothing is granted at once.
func (a *Account) Reserve(ctx context.Context, want int) (int, error) {
	if a == nil {
		return want, nil
	}
	if want <= 0 {
		a.Received(0)
		return 0, nil
	}
	b := a.budget
	r := b.ask(a, int64(want))
	select {
	case n := <-r.granted:
		return int(n), nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dequeue(r)
	b.reserve(a, 0) // it may have been granted meanwhile
	b.serve()
	return 0, context.Cause(ctx)
}

// ask queues a reservation, which is granted at once if it can be.
func (b *Budget) ask(a *Account, want int64) *reservation {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reserve(a, 0)
	r := &reservation{account: a, want: want, granted: make(chan int64, 1)}
	b.enqueue(r)
	b.serve()
	return r
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
	b.accounts--
	b.reserve(a, 0)
	b.hold(a, 0)
	b.serve()
}

func (b *Budget) used() int64 { return b.reserved + b.held }

// reserve and hold set what an account has.
func (b *Budget) reserve(a *Account, bytes int64) {
	b.reserved += bytes - a.reserved
	a.reserved = bytes
}

func (b *Budget) hold(a *Account, bytes int64) {
	b.held += bytes - a.held
	a.held = bytes
}

// share is what an account may hold before the others go first.
func (b *Budget) share() int64 { return b.total / max(1, b.accounts) }

// last is the part of a Budget that is shared out: nobody has more of it than his part.
func (b *Budget) last() int64 { return b.total / 4 }

// part is what an account may have of the last quarter. Its held bytes count for it first.
func (b *Budget) part() int64 { return max(1, b.last()/max(1, b.accounts)) }

// queueOf returns where a reservation of an account waits.
func (b *Budget) queueOf(a *Account) *list.List {
	switch {
	case a.held < b.part():
		return &b.needy
	case a.held < b.share():
		return &b.poor
	}
	return &b.rich
}

// enqueue puts a reservation where it belongs, and reports whether it was somewhere else, or nowhere.
func (b *Budget) enqueue(r *reservation) bool {
	queue := b.queueOf(r.account)
	if r.queue == queue {
		return false
	}
	b.dequeue(r)
	r.queue, r.place, r.account.waits = queue, queue.PushBack(r), r
	return true
}

// dequeue takes a reservation out of where it waits, if it does.
func (b *Budget) dequeue(r *reservation) {
	if r.queue != nil {
		r.queue.Remove(r.place)
		r.queue, r.place, r.account.waits = nil, nil, nil
	}
}

// serve grants what can be granted, in turn.
func (b *Budget) serve() {
	for _, queue := range []*list.List{&b.needy, &b.poor, &b.rich} {
		b.serveQueue(queue)
	}
}

func (b *Budget) serveQueue(queue *list.List) {
	for e := queue.Front(); e != nil; e = queue.Front() {
		r, _ := e.Value.(*reservation) // there is nothing else in a queue
		if b.enqueue(r) {
			continue // accounts were opened or closed since
		}
		n := b.grant(r)
		if n == 0 {
			return
		}
		b.dequeue(r)
		b.reserve(r.account, n)
		r.granted <- n
	}
}

// grant returns how much of a reservation can be granted now, or 0: of what is free without the last quarter, or of the
// account's part of that. Where others hold that as well, and nothing is under way that would give any of it back, the
// account gets its part on top.
func (b *Budget) grant(r *reservation) int64 {
	free := b.total - b.used()
	if n := min(r.want, free-b.last()); n >= min(r.want, leastGrant) {
		return n
	}
	own := min(r.want, b.part()-r.account.held)
	switch {
	case own <= 0:
		return 0
	case free >= own, b.reserved == 0:
		return own
	}
	return 0
}
