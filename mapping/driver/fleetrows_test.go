package driver_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/mapping/driver"
)

// TestLeasePrintsWhatKeepsItFromBeingTaken.
func TestLeasePrintsWhatKeepsItFromBeingTaken(t *testing.T) {
	row := driver.FleetLease{Shard: "a", Epoch: 7, Owner: "w"}
	foreign, finished, damaged, all := row, row, row, row
	foreign.Foreign, finished.Finished, damaged.Damage = true, true, "no epoch"
	all.Foreign, all.Finished, all.Damage = true, true, "no epoch"
	for want, l := range map[string]driver.FleetLease{
		"a/7 owner=w":                          row,
		"a/7 owner=w foreign":                  foreign,
		"a/7 owner=w finished":                 finished,
		"a/7 owner=w damaged":                  damaged,
		"a/7 owner=w foreign finished damaged": all,
	} {
		assert.Equal(t, want, l.String())
	}
}
