package poller

import (
	"fmt"
	"math"
	"time"
)

// Share is how much a Reader gets of a shard that others read as well, over about the last minute.
type Share struct {
	// Granted is how many times a second the shard was read, and Wanted how many times it would have been read had it been
	// the Reader's alone. A shard grants 5 reads a second.
	Granted, Wanted float64
}

// String returns the Share as logs show it.
func (s Share) String() string {
	return fmt.Sprintf("%.2f of the shard's %d reads a second (%.0f %%), where %.2f are wanted",
		s.Granted, perSecond, 100*s.Granted/perSecond, s.Wanted)
}

// Sharer is optional for a Reader: it says whether others leave it clearly less of the shard than it wants. Such a Reader keeps
// its own pace after an error too: Next may be called immediately.
type Sharer interface {
	// Sharing returns the Reader's share, and true while that is clearly less than what the Reader wants because the reads of the
	// shard are shared with other consumers. It is called between two calls of Next, by the same goroutine.
	Sharing() (Share, bool)
}

const (
	// shareSpan is the time over which a Share is measured: what happened so long ago counts for 1/e of what happens now.
	shareSpan = time.Minute

	// clearly and barely are what a Reader must have lost to others over shareSpan for its Share to be reported, and to be reported
	// no longer: a tenth and a fortieth of its time. They are far apart so that a reader between them is not reported again and
	// again.
	clearly = 6 * time.Second
	barely  = 1500 * time.Millisecond

	// provenAfter is how long there must have been evidence of other consumers for a Share to be reported, with no pause longer than
	// shareSpan. A single burst may have another reason: the reads of a process that has just stopped, or a whim of the service.
	provenAfter = 10 * time.Second
)

// tally measures a Share. It is pure. The zero tally is ready.
type tally struct {
	at time.Time // up to when it counts; zero before the first read

	// Of the last shareSpan: how many seconds there were, how many reads, and how many seconds were lost to others.
	seconds, reads, lost float64

	// since and last are when the first and the newest evidence came that the shard has other consumers; zero without any.
	since, last time.Time

	shared bool
}

// prove notes evidence that the shard has other consumers: a read was refused that this process's own reads do not account for, or
// another Reader of this process came first.
func (t *tally) prove(now time.Time) {
	if now.Sub(t.last) > shareSpan {
		t.since = now
	}
	t.last = now
}

// isProven reports whether there was evidence for long enough.
func (t *tally) isProven() bool { return t.last.Sub(t.since) >= provenAfter }

// count notes reads that were granted, and time that was lost.
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
	if !t.shared || !t.isProven() || t.seconds == 0 {
		return Share{}, false
	}
	most := 1 / wanted.Seconds()
	return Share{
		Granted: t.reads / t.seconds,
		Wanted:  min(most, (t.reads+t.lost*most)/t.seconds),
	}, true
}
