//go:build race

package filter_test

// Fewer pairs are compared under the race detector, which makes each some ten times slower.
const (
	defaultPairs = 5_000
	raceEnabled  = true
)
