package fleet

import (
	"cmp"
	"slices"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// idleRate is the difference in bytes a second below which two workers count as equally loaded.
const idleRate = 16 << 10

// move is a shard that moves to another worker.
type move struct {
	shard    *shard
	from, to *member
}

// balance asks for the hand-overs that even out the shards, and withdraws those that are not needed any more. If the
// lease rows are known to have changed, it waits for the next reading of them, but not for ever.
func (c *Coordinator) balance(now time.Time, members []*member) {
	if last := c.balanced.Add(c.cfg.heartbeat()); c.stale && now.Before(last) {
		c.replan(last)
		return
	}
	c.balanced = now
	moves := even(members)
	for _, m := range moves {
		if m.to == &c.self {
			c.ask(m.shard)
		}
		if m.from == &c.self {
			c.withdraw(m.shard)
		}
	}
	if len(moves) == 0 && len(c.asks) == 0 && !c.waiting {
		c.balanceBytes(now, members)
	}
}

// force takes the shards that their owners did not hand over in time.
func (c *Coordinator) force(now time.Time) {
	for _, ask := range c.askRow() {
		s, w := c.shards[ask.Shard], c.asks[ask.Shard]
		if w.written.IsZero() || s.lease.Epoch != w.ask.Epoch {
			continue
		}
		if at := w.written.Add(c.common.HandOver); now.Before(at) {
			c.replan(at)
		} else {
			c.enqueue(s)
		}
	}
}

// ask asks for a hand-over, if there is room for another wish and no other worker asks for the shard.
func (c *Coordinator) ask(s *shard) {
	if s.asker == nil && c.asks[s.id] == nil && s.hold == none && s.lease.Owner != "" && len(c.asks) < maxAsks {
		c.asks[s.id] = &wish{ask: driver.FleetAsk{Shard: s.id, Epoch: s.lease.Epoch}}
		c.news = true
	}
}

// withdraw gives up a wish.
func (c *Coordinator) withdraw(s *shard) {
	if c.asks[s.id] != nil {
		delete(c.asks, s.id)
		c.news = true
	}
}

// even returns the fewest moves after which no member has two shards more than another. The members with the most keep
// the most. A shard that is promised to a member already counts as its own, so that the next plan does not repeat a
// plan in progress.
func even(members []*member) []move {
	ordered := slices.Clone(members)
	slices.SortStableFunc(ordered, func(a, b *member) int { return cmp.Compare(len(b.shards), len(a.shards)) })
	total := 0
	for _, m := range ordered {
		total += len(m.shards)
	}
	mean := int64(0)
	for i, m := range ordered {
		share := total / len(ordered)
		if i < total%len(ordered) {
			share++
		}
		m.rest = len(m.shards) - share
		mean += m.bytes / int64(len(ordered))
	}
	var moves []move
	for _, to := range ordered {
		for _, from := range ordered {
			if n := min(-to.rest, from.rest); n > 0 {
				moves = append(moves, choose(from, to, n, mean)...)
			}
		}
	}
	return moves
}

// promised is 1 for a shard with an asker: a wish can be withdrawn, and a new one takes longer.
func promised(s *shard) int {
	if s.asker == nil {
		return 0
	}
	return 1
}

// choose returns which n shards move: those whose rates are closest to what evens out the bytes.
func choose(from, to *member, n int, mean int64) []move {
	ideal := ((mean-to.bytes)/int64(-to.rest) + (from.bytes-mean)/int64(from.rest)) / 2
	distance := func(s *shard) int64 { return max(s.lease.Rate-ideal, ideal-s.lease.Rate) }
	slices.SortFunc(from.shards, func(a, b *shard) int {
		return cmp.Or(cmp.Compare(promised(b), promised(a)), cmp.Compare(distance(a), distance(b)),
			cmp.Compare(rank(a.hash, 0), rank(b.hash, 0)), cmp.Compare(a.id, b.id))
	})
	moves := make([]move, n)
	for i, s := range from.shards[:n] {
		moves[i] = move{shard: s, from: from, to: to}
		from.bytes -= s.lease.Rate
		to.bytes += s.lease.Rate
	}
	from.shards = from.shards[n:]
	from.rest -= n
	to.rest += n
	return moves
}

// balanceBytes asks for one shard whose exchange evens out the bytes between this worker and its opposite. The worker
// with the most bytes is the opposite of the one with the least, the second of the second least, and so on. The
// opposite then has one shard less than its share, and asks for the one in exchange that evens out most. A gain of less
// than a tenth of the mean is not worth a move.
func (c *Coordinator) balanceBytes(now time.Time, members []*member) {
	if at := c.swapped.Add(c.cfg.cooldown()); !c.swapped.IsZero() && now.Before(at) {
		c.replan(at)
		return
	}
	ordered := slices.Clone(members)
	slices.SortStableFunc(ordered, func(a, b *member) int { return cmp.Compare(a.bytes, b.bytes) })
	mean := int64(0)
	for _, m := range members {
		mean += m.bytes / int64(len(members))
	}
	for i, me := range ordered[:len(ordered)/2] {
		if me != &c.self {
			continue
		}
		if s := swap(ordered[len(ordered)-1-i], me, mean); s != nil {
			c.swapped = now
			c.ask(s)
		}
	}
}

// swap returns the shard of from whose exchange for the best fitting shard of to brings the bytes of both closest
// together, or nil if that is not worth it.
func swap(from, to *member, mean int64) *shard {
	gap := from.bytes - to.bytes
	if gap < mean/4 || gap < idleRate || len(to.shards) == 0 {
		return nil
	}
	rates := make([]int64, len(to.shards))
	for i, s := range to.shards {
		rates[i] = s.lease.Rate
	}
	slices.Sort(rates)
	var best *shard
	left := gap - max(mean/10, 1) // the largest gap that a worthwhile exchange leaves
	for _, s := range from.shards {
		i, _ := slices.BinarySearch(rates, s.lease.Rate-gap/2)
		for _, j := range [2]int{i - 1, i} {
			if j < 0 || j >= len(rates) {
				continue
			}
			after := gap - 2*(s.lease.Rate-rates[j])
			if after = max(after, -after); after <= left {
				best, left = s, after-1
			}
		}
	}
	return best
}
