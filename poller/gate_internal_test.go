package poller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestOwnCallsExplainARefusalWithinASecond: five calls before a refused one may have arrived within a second if it was sent
// less than a second after the first of them was answered, or that has no answer yet.
func TestOwnCallsExplainARefusalWithinASecond(t *testing.T) {
	for name, c := range map[string]struct {
		calls    int // 100 ms apart
		answered bool
		after    time.Duration // after the answer to the first
		want     bool
	}{
		"fewer than five":           {4, true, 900 * time.Millisecond, false},
		"five within a second":      {5, true, time.Second - 1, true},
		"five in just a second":     {5, true, time.Second, false},
		"five, the first unsettled": {5, false, time.Hour, true},
	} {
		var g gate
		var first, others turn
		for i := range c.calls {
			by := &others
			if i == 0 {
				by = &first
			}
			g.take(someTime.Add(time.Duration(i)*100*time.Millisecond), by)
		}
		answered := someTime.Add(50 * time.Millisecond)
		if c.answered {
			g.granted(answered, &first)
		}
		sent := answered.Add(c.after)
		refused := &turn{}
		g.take(sent, refused)
		assert.True(t, g.giveBack(refused), name)
		assert.Equal(t, c.want, g.explains(sent), name)
	}
}

// TestACallThatIsGivenBackIsTheLastOfItsTurn: whichever place it has among those that count.
func TestACallThatIsGivenBackIsTheLastOfItsTurn(t *testing.T) {
	for place := range perSecond {
		var g gate
		turns := make([]turn, perSecond)
		for i := range turns {
			g.take(someTime.Add(time.Duration(i)), &turns[i])
		}
		assert.True(t, g.others(&turns[place]))
		assert.True(t, g.giveBack(&turns[place]))
		assert.False(t, g.giveBack(&turns[place]), "it has none any more")
		var left []time.Duration
		for _, c := range g.taken[1:] {
			left = append(left, c.at.Sub(someTime))
		}
		want := []time.Duration{0, 1, 2, 3, 4}
		assert.Equal(t, append(want[:place:place], want[place+1:]...), left)
		assert.Zero(t, g.taken[0])
		assert.False(t, g.opens(0).After(someTime), "the place is free")
		assert.Equal(t, someTime.Add(left[0]+meteredSecond), g.opens(1), "and the next one is not")
	}
}

// TestATurnAloneHasNoOthers: nor has an open gate.
func TestATurnAloneHasNoOthers(t *testing.T) {
	var g gate
	var own turn
	assert.False(t, g.others(&own))
	g.take(someTime, &own)
	assert.False(t, g.others(&own))
}
