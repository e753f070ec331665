package mapping

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/callback"
	"github.com/shardmill/shardmill/poller"
)

// unreadable is a FleetTable with rows that cannot be read.
type unreadable struct{ driver.FleetTable }

func (unreadable) Load(context.Context, string) (driver.FleetCheckpoint, bool, error) {
	return driver.FleetCheckpoint{}, false, fmt.Errorf("row: %w", driver.ErrUnreadable)
}

// begun is a FleetTable with rows of shards that were begun.
type begun struct{ driver.FleetTable }

func (begun) Load(context.Context, string) (driver.FleetCheckpoint, bool, error) {
	return driver.FleetCheckpoint{Value: driver.Progress{Version: 1, Position: batch.Position{SequenceNumber: "1"}}}, true, nil
}

// TestShardThatWaitsForItsProgressEndsWithItsLease: until it ends, its worker neither acquires the shard again nor
// closes the incarnation that lost the lease.
func TestShardThatWaitsForItsProgressEndsWithItsLease(t *testing.T) {
	endsWithItsLease(t, unreadable{})
}

// TestShardThatWaitsForAListingEndsWithItsLease: it must not be opened under a lease that is lost.
func TestShardThatWaitsForAListingEndsWithItsLease(t *testing.T) { endsWithItsLease(t, begun{}) }

func endsWithItsLease(t *testing.T, table driver.FleetTable) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := &Mapping{log: slog.New(slog.DiscardHandler)}
		m.view.shards = map[string]*shardView{}
		m.guard = callback.Guard{Log: m.log}
		r := newRun(t.Context(), m, time.Now())
		held := &fleetTenure{m: m, table: table, row: driver.FleetLease{Shard: "a", Owner: "w#1", Epoch: 1}}
		s := r.newShard(poller.Shard{ID: "a"}, held)
		s.lease = held.lease()
		r.assignment = &fleetWorker{r: r}
		r.process(s, 0)
		time.Sleep(time.Minute)
		s.lost()
		select {
		case e := <-r.ended:
			assert.ErrorIs(t, e.err, driver.ErrLeaseLost)
			assert.False(t, e.finished)
			assert.False(t, e.released, "there is nothing to release")
		case <-time.After(time.Minute):
			assert.Fail(t, "it still waits")
			close(r.gone)
		}
		r.stop(nil)
		r.kill(nil)
		r.beside.cancel()
		r.wg.Wait()
	})
}
