package poller

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"time"
)

// The back-off of a shard whose calls fail: minBackoff, doubled with every failure in a row, at most maxBackoff,
// and up to half as much again at random, so that shards that failed together do not come back together.
const (
	minBackoff = 200 * time.Millisecond
	maxBackoff = 10 * time.Second
)

// pace knows when a shard may be read again. It belongs to one reader.
type pace struct {
	interval time.Duration

	// first takes the place of interval after the first good poll, once: see spread.
	first time.Duration

	// due is when the next poll may begin. It is zero before the first.
	due time.Time

	// start is when the poll at hand was due, or began if its caller came later than that: a timer that fires late
	// does not push the schedule back, a caller who comes late does.
	start time.Time

	// failures counts the polls that failed since the last good one.
	failures int
}

// wait returns when the next poll may begin.
func (p *pace) wait(ctx context.Context) error {
	p.start = time.Now()
	if p.start.Before(p.due) {
		p.start = p.due
	}
	return waitUntil(ctx, p.start)
}

// succeeded plans the poll after a good one. hurry is set after an empty page that is behind the tip and worth chasing.
func (p *pace) succeeded(hurry bool) {
	p.failures = 0
	if hurry {
		p.due = p.start.Add(minInterval)
		return
	}
	p.due = p.start.Add(cmp.Or(p.first, p.interval))
	p.first = 0
}

// spread returns the time from the first poll of a Poller's nth Reader to its second: PollInterval for Reader 0, and
// whatever it takes to spread the polls of all evenly over the interval, 200 ms at least. Shards that are opened at once,
// and were polled at once for ever, would all want a connection and a core in the same millisecond.
func spread(n int64, interval time.Duration) time.Duration {
	const golden = 0.618033988749895 // its multiples fall into the largest gap that those before have left
	_, part := math.Modf(1 - float64(minInterval)/float64(interval) + float64(n)*golden)
	return minInterval + time.Duration(part*float64(interval))
}

// failed plans the poll after one that failed. A throttled shard is never asked sooner than a good one would be.
func (p *pace) failed(class Class) {
	p.failures++
	p.due = time.Now().Add(backoff(p.failures))
	if regular := p.start.Add(p.interval); class == Throttled && p.due.Before(regular) {
		p.due = regular
	}
}

// backoff returns how long to wait after so many failures in a row.
func backoff(failures int) time.Duration {
	d := maxBackoff
	if shift := failures - 1; shift < 6 { // 200 ms << 6 is over the cap
		d = minBackoff << shift
	}
	return d + rand.N(d/2)
}

// meter keeps the calls of one operation on one shard within what Kinesis allows to all its consumers together,
// 5 a second, whatever the pace, the back-off and the renewals come to. The zero meter is ready.
type meter struct {
	starts [5]time.Time // of the last calls, as a ring
	oldest int
}

// meteredSecond is longer than a second, since the service counts calls as they come in, which is less regular than
// they were sent.
const meteredSecond = time.Second + 20*time.Millisecond

// wait returns when the next call may begin, and counts it.
func (m *meter) wait(ctx context.Context) error {
	if err := waitUntil(ctx, m.starts[m.oldest].Add(meteredSecond)); err != nil {
		return err
	}
	m.starts[m.oldest] = time.Now()
	m.oldest = (m.oldest + 1) % len(m.starts)
	return nil
}

// waitUntil returns at t, or with the cause of ctx's end when that comes first. A ctx that has ended is always noticed.
func waitUntil(ctx context.Context, t time.Time) error {
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
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// adaptiveLimit is how many records a read asks for. An answer that could not be read in time halves it;
// a run of good reads doubles it again.
type adaptiveLimit struct {
	now, max int32
	good     int // good reads since it last changed, while it is below max
}

// goodReads is how many reads in a row must succeed before the limit is doubled.
const goodReads = 5

// halve makes the reads smaller, down to a single record.
func (l *adaptiveLimit) halve() {
	l.now, l.good = max(l.now/2, 1), 0
}

// succeeded counts a good read, and reports whether the limit rose.
func (l *adaptiveLimit) succeeded() bool {
	if l.now == l.max {
		return false
	}
	if l.good++; l.good < goodReads {
		return false
	}
	l.now, l.good = min(l.now*2, l.max), 0
	return true
}
