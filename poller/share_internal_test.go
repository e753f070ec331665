package poller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestOldEvidenceOfOtherConsumersDoesNotCount: they were there an hour ago, and now time is lost for another reason.
func TestOldEvidenceOfOtherConsumersDoesNotCount(t *testing.T) {
	var c tally
	now := time.Unix(0, 0)
	second := func(evidence bool) {
		now = now.Add(time.Second)
		if evidence {
			c.prove(now)
		}
		c.count(now, 1, time.Second/2)
	}
	for range 60 {
		second(true)
	}
	_, shared := c.share(now, time.Second)
	assert.True(t, shared)
	now = now.Add(time.Hour)
	for range 60 {
		second(false)
	}
	_, shared = c.share(now, time.Second)
	assert.False(t, shared)
	for range 15 {
		second(true)
	}
	_, shared = c.share(now, time.Second)
	assert.True(t, shared)
}

// TestEvidenceOfOtherConsumersNeedsTenSecondsAndLastsAMinute.
func TestEvidenceOfOtherConsumersNeedsTenSecondsAndLastsAMinute(t *testing.T) {
	at := func(d time.Duration) time.Time { return someTime.Add(d) }
	proven := func(now time.Duration, evidence ...time.Duration) bool {
		var c tally
		for _, d := range evidence {
			c.prove(at(d))
		}
		return c.isProven(at(now))
	}
	assert.False(t, proven(0, 0))
	assert.False(t, proven(0, 0, provenAfter-1))
	assert.True(t, proven(provenAfter, 0, provenAfter))
	assert.True(t, proven(provenAfter+shareSpan, 0, provenAfter), "a minute later")
	assert.False(t, proven(provenAfter+shareSpan+1, 0, provenAfter), "longer than that")
	assert.True(t, proven(shareSpan, 0, shareSpan), "over a pause of a minute")
	assert.False(t, proven(shareSpan+1, 0, shareSpan+1), "over a longer pause it begins again")
}

// TestAShareIsReportedFromATenthOfTheTimeToAFortieth.
func TestAShareIsReportedFromATenthOfTheTimeToAFortieth(t *testing.T) {
	reported := func(before bool, lost time.Duration) bool {
		c := tally{shared: before}
		c.count(someTime, 0, lost)
		return c.shared
	}
	for _, before := range []bool{false, true} {
		assert.True(t, reported(before, clearly))
		assert.Equal(t, before, reported(before, clearly-time.Millisecond), "between the two it stays as it is")
		assert.Equal(t, before, reported(before, barely+time.Millisecond))
		assert.False(t, reported(before, barely))
	}
}

// TestAShareCountsTheLastMinute: reads and lost time of a minute ago count 1/e.
func TestAShareCountsTheLastMinute(t *testing.T) {
	c := tally{since: someTime.Add(-time.Minute), last: someTime}
	for i := range 600 {
		c.prove(someTime.Add(time.Duration(i) * time.Second))
		c.count(someTime.Add(time.Duration(i)*time.Second), 1, 500*time.Millisecond)
	}
	share, shared := c.share(someTime.Add(599*time.Second), 500*time.Millisecond)
	assert.True(t, shared)
	assert.InDelta(t, 1, share.Granted, 0.02)
	assert.InDelta(t, 2, share.Wanted, 0.02, "half a second was lost of each")
	reads := c.reads
	c.count(someTime.Add(659*time.Second), 0, -time.Second)
	assert.InDelta(t, reads/2.718, c.reads, 0.1)
	assert.InDelta(t, 60, c.seconds, 0.1)
	c.count(someTime, 0, 0)
	assert.InDelta(t, 60, c.seconds, 0.1, "time that runs backwards counts as none")
}
