package poller

import (
	"context"
	"slices"
	"sync"
	"time"
)

// meter keeps the calls of one operation on one shard, by all Readers of this process, within the limit of Kinesis.
// Waiting Readers are served by rank, then in the order of arrival. Each watches the time for itself, so a meter has no
// goroutine. The zero meter is ready. Its methods are safe for concurrent use.
type meter struct {
	mu    sync.Mutex // a leaf: never held while waiting
	gate  gate
	queue []*turn // the waiting ones, in the order of service
}

// turn is one Reader's place in the queue of a meter. It is reused.
type turn struct {
	rank  time.Time
	woken chan struct{} // holds a signal when the places of the queue have changed; nil before the first wait
}

// wait waits until the caller may make a call, which counts from then on, and returns that time. A lower rank is served
// first.
func (m *meter) wait(ctx context.Context, t *turn, rank time.Time) (time.Time, error) {
	if ctx.Err() != nil {
		return time.Time{}, context.Cause(ctx)
	}
	t.rank = rank
	at, ok := m.enter(t)
	for !ok {
		if err := waitFor(ctx, at, t.woken); err != nil {
			m.leave(t)
			return time.Time{}, err
		}
		at, ok = m.ask(t)
	}
	return at, nil
}

// enter takes a call for a turn and returns now and true, or queues the turn and returns when to ask again.
func (m *meter) enter(t *turn) (time.Time, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	place := slices.IndexFunc(m.queue, func(other *turn) bool { return other.rank.After(t.rank) })
	if place < 0 {
		place = len(m.queue)
	}
	at, ok := m.take(t, place)
	if !ok {
		if t.woken == nil {
			t.woken = make(chan struct{}, 1)
		}
		m.queue = slices.Insert(m.queue, place, t)
	}
	return at, ok
}

// ask takes a call for a turn that is queued and returns now and true, or returns when to ask again.
func (m *meter) ask(t *turn) (time.Time, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	place := slices.Index(m.queue, t)
	at, ok := m.take(t, place)
	if ok {
		m.queue = slices.Delete(m.queue, place, place+1)
	}
	return at, ok
}

// take takes a call for the turn at a place and returns now and true, if there is a call for it and for all before it.
// Otherwise it returns when there will be one.
func (m *meter) take(t *turn, place int) (time.Time, bool) {
	now := time.Now()
	if at := m.gate.opens(place); at.After(now) {
		return at, false
	}
	m.gate.take(now, t)
	return now, true
}

// leave removes a waiting turn.
func (m *meter) leave(t *turn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	place := slices.Index(m.queue, t)
	m.queue = slices.Delete(m.queue, place, place+1)
	m.wake(place)
}

// wake makes the turns from a place on ask again.
func (m *meter) wake(place int) {
	for _, t := range m.queue[place:] {
		select {
		case t.woken <- struct{}{}:
		default: // it has not asked since the last signal
		}
	}
}

// refusal is this process's knowledge about the reason for a refused call.
type refusal struct {
	// paid is the time until which the bytes that this process has read are the reason; zero if they are not.
	paid time.Time

	// explained is set if this process's own calls can be the reason.
	explained bool
}

// refused gives back the last call of a turn, which was sent at a time and which the service refused.
func (m *meter) refused(sent, now time.Time, t *turn) (why refusal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gate.giveBack(t) {
		m.wake(0)
	}
	why.explained = m.gate.explains(sent)
	why.paid, _ = m.gate.owes(now)
	return why
}

// granted records that the last call of a turn was granted.
func (m *meter) granted(now time.Time, t *turn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gate.granted(now, t)
}

// spend counts the bytes of a page that was read.
func (m *meter) spend(at time.Time, bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gate.spend(at, bytes)
}

// shared reports whether other Readers of this process made some of the last calls.
func (m *meter) shared(t *turn) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gate.others(t)
}
