//go:build !race

package batch_test

// A normal run makes that many random schedules, in a few seconds.
const (
	defaultSchedules = 20_000
	raceEnabled      = false
)
