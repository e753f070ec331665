package batch

import "time"

// Offer takes in a page. It skips records at or below those offered before, or below the position from which the
// Scheduler resumed. The Scheduler keeps page.Records until they are resolved.
func (s *Scheduler) Offer(now time.Time, page Page) {
	records := page.Records
	for len(records) > 0 && PositionOf(&records[0]).Compare(s.read) <= 0 {
		records = records[1:]
	}
	if len(records) > 0 {
		s.read = PositionOf(&records[len(records)-1])
		s.spread(now, s.frontier.add(records))
	}
	s.caughtUp = later(s.caughtUp, page.CaughtUpTo)
	s.stall.read(now, page.Behind, len(records) > 0)
	if _, _, stalled := s.Stalled(); stalled && s.windows.size > 0 {
		s.windows.pass(s.clock.at(now))
	}
	s.ended = s.ended || page.End
	s.advance()
	if page.End && s.Ended() {
		s.moved = true // even if the last page contained nothing that could move the frontier
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// spread buffers the records of a page in their lanes. Filtered ones belong to none.
func (s *Scheduler) spread(now time.Time, p *page) {
	for i := range p.records {
		r := &p.records[i]
		if r.Filtered {
			continue
		}
		l := &s.lanes[0]
		if len(s.lanes) != 1 {
			l = &s.lanes[LaneOf(r, len(s.lanes))]
		}
		if s.windows.size > 0 {
			s.windows.add(s.clock.at(now), r)
		}
		l.push(now, ref{page: p, index: i}, &s.policy)
	}
}

// LaneOf returns the lane of a record among n: the 64-bit FNV-1a hash of its partition key modulo n. A record without a
// partition key has no order with others and is assigned by its sequence number.
func LaneOf(r *Record, n int) int {
	const offset, prime = 14695981039346656037, 1099511628211
	key := r.PartitionKey
	if key == "" {
		key = r.SequenceNumber
	}
	h := uint64(offset)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * prime
	}
	return int(h % uint64(n))
}
