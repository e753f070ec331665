package mapping

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/callback"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// slowLister is a FleetTable whose only working method takes a tenth of a second.
type slowLister struct {
	driver.FleetTable // nil: its methods panic, which counts as a failed call
	times             int
}

func (s *slowLister) Listed([]driver.FleetShard) {
	time.Sleep(100 * time.Millisecond)
	s.times++
}

// TestEndsOfManyShardsAreReportedTogether: a report takes time in proportion to the shards, so one for each of
// thousands of ends that come together would keep the run from everything else.
func TestEndsOfManyShardsAreReportedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &Mapping{log: slog.New(slog.DiscardHandler)}
		m.guard = callback.Guard{Log: m.log}
		r := newRun(t.Context(), m, time.Now())
		table := &slowLister{}
		f := &fleetWorker{r: r, table: table, began: time.Now(), failing: map[string]failing{}}
		r.assignment = f
		var err error
		f.core, err = fleet.New(fleet.Config{Worker: "w"})
		require.NoError(t, err)
		for range 1000 {
			f.finished("a", 0)
		}
		assert.Equal(t, 1, table.times, "the first one, without a delay")
		again := f.next(time.Now())
		assert.False(t, again.IsZero())
		assert.LessOrEqual(t, time.Until(again), time.Second, "the others follow by themselves")
		time.Sleep(time.Second)
		f.next(time.Now())
		assert.Equal(t, 2, table.times)
		time.Sleep(time.Minute)
		f.next(time.Now())
		assert.Equal(t, 2, table.times, "nothing has changed since")
		f.listed()
		f.listed()
		assert.Equal(t, 4, table.times, "listings are always reported")
		r.beside.cancel()
		r.beside.wg.Wait()
		r.stop(nil)
		r.kill(nil)
	})
}
