package poller

import "time"

// perSecond is how many GetRecords, and how many GetShardIterator, a shard grants per second to all its consumers
// together.
const perSecond = 5

// meteredSecond is the time in which a process makes no more than perSecond calls. It is longer than a second for two
// reasons: the service counts calls as they arrive, which is less regular than they were sent; and a process that used
// all of a shard, to the millisecond, would leave no gap for the first read of another one.
const meteredSecond = time.Second + 50*time.Millisecond

// bytesPerSecond is what may be read of a shard in a second, by all its consumers together. A page of cutPage may have been cut
// at 10 MiB, after which the shard grants no read for cutPause.
// Source: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
const (
	bytesPerSecond = 2 << 20
	cutPage        = 9 << 20
	cutPause       = 5 * time.Second
)

// gate decides when a process makes its next call of one operation on one shard. It is pure: now is an argument. The zero
// gate is open.
type gate struct {
	// taken are the last calls that count, the oldest first. Refused calls are not among them, because the service does
	// not count them either.
	taken [perSecond]taken

	// evicted is the last call that left taken. With the others there it makes a second's worth before a refused call.
	evicted taken

	// paid is the time until which the bytes that this process has read use up the shard's limit.
	paid time.Time

	// closed is the time until which no call is made.
	closed time.Time
}

// taken is a call that counts.
type taken struct {
	at       time.Time // when it was sent
	answered time.Time // when its answer came; zero while that is unknown
	by       *turn
}

// opens returns when the call may be made that follows so many others.
func (g *gate) opens(others int) time.Time {
	rounds := time.Duration(others/perSecond + 1)
	return later(g.taken[others%perSecond].at.Add(rounds*meteredSecond), g.closed)
}

// take counts a call.
func (g *gate) take(now time.Time, by *turn) {
	if !g.taken[0].at.IsZero() { // otherwise a call was given back, and evicted is still the one before the others
		g.evicted = g.taken[0]
	}
	copy(g.taken[:], g.taken[1:])
	g.taken[perSecond-1] = taken{at: now, by: by}
}

// granted records that the last call of a turn was granted.
func (g *gate) granted(now time.Time, by *turn) {
	for i := perSecond - 1; i >= 0; i-- {
		if g.taken[i].by == by {
			g.taken[i].answered = now
			return
		}
	}
}

// explains reports whether this process's own calls can explain the refusal of a call that was sent at a time and then
// given back. The time at which a call reaches the shard is only known to be between its start and its answer, so five
// calls may have arrived within a second though they were sent further apart.
func (g *gate) explains(sent time.Time) bool {
	first := g.evicted
	return !first.at.IsZero() && (first.answered.IsZero() || sent.Sub(first.answered) < time.Second)
}

// giveBack removes the last call of a turn from the count, because the service refused it. It reports whether there was
// one.
func (g *gate) giveBack(by *turn) bool {
	for i := perSecond - 1; i >= 0; i-- {
		if g.taken[i].by == by {
			copy(g.taken[1:i+1], g.taken[:i])
			g.taken[0] = taken{}
			return true
		}
	}
	return false
}

// others reports whether calls by others than this turn count.
func (g *gate) others(t *turn) bool {
	for i := range g.taken {
		if by := g.taken[i].by; by != nil && by != t {
			return true
		}
	}
	return false
}

// spend counts the bytes of a page that was read.
func (g *gate) spend(now time.Time, bytes int) {
	g.paid = later(g.paid, now).Add(time.Duration(bytes) * time.Second / bytesPerSecond)
	if bytes >= cutPage {
		g.paid = later(g.paid, now.Add(cutPause))
	}
}

// owes returns until when the bytes that this process has read use up the shard, and false if they do not. If they do,
// no call is made before then. It is called only after a refusal, because a service that grants more may be read
// faster.
func (g *gate) owes(now time.Time) (time.Time, bool) {
	if !g.paid.After(now) {
		return time.Time{}, false
	}
	g.closed = g.paid
	return g.paid, true
}
