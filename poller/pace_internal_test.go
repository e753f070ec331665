package poller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestPollsOfManyShardsSpreadOverTheInterval opens 1,000 readers at once, and looks at when their later polls are due.
func TestPollsOfManyShardsSpreadOverTheInterval(t *testing.T) {
	const shards, slots = 1000, 20
	for _, interval := range []time.Duration{200 * time.Millisecond, time.Second, time.Minute} {
		var polls [slots]int
		for n := range int64(shards) {
			p, start := newPace(interval, spread(n, interval)), time.Unix(0, 0)
			p.begin(start)
			p.succeeded(start, false, 0, 0)
			gap := p.due.Sub(start)
			assert.GreaterOrEqual(t, gap, minInterval-time.Nanosecond)
			assert.LessOrEqual(t, gap, minInterval+interval)
			if n == 0 {
				assert.InDelta(t, interval, gap, 10, "a single shard keeps the interval from the start")
			}
			start = p.begin(p.due)
			p.succeeded(start, false, 0, 0)
			assert.Equal(t, interval, p.due.Sub(start), "the shift is made once")
			polls[p.due.UnixNano()%int64(interval)*slots/int64(interval)]++
		}
		for _, n := range polls {
			assert.InDelta(t, shards/slots, n, 3)
		}
	}
}
