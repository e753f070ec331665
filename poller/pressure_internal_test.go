package poller

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOfAccountsThatHoldAsMuchTheFirstByNameIsNamed: so that a status does not change from one look to the next. If none holds
// anything, none is named. A look is good for a second.
func TestOfAccountsThatHoldAsMuchTheFirstByNameIsNamed(t *testing.T) {
	b, err := NewBudget(leastBudget)
	require.NoError(t, err)
	var accounts []*Account
	for _, name := range []string{"d", "b", "h", "a", "c", "e", "g", "f"} {
		accounts = append(accounts, b.OpenAs(name))
	}
	now := someTime
	for range 5 {
		assert.Equal(t, holder{at: now}, *b.holder(now))
		now = now.Add(lull)
	}
	for _, a := range accounts {
		a.Settle(1<<20, false)
	}
	assert.Empty(t, b.holder(now.Add(-1)).name, "less than a second ago there was none")
	for range 5 {
		assert.Equal(t, holder{at: now, name: "a", held: 1 << 20}, *b.holder(now))
		now = now.Add(lull)
	}
	accounts[2].Settle(2<<20, false)
	assert.Equal(t, holder{at: now, name: "h", held: 2 << 20}, *b.holder(now))
}

// TestAnAccountIsPressedForASecondAfterARead: it must hold more than its part, and some read must have been short of memory.
func TestAnAccountIsPressedForASecondAfterARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := NewBudget(leastBudget)
		require.NoError(t, err)
		a, other := b.Open(), b.Open()
		part := int(b.part())
		a.Settle(part, false)
		other.Settle(part+1, false)
		b.press(time.Now())
		assert.False(t, a.Pressed(), "it holds no more than its part")
		assert.True(t, other.Pressed())
		assert.Empty(t, a.pressure)
		assert.Len(t, other.pressure, 1)
		time.Sleep(lull - 1)
		assert.True(t, other.Pressed())
		time.Sleep(time.Nanosecond)
		assert.False(t, other.Pressed(), "it is over")
	})
}
