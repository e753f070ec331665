package mapping_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
)

// damagedView is a view of a fleet's store in which the row of a shard cannot be read, or what its row refers to.
type damagedView struct {
	*view
	shard string
	row   atomic.Bool
	value atomic.Bool
}

func (d *damagedView) damage(what string) error {
	return fmt.Errorf("%s of %s does not parse: %w", what, d.shard, driver.ErrUnreadable)
}

func (d *damagedView) Progress(ctx context.Context, name string) (map[string]driver.Progress, error) {
	all, err := d.view.Progress(ctx, name)
	if err == nil && (d.row.Load() || d.value.Load()) {
		delete(all, d.shard)
		err = d.damage("row")
	}
	return all, err
}

func (d *damagedView) Fleet(string) driver.FleetTable { return &damagedRows{(*tableView)(d.view), d} }

type damagedRows struct {
	*tableView
	of *damagedView
}

func (d *damagedRows) Leases(ctx context.Context, mark string) ([]driver.FleetLease, string, error) {
	rows, next, err := d.tableView.Leases(ctx, mark)
	for i, row := range rows {
		if row.Shard == d.of.shard && d.of.row.Load() {
			rows[i] = driver.FleetLease{Shard: row.Shard, Damage: d.of.damage("row").Error()}
		}
	}
	return rows, next, err
}

func (d *damagedRows) Take(ctx context.Context, seen driver.FleetLease, owner string) (driver.FleetLease, error) {
	if seen.Shard == d.of.shard && d.of.row.Load() {
		return driver.FleetLease{}, d.of.damage("row")
	}
	return d.tableView.Take(ctx, seen, owner)
}

func (d *damagedRows) Load(ctx context.Context, shard string) (driver.FleetCheckpoint, bool, error) {
	if shard == d.of.shard && d.of.value.Load() {
		return driver.FleetCheckpoint{}, false, d.of.damage("state")
	}
	return d.tableView.Load(ctx, shard)
}

func TestFleetRunsWithAShardWhoseRowCannotBeRead(t *testing.T) {
	for name, tc := range map[string]struct {
		damaged func(*damagedView) *atomic.Bool
		waiting string
	}{
		"the row":          {func(d *damagedView) *atomic.Bool { return &d.row }, "its row cannot be read: row of shardId-000000000001 does not parse"},
		"what it contains": {func(d *damagedView) *atomic.Bool { return &d.value }, "state of shardId-000000000001 does not parse"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 2, func(t *testing.T, w *world) {
				d := &damagedView{view: &view{sharedStore: newSharedStore()}, shard: "shardId-000000000001"}
				cfg := w.config()
				cfg.Store = d
				first := w.start(cfg)
				w.put(0, 20)
				pass(30 * time.Second)
				require.NoError(t, first.stop())
				require.Len(t, w.delivered(), 20)

				tc.damaged(d).Store(true)
				r := w.start(cfg)
				w.put(20, 20)
				pass(time.Minute)
				behind := len(w.delivered())
				assert.Greater(t, behind, 20, "the other shard is read")
				assert.Less(t, behind, 40)
				var waiting string
				for _, s := range r.Status().Shards {
					if s.ShardID == d.shard {
						waiting = s.Waiting
					}
				}
				assert.Contains(t, waiting, tc.waiting)
				assert.Contains(t, w.logs.String(), "does not parse")

				tc.damaged(d).Store(false)
				pass(5 * time.Minute)
				assert.Len(t, w.delivered(), 40)
				require.NoError(t, r.stop())
			})
		})
	}
}
