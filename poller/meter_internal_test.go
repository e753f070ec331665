package poller

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestAMeterServesByRank: 5 calls in 1.05 s, those of a lower rank first, and a place that is given up is taken by the next.
func TestAMeterServesByRank(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, start := &meter{}, time.Now()
		var first turn
		for range perSecond {
			_, err := m.wait(t.Context(), &first, start)
			assert.NoError(t, err)
		}
		assert.Zero(t, time.Since(start))

		gone, leave := context.WithCancelCause(t.Context())
		errGone := errors.New("gone")
		served := make([]time.Duration, 12)
		var all sync.WaitGroup
		for i := range served {
			all.Go(func() {
				ctx, rank := t.Context(), start.Add(-time.Duration(i)) // the last one comes first
				if i == 8 || i == 0 {
					ctx = gone
				}
				at, err := m.wait(ctx, &turn{}, rank)
				if err != nil {
					assert.Equal(t, errGone, err)
					return
				}
				served[i] = at.Sub(start)
			})
			synctest.Wait()
		}
		leave(errGone)
		all.Wait()
		const round = meteredSecond
		assert.Equal(t, []time.Duration{0, 2 * round, 2 * round, 2 * round, 2 * round, 2 * round, round, round, 0, round, round, round}, served)
		assert.Empty(t, m.queue)
	})
}

// TestARefusedCallDoesNotCount: the service does not count it, so another call may take its place.
func TestARefusedCallDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, start := &meter{}, time.Now()
		var a, b turn
		for range perSecond {
			_, _ = m.wait(t.Context(), &a, start)
		}
		var all sync.WaitGroup
		all.Go(func() {
			at, err := m.wait(t.Context(), &b, start)
			assert.NoError(t, err)
			assert.Equal(t, 300*time.Millisecond, at.Sub(start))
		})
		time.Sleep(300 * time.Millisecond)
		assert.Zero(t, m.refused(time.Now(), time.Now(), &a))
		all.Wait()
	})
}

// TestBytesThatAreNotPaidForCloseAGate: only once the service has refused a call, for it may be less strict.
func TestBytesThatAreNotPaidForCloseAGate(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	for name, c := range map[string]struct {
		pages []int // in MiB, read at the start
		paid  time.Duration
	}{
		"nothing":         {nil, 0},
		"a small page":    {[]int{1}, 500 * time.Millisecond},
		"several pages":   {[]int{1, 3, 2}, 3 * time.Second},
		"one cut at most": {[]int{10}, 5 * time.Second},
		"one a bit less":  {[]int{9}, 5 * time.Second},
	} {
		var g gate
		for _, mib := range c.pages {
			g.spend(start, mib<<20)
		}
		assert.False(t, g.opens(0).After(start), name)
		_, owing := g.owes(start)
		assert.Equal(t, c.paid > 0, owing, name)
		if c.paid > 0 {
			assert.Equal(t, start.Add(c.paid), g.opens(0), name)
		}
		_, owing = g.owes(start.Add(c.paid))
		assert.False(t, owing, name)
	}
}
