//go:build race

package fleet_test

// Fewer fleets are simulated under the race detector, which makes each some ten times slower, and none of the full size,
// which seed 0 is.
const (
	defaultFirst = 1
	defaultSeeds = 30
)
