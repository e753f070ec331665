package fleet_test

import "time"

// event is something that happens. One of a worker waits while that is suspended, and is lost with it.
type event struct {
	worker *worker
	do     func()
}

// queue has the events that are to come: a binary heap by time, and by the order in which they were put there. It moves
// keys only, which have no pointers: moving events costs more than all else that a small fleet does.
type queue struct {
	heap   []eventKey
	events []event
	unused []int32 // indexes into events
	seq    int
}

type eventKey struct {
	at   time.Duration
	seq  int
	slot int32
}

func (k eventKey) before(o eventKey) bool { return k.at < o.at || k.at == o.at && k.seq < o.seq }

// next returns when the first event happens, and false if there is none.
func (q *queue) next() (time.Duration, bool) {
	if len(q.heap) == 0 {
		return 0, false
	}
	return q.heap[0].at, true
}

func (q *queue) push(at time.Duration, e event) {
	q.seq++
	k := eventKey{at: at, seq: q.seq}
	if n := len(q.unused); n > 0 {
		k.slot, q.unused = q.unused[n-1], q.unused[:n-1]
		q.events[k.slot] = e
	} else {
		k.slot = int32(len(q.events))
		q.events = append(q.events, e)
	}
	q.heap = append(q.heap, k)
	i := len(q.heap) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !k.before(q.heap[up]) {
			break
		}
		q.heap[i] = q.heap[up]
		i = up
	}
	q.heap[i] = k
}

// pop removes the first event and returns it. There must be one.
func (q *queue) pop() event {
	first, last := q.heap[0], q.heap[len(q.heap)-1]
	q.heap = q.heap[:len(q.heap)-1]
	if n := len(q.heap); n > 0 {
		i := 0
		for {
			down := 2*i + 1
			if down+1 < n && q.heap[down+1].before(q.heap[down]) {
				down++
			}
			if down >= n || last.before(q.heap[down]) {
				break
			}
			q.heap[i] = q.heap[down]
			i = down
		}
		q.heap[i] = last
	}
	e := q.events[first.slot]
	q.events[first.slot] = event{}
	q.unused = append(q.unused, first.slot)
	return e
}
