package poller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestADateThatIsFarOffCountsWhenTheNextAgrees: one answer a second, whose Date is off by so much, and what the clock is then
// off by.
func TestADateThatIsFarOffCountsWhenTheNextAgrees(t *testing.T) {
	const off = 2 * time.Hour
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct{ dates, want []time.Duration }{
		"one answer out of a cache":     {[]time.Duration{0, -off, 0, 0}, []time.Duration{0, 0, 0, 0}},
		"one answer of the future":      {[]time.Duration{0, off, 0, 0}, []time.Duration{0, 0, 0, 0}},
		"every other one":               {[]time.Duration{0, off, 0, off, 0, off}, []time.Duration{0, 0, 0, 0, 0, 0}},
		"two that do not agree":         {[]time.Duration{0, off, -off, 2 * off}, []time.Duration{0, 0, 0, 0}},
		"the clock was set forward":     {[]time.Duration{0, off, off, off}, []time.Duration{0, 0, off, off}},
		"the clock was set back":        {[]time.Duration{0, -off, -off, -off}, []time.Duration{0, 0, -off, -off}},
		"the first one is behind":       {[]time.Duration{-off, 0, 0}, []time.Duration{-off, -off, 0}},
		"a little ahead counts":         {[]time.Duration{0, 30 * time.Second}, []time.Duration{0, 30 * time.Second}},
		"a little behind waits":         {[]time.Duration{0, -30 * time.Second}, []time.Duration{0, 0}},
		"far off, and a little further": {[]time.Duration{0, off, off - time.Second}, []time.Duration{0, 0, off - time.Second}},
	} {
		var clock serviceClock
		for i, d := range c.dates {
			at := start.Add(time.Duration(i) * time.Second)
			clock.take(dated{at.Add(d), at})
			now, ok := clock.when(at)
			assert.True(t, ok)
			assert.Equal(t, c.want[i], now.Sub(at), "%s: answer %d", name, i)
		}
	}
}

// TestAFirstDateThatIsAheadOfThisHostCountsWhenTheNextAgrees: until then nothing is known, because one answer must not make all
// records too old.
func TestAFirstDateThatIsAheadOfThisHostCountsWhenTheNextAgrees(t *testing.T) {
	const off = 2 * time.Hour
	const unknown = time.Duration(-1)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct{ dates, want []time.Duration }{
		"an answer that is wrong":      {[]time.Duration{off, 0, 0}, []time.Duration{unknown, 0, 0}},
		"two that are wrong":           {[]time.Duration{off, 2 * off, 0}, []time.Duration{unknown, unknown, 0}},
		"our clock is behind":          {[]time.Duration{off, off, off}, []time.Duration{unknown, off, off}},
		"a little ahead counts":        {[]time.Duration{30 * time.Second, 0}, []time.Duration{30 * time.Second, 30 * time.Second}},
		"a wrong one, before a cached": {[]time.Duration{off, -off, 0, 0}, []time.Duration{unknown, -off, -off, 0}},
	} {
		var clock serviceClock
		for i, d := range c.dates {
			at := start.Add(time.Duration(i) * time.Second)
			clock.take(dated{at.Add(d), at})
			got := unknown
			if now, ok := clock.when(at); ok {
				got = now.Sub(at)
			}
			assert.Equal(t, c.want[i], got, "%s: answer %d", name, i)
		}
	}
}

// TestADateIsFarOffFromMoreThanAMinuteOn: just a minute is near, for the first Date and for later ones.
func TestADateIsFarOffFromMoreThanAMinuteOn(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	first := func(ahead time.Duration) bool {
		var clock serviceClock
		clock.take(dated{start.Add(ahead), start})
		_, known := clock.when(start)
		return known
	}
	assert.True(t, first(clockJump))
	assert.False(t, first(clockJump+1))
	later := func(ahead time.Duration) time.Duration {
		var clock serviceClock
		clock.take(dated{start, start})
		clock.take(dated{start.Add(ahead), start})
		now, _ := clock.when(start)
		return now.Sub(start)
	}
	assert.Equal(t, clockJump, later(clockJump))
	assert.Zero(t, later(clockJump+1))
}

// TestABoundOfTheClockLastsAMinute: then the next answer replaces it, even with an earlier time.
func TestABoundOfTheClockLastsAMinute(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	after := func(age time.Duration) time.Duration {
		var clock serviceClock
		clock.take(dated{start, start})
		at := start.Add(age)
		clock.take(dated{at.Add(-10 * time.Second), at})
		now, _ := clock.when(at)
		return now.Sub(at)
	}
	assert.Zero(t, after(boundLife))
	assert.Equal(t, -10*time.Second, after(boundLife+1))
}
