package poller

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestALimitRisesAfterFiveGoodReads: to twice as much, and no more than the configured one.
func TestALimitRisesAfterFiveGoodReads(t *testing.T) {
	l := adaptiveLimit{now: 10, max: 10}
	assert.False(t, l.succeeded(), "it is at its maximum")
	l.halve()
	l.halve()
	assert.EqualValues(t, 2, l.now)
	var rose []bool
	for range 15 {
		rose = append(rose, l.succeeded())
	}
	assert.Equal(t, []bool{false, false, false, false, true, false, false, false, false, true, false, false, false, false, true}, rose)
	assert.EqualValues(t, 10, l.now)
	for range 5 {
		l.halve()
	}
	assert.EqualValues(t, 1, l.now)
	l.succeeded()
	l.halve()
	for range goodReads - 1 {
		assert.False(t, l.succeeded(), "the count begins again")
	}
}
