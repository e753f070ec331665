//go:build race

package mapping_test

// defaultMischief is small: the race detector makes a seed ten times slower.
const defaultMischief = 8
