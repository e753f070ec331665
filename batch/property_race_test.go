//go:build race

package batch_test

// Fewer random schedules run under the race detector, which makes each some ten times slower.
const (
	defaultSchedules = 2_000
	raceEnabled      = true
)
