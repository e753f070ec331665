//go:build !race

package fleet_test

// A few seconds' worth, and none of the full size, which seed 0 is: .ci/run has 1,000 from there on.
const (
	defaultFirst = 1
	defaultSeeds = 200
)
