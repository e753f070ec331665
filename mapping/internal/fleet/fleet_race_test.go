//go:build race

package fleet_test

// Fewer fleets are simulated under the race detector, which makes each some ten times slower.
const defaultSeeds = 40
