package poller

import (
	"container/list"
	"context"
	"time"
)

// patience is how long a reservation waits for running reads to return memory that they do not need. A read without an
// answer keeps its reservation for much longer, and the others must not wait for that.
const patience = 5 * time.Second

// ask is the request of a read to a Budget, in bytes.
type ask struct {
	// want is what it takes if there is room and no other read waits, modest what it takes while others do.
	want, modest int64

	// least is what it waits for, as long as running reads can make room for that.
	least int64

	// record is the minimum that the read returns: the maximum weight of one record. 0 means that it returns no more
	// than it is granted, however little.
	record int64

	// bold allows a grant by the weight of earlier records. Such a read may return more than it is granted, up to a
	// page.
	bold bool
}

// within returns q with each value at most most.
func (q ask) within(most int64) ask {
	q.want, q.modest = min(q.want, most), min(q.modest, most)
	q.least, q.record = min(q.least, most), min(q.record, most)
	return q
}

// grant is how much a read may return. With bold, it is based on the weight of earlier records.
type grant struct {
	bytes int64
	bold  bool
}

// reservation is a read that waits.
type reservation struct {
	account *Account
	ask     ask
	asked   time.Time
	granted chan grant // of capacity 1
	queue   *list.List
	place   *list.Element
}

// exposure is the running read that may exceed the Budget's total. There is one at a time.
type exposure struct {
	by    *Account // nil: there is none
	since time.Time
}

// over records that a read of an account is over.
func (e *exposure) over(a *Account) {
	if e.by == a {
		e.by = nil
	}
}

func (e *exposure) blocks(now time.Time) bool { return e.by != nil && now.Sub(e.since) < patience }

// reserve is Reserve for a read that specifies more of its needs.
func (a *Account) reserve(ctx context.Context, q ask) (grant, error) {
	if a == nil {
		return grant{bytes: q.want}, nil
	}
	if q.want <= 0 {
		a.Received(0)
		return grant{}, nil
	}
	b := a.budget
	r := b.queue(a, q)
	select {
	case g := <-r.granted:
		return g, nil
	default:
	}
	again := time.NewTicker(patience)
	defer again.Stop()
	for {
		select {
		case g := <-r.granted:
			return g, nil
		case <-again.C:
			b.lookAgain()
		case <-ctx.Done():
			b.withdraw(r)
			return grant{}, context.Cause(ctx)
		}
	}
}

// queue queues a reservation, which is granted immediately if possible. No read takes more than half of what all shards
// share, so that there are always two.
func (b *Budget) queue(a *Account, q ask) *reservation {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reserve(a, 0)
	r := &reservation{account: a, ask: q.within((b.total - b.last()) / 2), asked: time.Now(), granted: make(chan grant, 1)}
	b.enqueue(r)
	b.serve()
	return r
}

// withdraw withdraws a reservation, which may have been granted meanwhile.
func (b *Budget) withdraw(r *reservation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dequeue(r)
	b.reserve(r.account, 0)
	b.serve()
}

// lookAgain grants what becomes possible by time alone.
func (b *Budget) lookAgain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.serve()
}

// queueOf returns the queue for the reservations of an account.
func (b *Budget) queueOf(a *Account) *list.List {
	switch {
	case a.held < b.part():
		return &b.belowReserve
	case a.held < b.share():
		return &b.belowShare
	}
	return &b.rest
}

// enqueue puts a reservation into its queue, and reports whether it was in another one, or in none.
func (b *Budget) enqueue(r *reservation) bool {
	queue := b.queueOf(r.account)
	if r.queue == queue {
		return false
	}
	b.dequeue(r)
	r.queue, r.place, r.account.waits = queue, queue.PushBack(r), r
	return true
}

// dequeue removes a reservation from its queue, if it is in one.
func (b *Budget) dequeue(r *reservation) {
	if r.queue != nil {
		r.queue.Remove(r.place)
		r.queue, r.place, r.account.waits = nil, nil, nil
	}
}

// first returns the reservation that is next in turn, nil if none waits.
func (b *Budget) first() *reservation {
	for _, queue := range []*list.List{&b.belowReserve, &b.belowShare, &b.rest} {
		if e := queue.Front(); e != nil {
			r, _ := e.Value.(*reservation) // a queue contains nothing else
			return r
		}
	}
	return nil
}

// serve grants reservations in turn: a smaller one never overtakes a waiting one.
func (b *Budget) serve() {
	now := time.Now()
	for _, queue := range []*list.List{&b.belowReserve, &b.belowShare, &b.rest} {
		if !b.serveQueue(queue, now) {
			return
		}
	}
}

// serveQueue grants reservations of one queue, and reports whether it is empty now.
func (b *Budget) serveQueue(queue *list.List, now time.Time) bool {
	for e := queue.Front(); e != nil; e = queue.Front() {
		r, _ := e.Value.(*reservation) // a queue contains nothing else
		if b.enqueue(r) {
			continue // accounts were opened or closed since
		}
		g, exposed := b.grant(r, now)
		if g.bytes == 0 {
			return false
		}
		b.dequeue(r)
		b.reserve(r.account, g.bytes)
		if exposed {
			b.exposure = exposure{by: r.account, since: now}
		}
		r.granted <- g
	}
	return true
}

// grant returns the possible grant for a reservation, if any, and whether that exposes the Budget: the read may exceed
// its total.
func (b *Budget) grant(r *reservation, now time.Time) (g grant, exposes bool) {
	room := b.total - b.last() - b.used()
	goal := r.ask.want
	if b.belowReserve.Len()+b.belowShare.Len()+b.rest.Len() > 1 {
		goal = r.ask.modest
	}
	if n := min(goal, room); n >= r.ask.least {
		return grant{bytes: n}, false
	}
	short := room+b.reserved < r.ask.least
	if !short && now.Sub(r.asked) < patience {
		return grant{}, false // running reads may leave room for it
	}
	if short {
		b.press(now)
	}
	return b.squeeze(r, room, now)
}

// squeeze returns the grant for a reservation if there is no room for its least: by the weight of earlier records, from
// the account's part of the last quarter, or, if others hold that as well, in addition to the total.
func (b *Budget) squeeze(r *reservation, room int64, now time.Time) (g grant, exposes bool) {
	q, part := r.ask, b.part()-r.account.held
	own := min(q.want, max(part, q.record))
	free := room + b.last()
	exposed := b.exposure.blocks(now)
	switch {
	case q.bold && !exposed && room >= leastGrant:
		return grant{bytes: min(q.want, room), bold: true}, true
	case part <= 0:
		return grant{}, false
	case q.bold && !exposed && free >= part:
		return grant{bytes: min(q.want, part), bold: true}, true
	case free >= own:
		return grant{bytes: own}, false
	case !exposed:
		return grant{bytes: own}, true
	}
	return grant{}, false
}
