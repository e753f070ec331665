package poller

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"time"
)

// The back-off of a shard whose calls fail: minBackoff, doubled with every consecutive failure, at most maxBackoff,
// plus up to half of that at random, so that shards that failed together are not retried together.
const (
	minBackoff = 200 * time.Millisecond
	maxBackoff = 10 * time.Second
)

// pace decides when a shard may be read again. It belongs to one reader. Except for the back-off it is pure: now is an
// argument, and so is chance, a random number of [0, 1). Its rule for a shared shard is in sharing.go.
type pace struct {
	// wanted is the configured time between two polls. It never changes.
	wanted time.Duration

	// first replaces wanted after the first good poll, once: see spread.
	first time.Duration

	// due is when the poll at hand is due by the schedule, or was first due if it is a retry of one that was refused.
	due time.Time

	// next is when the poll at hand may begin: due, or later. It is zero before the first poll.
	next time.Time

	// sent is when the last read was sent.
	sent time.Time

	// failures counts the failed polls since the last good one, without the refused ones.
	failures int

	sharing
	tally tally
}

func newPace(wanted, first time.Duration) pace {
	return pace{wanted: wanted, first: first, sharing: sharing{interval: wanted}}
}

// begin returns when the poll at hand may begin. A timer that fires late does not delay the schedule; a late caller
// does.
func (p *pace) begin(now time.Time) time.Time {
	if p.next.IsZero() {
		p.due, p.next = now, now
	}
	if late := now.Sub(p.next); late > 0 {
		p.due, p.next = p.due.Add(late), now
	}
	return p.next
}

// succeeded plans the poll after a good one. hurry is set after an empty page that is behind the tip and worth a read
// soon. bytes is what the page counts in the shard's limit.
func (p *pace) succeeded(now time.Time, hurry bool, bytes int, chance float64) {
	p.failures = 0
	p.tally.count(now, 1, 0)
	p.adapt(p.wanted, p.sent.Sub(p.due), now)
	p.large = bytes >= largePage
	switch {
	case p.interval > p.wanted:
		p.due = later(p.due.Add(p.jittered(p.wanted, chance)), p.sent.Add(p.least()))
		p.next, p.first = p.due, 0
		p.lost(now, p.sent.Add(p.wanted))
	case hurry:
		p.due = p.due.Add(minInterval)
		p.next = p.due
	default:
		p.due = p.due.Add(cmp.Or(p.first, p.wanted))
		p.next, p.first = p.due.Add(p.late(p.wanted)), 0
	}
}

// refused plans the retry of a read that was refused because the shard is shared.
func (p *pace) refused(now time.Time, chance float64) {
	if p.refusals == 0 {
		p.due = p.sent // earlier waits, such as for a Budget, are not caused by other consumers
	}
	p.refusals++
	p.met = now
	p.next = p.retry(p.sent, now, chance)
	p.lost(now, p.sent)
}

// deferred plans the poll after one that got no iterator because other consumers requested iterators of the shard. That
// says nothing about its reads.
func (p *pace) deferred(now time.Time, chance float64) {
	p.next = p.retry(now, now, chance)
	p.lost(now, now)
}

// owing plans the poll after one that was refused because the bytes of the last pages are not paid for yet. Other
// consumers do not cause that. But if there are any they come first, because they wait already: hence up to an interval
// more.
func (p *pace) owing(paid time.Time, chance float64) {
	most := retryPause
	if p.interval > p.wanted {
		most = max(p.interval, largePause)
	}
	p.due = paid.Add(time.Duration(chance * float64(most)))
	p.next = p.due
}

// retry returns when to repeat a call that was sent and refused.
func (p *pace) retry(sent, now time.Time, chance float64) time.Time {
	pause := p.pause(sent.Sub(p.due))
	return later(now, sent.Add(pause/2)).Add(time.Duration(chance * float64(pause)))
}

// lost records that the next poll begins later than it could if the shard were not shared.
func (p *pace) lost(now, could time.Time) {
	p.tally.count(now, 0, p.next.Sub(could))
}

// rank returns the order of a poll among those of other readers in this process: the time when it is due. A poll of a
// reader that wants more than one read per second ranks as if it wanted one, so that readers that want no more come
// first.
func (p *pace) rank() time.Time {
	if p.wanted >= time.Second {
		return p.due
	}
	return later(p.due, p.sent.Add(time.Second))
}

// failed plans the poll after one that failed for a reason other than sharing. A poll that exceeded another limit of
// the service is never retried sooner than the poll after a good one would come.
func (p *pace) failed(now time.Time, class Class) {
	p.failures++
	p.refusals = 0
	regular := p.due.Add(p.wanted)
	p.due = now.Add(backoff(p.failures))
	if class == Throttled {
		p.due = later(p.due, regular)
	}
	p.next = p.due
}

// backoff returns how long to wait after so many consecutive failures.
func backoff(failures int) time.Duration {
	d := min(maxBackoff, minBackoff<<min(failures-1, 6)) // which is more than the most
	return d + rand.N(d/2)
}

// spread returns the time from the first poll of a Poller's nth Reader to its second: PollInterval for Reader 0, and
// for the others a time, 200 ms at least, that spreads the polls of all evenly over the interval. Without that, shards
// that start together would need a connection and a core in the same millisecond, again and again.
func spread(n int64, interval time.Duration) time.Duration {
	const golden = 0.618033988749895 // its multiples fall into the largest gap that is left
	_, part := math.Modf(1 - float64(minInterval)/float64(interval) + float64(n)*golden)
	return minInterval + time.Duration(part*float64(interval))
}

// waitUntil returns at t, or with the cause of ctx's end if that comes first. It always notices a ctx that has already
// ended.
func waitUntil(ctx context.Context, t time.Time) error {
	return waitFor(ctx, t, nil)
}

// waitFor is waitUntil, and returns at a signal of woken too.
func waitFor(ctx context.Context, t time.Time, woken <-chan struct{}) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	d := time.Until(t)
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-woken:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
