package poller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

var someTime = time.Unix(1_800_000_000, 0)

// TestAShardCountsAsSharedForHalfAMinuteAfterARefusal: so long the interval is longer than wanted.
func TestAShardCountsAsSharedForHalfAMinuteAfterARefusal(t *testing.T) {
	for name, c := range map[string]struct {
		met          time.Time
		wanted, want time.Duration
	}{
		"never refused":         {time.Time{}, time.Second, time.Second},
		"just now":              {someTime, time.Second, 1050 * time.Millisecond},
		"a moment less":         {someTime.Add(-metFor + 1), time.Second, 1050 * time.Millisecond},
		"half a minute ago":     {someTime.Add(-metFor), time.Second, time.Second},
		"all five reads wanted": {someTime, 200 * time.Millisecond, leastShared},
		"a long interval":       {someTime, time.Minute, 63 * time.Second},
	} {
		s := sharing{interval: c.wanted, met: c.met}
		s.adapt(c.wanted, 0, someTime)
		assert.Equal(t, c.want, s.interval, name)
	}
}

// TestTheIntervalAdaptsToTheRefusals: it grows by those that are too many, and shrinks without any, within its bounds.
func TestTheIntervalAdaptsToTheRefusals(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		interval time.Duration
		refusals int
		waited   time.Duration
		want     time.Duration
	}{
		"none at the wanted interval":  {s, 0, 0, s},
		"none above it":                {2 * s, 0, 0, 2*s - 144*time.Millisecond},
		"none a little above it":       {s + 1, 0, 0, s},
		"three":                        {2 * s, 3, 0, 2*s + 36*time.Millisecond},
		"after as long as an interval": {2 * s, 3, 2 * s, 2*s + 36*time.Millisecond},
		"after longer than that":       {2 * s, 3, 2*s + 200*time.Millisecond, 2*s + 100*time.Millisecond},
		"a late read that was granted": {2 * s, 0, 9 * s, 2*s - 144*time.Millisecond},
		"at the longest":               {maxShared, 100, 0, maxShared},
	} {
		p := sharing{interval: c.interval, refusals: c.refusals}
		p.adapt(s, c.waited, someTime)
		assert.InDelta(t, c.want, p.interval, float64(time.Microsecond), name)
		assert.GreaterOrEqual(t, p.interval, s, name)
		assert.Zero(t, p.refusals, name)
	}
}

// TestOneOfFiveReadsIsLateByCourtesy: but of a Reader that wants more than 5 reads in 2 seconds none is.
func TestOneOfFiveReadsIsLateByCourtesy(t *testing.T) {
	lates := func(wanted time.Duration) (lates []time.Duration) {
		var s sharing
		for range 7 {
			lates = append(lates, s.late(wanted))
		}
		return lates
	}
	assert.Equal(t, []time.Duration{0, 0, 0, 0, courtesy, 0, 0}, lates(400*time.Millisecond))
	assert.Equal(t, make([]time.Duration, 7), lates(399*time.Millisecond))
}

// TestWhoWaitsLongestIsRetriedSoonest: until the wait is hopeless.
func TestWhoWaitsLongestIsRetriedSoonest(t *testing.T) {
	for name, c := range map[string]struct {
		s            sharing
		waited, want time.Duration
	}{
		"at first":                   {sharing{interval: time.Second}, 0, retryPause},
		"after an interval":          {sharing{interval: time.Second}, time.Second, retryPause},
		"after more than that":       {sharing{interval: time.Second}, time.Second + 1, retryPause / 2},
		"after half a minute":        {sharing{interval: time.Second}, hopeless, retryPause / 2},
		"after more than it":         {sharing{interval: 2 * time.Second}, hopeless + 1, 2 * time.Second},
		"... at a short interval":    {sharing{interval: 300 * time.Millisecond}, hopeless + 1, time.Second},
		"behind a large page":        {sharing{interval: time.Second, large: true}, 0, largePause},
		"... after an interval":      {sharing{interval: time.Second, large: true}, time.Second + 1, largePause / 2},
		"... after more than 30 sec": {sharing{interval: time.Second, large: true}, hopeless + 1, largePause / 2},
	} {
		assert.Equal(t, c.want, c.s.pause(c.waited), name)
	}
}

// TestASharedShardIsReadAtIntervalsOfChance: a tenth less to a tenth more, never sooner than wanted, and a quarter at least
// behind the previous read.
func TestASharedShardIsReadAtIntervalsOfChance(t *testing.T) {
	s := sharing{interval: 2 * time.Second}
	assert.Equal(t, 1800*time.Millisecond, s.jittered(time.Second, 0))
	assert.Equal(t, 2*time.Second, s.jittered(time.Second, 0.5))
	assert.Equal(t, 2200*time.Millisecond, s.jittered(time.Second, 1))
	assert.Equal(t, 1900*time.Millisecond, s.jittered(1900*time.Millisecond, 0))
	assert.Equal(t, 500*time.Millisecond, s.least())
	s.interval = 500 * time.Millisecond
	assert.Equal(t, minInterval, s.least())
}
