package mapping

import (
	"sync/atomic"
	"time"
)

// rate measures the bytes per second of a shard. Its reader counts, its committer reads.
type rate struct {
	bytes atomic.Int64

	// Owned by the committer's goroutine.
	since time.Time
	last  int64
}

// minRateSpan is the minimum time over which a rate is measured.
const minRateSpan = 5 * time.Second

// perSecond returns the bytes per second since its last measurement, at least minRateSpan ago.
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
