//go:build race

package batch_test

// defaultSchedules is fewer under the race detector, which makes each some ten times slower.
const defaultSchedules = 2_000
