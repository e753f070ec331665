package poller

import (
	"fmt"
	"math"
	"time"
)

// Share is how much a Reader gets of a shard that others read too, over about the last minute.
type Share struct {
	// Granted is how many times per second the shard was read. Wanted is how many times it would have been read if the
	// Reader were its only consumer. A shard grants 5 reads per second.
	Granted, Wanted float64
}

// String returns the Share as logs show it.
func (s Share) String() string {
	return fmt.Sprintf("%.2f of the shard's %d reads a second (%.0f %%), where %.2f are wanted",
		s.Granted, perSecond, 100*s.Granted/perSecond, s.Wanted)
}

// Sharer is an optional interface of a Reader. It reports whether other consumers leave it clearly less of the shard
// than it wants. Such a Reader keeps its own pace after an error too: Next may be called immediately.
type Sharer interface {
	// Sharing returns the Reader's share, and true while that is clearly less than what the Reader wants because the reads of the
	// shard are shared with other consumers. It is called between two calls of Next, by the same goroutine.
	Sharing() (Share, bool)
}

const (
	// shareSpan is the time over which a Share is measured: events that long ago count 1/e of present ones.
	shareSpan = time.Minute

	// clearly is how much time a Reader must have lost to others over shareSpan before its Share is reported, and
	// barely how little before the report ends: a tenth and a fortieth of its time. They are far apart so that a reader
	// between them is not reported again and again.
	clearly = 6 * time.Second
	barely  = 1500 * time.Millisecond

	// provenAfter is how long there must have been evidence of other consumers before a Share is reported, without a
	// pause longer than shareSpan. A single burst may have another reason: the reads of a process that has just
	// stopped, or a fault of the service.
	provenAfter = 10 * time.Second
)

// tally measures a Share. It is pure. The zero tally is ready.
type tally struct {
	at time.Time // up to when it counts; zero before the first read

	// Of the last shareSpan: the seconds that passed, the reads, and the seconds lost to others.
	seconds, reads, lost float64

	// since and last are the times of the first and the newest evidence of other consumers; zero without any.
	since, last time.Time

	shared bool
}

// prove records evidence of other consumers: a refused read that this process's own reads do not explain, or another
// Reader of this process that came first.
func (t *tally) prove(now time.Time) {
	if now.Sub(t.last) > shareSpan {
		t.since = now
	}
	t.last = now
}

// isProven reports whether there has been evidence for long enough, and recently: time that is lost long after the other
// consumers have gone has another reason.
func (t *tally) isProven(now time.Time) bool {
	return t.last.Sub(t.since) >= provenAfter && now.Sub(t.last) <= shareSpan
}

// count records granted reads and lost time.
func (t *tally) count(now time.Time, reads int, lost time.Duration) {
	if !t.at.IsZero() {
		elapsed := max(0, now.Sub(t.at).Seconds())
		left := math.Exp(-elapsed / shareSpan.Seconds())
		t.seconds = t.seconds*left + shareSpan.Seconds()*(1-left)
		t.reads *= left
		t.lost *= left
	}
	t.at = now
	t.reads += float64(reads)
	t.lost += max(0, lost.Seconds())
	switch {
	case t.lost >= clearly.Seconds():
		t.shared = true
	case t.lost <= barely.Seconds():
		t.shared = false
	}
}

// share returns the Share of a reader that wants to read once an interval.
func (t *tally) share(now time.Time, wanted time.Duration) (Share, bool) {
	t.count(now, 0, 0)
	if !t.shared || !t.isProven(now) || t.seconds == 0 {
		return Share{}, false
	}
	most := 1 / wanted.Seconds()
	return Share{
		Granted: t.reads / t.seconds,
		Wanted:  min(most, (t.reads+t.lost*most)/t.seconds),
	}, true
}
