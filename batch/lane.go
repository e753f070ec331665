package batch

import "time"

// lane is a strict sequence of the records of some partition keys: one invocation at a time, each record resolved
// before the next batch begins. So the resolved records are always a prefix of the lane.
type lane struct {
	// queue holds the lane's unresolved records in order: first those of the batch in hand, then the buffered ones.
	queue  ring
	inHand int // how many of the queue belong to the batch in hand

	// subBatches are the unresolved parts of the batch in hand, the head last. Together they are the first inHand records.
	subBatches []subBatch

	// fill and fillBytes describe the batch that would be cut from the buffered records. full is set if no further
	// record can join it.
	fill, fillBytes int
	full            bool

	// since is when the batching window of the buffered records began: when the first of them arrived, or when the last
	// invocation ended, whichever is later.
	since time.Time
}

func (l *lane) buffered() int { return l.queue.len() - l.inHand }

// head returns the sub-batch that is next in turn, nil when no batch is in hand.
func (l *lane) head() *subBatch {
	if len(l.subBatches) == 0 {
		return nil
	}
	return &l.subBatches[len(l.subBatches)-1]
}

// push buffers a record.
func (l *lane) push(now time.Time, r ref, p *Policy) {
	if l.buffered() == 0 {
		l.since = now
	}
	l.queue.push(r)
	if !l.full {
		l.extend(r.record(), p)
	}
}

// extend lets one more record join the batch that would be cut, or marks that batch as full.
func (l *lane) extend(r *Record, p *Policy) {
	size := l.fillBytes + r.Size
	if l.fill == 0 {
		size += p.EnvelopeSize
	} else {
		size++ // the comma between two records
	}
	if l.fill > 0 && size > p.PayloadLimit {
		l.full = true
		return
	}
	l.fill++
	l.fillBytes = size
	l.full = l.fill == p.BatchSize || size >= p.PayloadLimit
}

// nextBatch is the batch that would be cut from the buffered records of a lane.
type nextBatch struct {
	n      int
	window time.Time // the beginning of its tumbling window
	full   bool      // no further record can join it
}

// cut makes the next batch of the buffered records, at least one, the batch in hand.
func (l *lane) cut(next nextBatch, p *Policy) {
	l.subBatches = append(l.subBatches, subBatch{records: l.queue.oldest(next.n), window: next.window})
	l.inHand = next.n
	l.fill, l.fillBytes, l.full = 0, 0, false
	for r := range l.queue.from(next.n) {
		if l.full {
			break
		}
		l.extend(r, p)
	}
}

// resolve passes the first n records of the head.
func (l *lane) resolve(n int) {
	l.queue.drop(n)
	l.inHand -= n
	h := l.head()
	if n < h.records.Len() {
		h.records = h.records.Slice(n, h.records.Len())
		return
	}
	*h = subBatch{}
	l.subBatches = l.subBatches[:len(l.subBatches)-1]
}

// replace replaces the head with two sub-batches. first comes first in turn.
func (l *lane) replace(first, second subBatch) {
	*l.head() = second
	l.subBatches = append(l.subBatches, first)
}
