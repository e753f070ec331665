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
