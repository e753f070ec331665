package mapping

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestDifferenceOfClocksIsReportedOnceUntilItChanges: one look a second.
func TestDifferenceOfClocksIsReportedOnceUntilItChanges(t *testing.T) {
	const no, differ, agree = noNews, clocksDiffer, clocksAgree
	s, h := time.Second, time.Hour
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		ahead []time.Duration
		want  []clockNews
	}{
		"they agree":                             {[]time.Duration{0, s, -s, 5 * s}, []clockNews{no, no, no, no}},
		"at the start":                           {[]time.Duration{2 * h, 2 * h, 2*h + s, 2*h - 5*s}, []clockNews{differ, no, no, no}},
		"behind":                                 {[]time.Duration{-2 * h, -2 * h, -2 * h}, []clockNews{differ, no, no}},
		"later, when it has lasted":              {[]time.Duration{0, 2 * h, 2 * h, 2 * h, 2 * h}, []clockNews{no, no, no, differ, no}},
		"for a moment":                           {[]time.Duration{0, 2 * h, 2 * h, 0, 2 * h, 2 * h, 0}, []clockNews{no, no, no, no, no, no, no}},
		"it changes by less than a tenth":        {[]time.Duration{2 * h, 2*h + 11*time.Minute, 2*h - 11*time.Minute, 2 * h, 2 * h}, []clockNews{differ, no, no, no, no}},
		"it changes by more":                     {[]time.Duration{2 * h, 3 * h, 3 * h, 3 * h, 3 * h}, []clockNews{differ, no, no, differ, no}},
		"its sign changes":                       {[]time.Duration{8 * s, -8 * s, -8 * s, -8 * s}, []clockNews{differ, no, no, differ}},
		"a small one changes by some seconds":    {[]time.Duration{8 * s, 12 * s, 12 * s, 12 * s}, []clockNews{differ, no, no, no}},
		"they agree again":                       {[]time.Duration{8 * s, 3 * s, 3 * s, 3 * s, 3 * s}, []clockNews{differ, no, no, agree, no}},
		"they agree again, and differ once more": {[]time.Duration{8 * s, 0, 0, 0, 8 * s, 8 * s, 8 * s}, []clockNews{differ, no, no, agree, no, no, differ}},
	} {
		var w clockWatch
		for i, ahead := range c.ahead {
			assert.Equal(t, c.want[i], w.look(start.Add(time.Duration(i)*time.Second), ahead), "%s: look %d", name, i)
		}
	}
}

// TestClockThatIsSetForwardMakesNoRecordOlder where the source does not know its time.
func TestClockThatIsSetForwardMakesNoRecordOlder(t *testing.T) {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	assert.Equal(t, began.Add(time.Minute), steady(began.Add(time.Minute), began, time.Minute))
	assert.Equal(t, began.Add(time.Minute), steady(began.Add(2*time.Hour), began, time.Minute), "set forward")
	assert.Equal(t, began.Add(-2*time.Hour), steady(began.Add(-2*time.Hour), began, time.Minute), "set back")
}
