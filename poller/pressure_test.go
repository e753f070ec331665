package poller_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller"
)

// woken reports whether the account was woken since it was last asked.
func woken(a *poller.Account) bool {
	select {
	case <-a.Pressure():
		return true
	default:
		return false
	}
}

// TestHoldersAreWokenWhereAReadNeedsWhatTheyHold: those that hold more than their part, once, and as long as a read waits.
func TestHoldersAreWokenWhereAReadNeedsWhatTheyHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budgetOf(t, 40*mib) // parts of 2.5 MiB
		large, small, none, waits := b.OpenAs("large"), b.OpenAs("small"), b.OpenAs("none"), b.OpenAs("waits")
		large.Settle(28*mib, true)
		small.Settle(2*mib, true)
		waits.Settle(3*mib, true)
		assert.False(t, woken(large), "no read waits")
		assert.False(t, large.Pressed())

		granted := reserve(t.Context(), waits, 5*mib)
		synctest.Wait()
		assert.Empty(t, granted)
		assert.True(t, woken(large))
		assert.True(t, woken(waits), "it may gather itself what it waits for")
		assert.False(t, woken(small), "within its part")
		assert.False(t, woken(none))
		assert.True(t, large.Pressed())
		assert.False(t, small.Pressed())

		time.Sleep(62 * time.Second)
		assert.True(t, large.Pressed(), "for as long as the read waits")
		woken(large)
		again := false
		for range 3 { // holders are woken once a second at most, and the Budget may have looked by itself a moment ago
			large.Settle(27*mib, false)
			if again = woken(large); again {
				break
			}
			time.Sleep(time.Second)
		}
		assert.True(t, again)
		large.Settle(26*mib, false)
		assert.False(t, woken(large), "not for each change")

		large.Settle(10*mib, false)
		require.Equal(t, 5*mib, <-granted)
		assert.True(t, large.Pressed(), "a read found the Budget short a moment ago")
		time.Sleep(time.Second)
		assert.False(t, large.Pressed())
	})
}

// TestAWaitForOtherReadsPressesNone: what they reserved comes back without anything being resolved.
func TestAWaitForOtherReadsPressesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budgetOf(t, 40*mib)
		var reading []*poller.Account
		for range 3 {
			a := b.Open()
			a.Settle(4*mib, true)
			reading = append(reading, a)
		}
		for _, a := range reading {
			_, err := a.Reserve(t.Context(), 6*mib)
			require.NoError(t, err)
		}
		waits := b.Open()
		granted := reserve(t.Context(), waits, 5*mib)
		synctest.Wait()
		assert.Empty(t, granted)
		assert.False(t, reading[0].Pressed())
		assert.False(t, woken(reading[0]))
		reading[0].Settle(4*mib, true)
		assert.Equal(t, 5*mib, <-granted)
	})
}

func TestAWaitForTheBudgetNamesWhoHoldsMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budgetOf(t, 40*mib)
		a, other, waits := b.OpenAs("a"), b.OpenAs("b"), b.OpenAs("waits")
		a.Settle(20*mib, true)
		other.Settle(6*mib, true)
		waits.Settle(4*mib, true)
		_, ok := waits.Waiting()
		assert.False(t, ok)
		ctx, cancel := context.WithCancel(t.Context())
		granted := reserve(ctx, waits, 5*mib)
		synctest.Wait()
		w, ok := waits.Waiting()
		require.True(t, ok)
		assert.Equal(t, poller.Wait{Since: w.Since, Used: 30 * mib, Total: 40 * mib, Holder: "a", Held: 20 * mib}, w)
		assert.WithinDuration(t, time.Now(), w.Since, 0)

		other.Settle(21*mib, true)
		a.Settle(5*mib, false)
		time.Sleep(time.Second)
		w, _ = waits.Waiting()
		assert.Equal(t, "b", w.Holder)
		cancel()
		<-granted
		_, ok = waits.Waiting()
		assert.False(t, ok)
	})
}

func TestNoBudgetPressesNone(t *testing.T) {
	var none *poller.Account
	assert.Nil(t, none.Pressure())
	assert.False(t, none.Pressed())
	_, ok := none.Waiting()
	assert.False(t, ok)
}
