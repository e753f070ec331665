//go:build !race

package filter_test

// defaultPairs is how many pattern and event pairs a normal run compares. .ci/run compares 105,000.
const (
	defaultPairs = 20_000
	raceEnabled  = false
)
