package poller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestAChaseEndsAfterFivePagesWithoutProgress: and begins again after a long absence.
func TestAChaseEndsAfterFivePagesWithoutProgress(t *testing.T) {
	at := func(d time.Duration) time.Time { return someTime.Add(d) }
	var c chase
	for i := range chasePatience {
		assert.True(t, c.soon(at(time.Duration(i)), 0, time.Minute), "page %d", i)
	}
	assert.False(t, c.soon(at(10), 0, time.Minute))
	assert.True(t, c.soon(at(11), 0, time.Minute-1), "it came closer")
	assert.False(t, c.soon(at(12), 0, 0), "caught up")
	assert.True(t, c.soon(at(13), 0, time.Hour))
	assert.False(t, c.soon(at(14), 1, time.Hour), "a page with records is no empty one")
	for i := range chasePatience + 1 {
		c.soon(at(time.Duration(20+i)), 0, time.Hour)
	}
	assert.False(t, c.soon(c.last.Add(chaseBreak), 0, time.Hour), "five minutes are no long absence")
	assert.True(t, c.soon(c.last.Add(chaseBreak+1), 0, time.Hour), "more are one")
}
