package mapping

import (
	"sync/atomic"
	"time"
)

// rate measures how many bytes a second a shard brings. Its reader counts, its committer asks.
type rate struct {
	bytes atomic.Int64

	// Of the committer's goroutine alone.
	since time.Time
	last  int64
}

// minRateSpan is the least time over which a rate is measured.
const minRateSpan = 5 * time.Second

// perSecond returns the bytes of a second since it was asked minRateSpan ago or earlier.
func (r *rate) perSecond(now time.Time) int64 {
	switch d := now.Sub(r.since); {
	case r.since.IsZero():
		r.since = now
	case d >= minRateSpan:
		r.last = int64(float64(r.bytes.Swap(0)) / d.Seconds())
		r.since = now
	}
	return r.last
}
