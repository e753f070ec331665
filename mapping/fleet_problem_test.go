package mapping_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
)

// takeless is a view through which no lease can be taken.
type takeless struct{ *view }

func (s takeless) Fleet(name string) driver.FleetTable { return takelessTable{s.view.Fleet(name)} }

type takelessTable struct{ driver.FleetTable }

func (takelessTable) Take(context.Context, driver.FleetLease, string) (driver.FleetLease, error) {
	return driver.FleetLease{}, errSilent
}

// TestFailedTakeIsNoProblemOnceThereIsNothingToTake has a worker fail to take the only shard, lose its table for so long that it
// starts over, and find that another worker has the shard: a call that is not made again does not fail for ever.
func TestFailedTakeIsNoProblemOnceThereIsNothingToTake(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		c := newCrew(w)
		v := &view{sharedStore: c.store}
		idle := c.joinWith("a", func(cfg *mapping.Config) { cfg.Store = takeless{v} })
		pass(10 * time.Second)
		assert.Contains(t, idle.Status().Problem, "acquire a lease")
		v.cut.Store(true)
		other := c.join("b")
		pass(30 * time.Second)
		v.cut.Store(false)
		pass(2 * time.Minute)
		w.put(0, 3)
		pass(5 * time.Second)
		assert.Len(t, c.shards(), 1, "b has it")
		assert.Empty(t, idle.Status().Problem)
		require.NoError(t, idle.stop())
		require.NoError(t, other.stop())
	})
}
