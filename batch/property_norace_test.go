//go:build !race

package batch_test

// defaultSchedules is how many random schedules a normal run makes, in a few seconds.
const defaultSchedules = 20_000
