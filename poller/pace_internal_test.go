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

// TestARefusalForBytesWaitsUntilTheyArePaidFor: and up to a pause longer, of an interval where other consumers wait as well.
func TestARefusalForBytesWaitsUntilTheyArePaidFor(t *testing.T) {
	for name, c := range map[string]struct {
		wanted, interval, most time.Duration
	}{
		"alone":                    {time.Second, time.Second, retryPause},
		"shared":                   {time.Second, 2 * time.Second, 2 * time.Second},
		"shared by fast consumers": {200 * time.Millisecond, 300 * time.Millisecond, largePause},
	} {
		for _, chance := range []float64{0, 0.5} {
			p := newPace(c.wanted, c.wanted)
			p.interval = c.interval
			p.owing(someTime, chance)
			assert.Equal(t, someTime.Add(time.Duration(chance*float64(c.most))), p.next, name)
			assert.Equal(t, p.next, p.due, name)
		}
	}
}

// TestAReaderThatWantsMoreThanOneReadASecondRanksAsIfItWantedOne.
func TestAReaderThatWantsMoreThanOneReadASecondRanksAsIfItWantedOne(t *testing.T) {
	for wanted, want := range map[time.Duration]time.Duration{
		time.Second:     0,
		time.Second - 1: 700 * time.Millisecond,
		time.Minute:     0,
	} {
		p := newPace(wanted, wanted)
		p.due, p.sent = someTime, someTime.Add(-300*time.Millisecond)
		assert.Equal(t, someTime.Add(want), p.rank(), "%s", wanted)
		p.due = someTime.Add(time.Hour)
		assert.Equal(t, p.due, p.rank(), "%s: never before it is due", wanted)
	}
}

// TestALateCallerMovesTheScheduleAndALateTimerDoesNot.
func TestALateCallerMovesTheScheduleAndALateTimerDoesNot(t *testing.T) {
	p := newPace(time.Second, time.Second)
	assert.Equal(t, someTime, p.begin(someTime))
	p.sent = someTime
	p.succeeded(someTime.Add(100*time.Millisecond), false, 0, 0)
	assert.Equal(t, someTime.Add(time.Second), p.begin(someTime.Add(300*time.Millisecond)), "it came early")
	p.sent = someTime.Add(1010 * time.Millisecond)
	p.succeeded(p.sent, false, 0, 0)
	assert.Equal(t, someTime.Add(2*time.Second), p.begin(p.sent), "the timer fired 10 ms late")
	late := someTime.Add(7 * time.Second)
	assert.Equal(t, late, p.begin(late))
	p.sent = late
	p.succeeded(late, false, 0, 0)
	assert.Equal(t, late.Add(time.Second), p.begin(late))
}

// TestAThrottleIsNeverRetriedSoonerThanTheNextPoll: other failures are retried after the back-off.
func TestAThrottleIsNeverRetriedSoonerThanTheNextPoll(t *testing.T) {
	next := func(class Class) time.Duration {
		p := newPace(time.Minute, time.Minute)
		p.begin(someTime)
		p.refusals = 3
		p.failed(someTime, class)
		assert.Zero(t, p.refusals)
		assert.Equal(t, p.due, p.next)
		return p.next.Sub(someTime)
	}
	assert.Equal(t, time.Minute, next(Throttled))
	assert.Less(t, next(Retry), minBackoff+minBackoff/2)
	assert.GreaterOrEqual(t, next(Retry), minBackoff)
}

// TestBackOffsDoubleUpToTenSeconds.
func TestBackOffsDoubleUpToTenSeconds(t *testing.T) {
	for n, least := range map[int]time.Duration{
		1: 200 * time.Millisecond, 2: 400 * time.Millisecond, 6: 6400 * time.Millisecond, 7: maxBackoff, 8: maxBackoff, 100: maxBackoff,
	} {
		for range 20 {
			d := backoff(n)
			assert.GreaterOrEqual(t, d, least)
			assert.Less(t, d, least+least/2)
		}
	}
}
