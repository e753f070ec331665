//go:build !race

package filter_test

// defaultPairs is how many pattern and event pairs a normal run compares.
const (
	defaultPairs = 105_000
	raceEnabled  = false
)
