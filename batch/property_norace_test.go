//go:build !race

package batch_test

// A normal run makes that many random schedules, in two seconds. .ci/run makes 20,000.
const (
	defaultSchedules = 5_000
	raceEnabled      = false
)
