package mapping

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/poller"
)

// TestWhereAnAnchorIsSettled: the service's clock shows noon, the Run began ten seconds before.
func TestWhereAnAnchorIsSettled(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	const since = 10 * time.Second
	begin := noon.Add(-since - serviceMargin) // of this Run, by the service's clock
	own := func(ahead time.Duration) time.Time { return noon.Add(ahead - since - anchorMargin) }
	for name, c := range map[string]struct {
		anchor  time.Time
		ahead   time.Duration // of our clock
		unknown bool          // the source knows no time: noon is by our clock
		read    bool
		want    time.Time // zero: it stays, and is not settled
	}{
		"of this Run":                                     {anchor: own(0), want: own(0)},
		"of this Run, our clock a little ahead":           {anchor: own(500 * time.Millisecond), ahead: 500 * time.Millisecond, want: own(500 * time.Millisecond)},
		"of this Run, our clock ahead":                    {anchor: own(8 * time.Hour), ahead: 8 * time.Hour, want: begin},
		"of this Run, our clock behind":                   {anchor: own(-8 * time.Hour), ahead: -8 * time.Hour, want: own(-8 * time.Hour)},
		"of this Run, read before by others, clock ahead": {anchor: own(8 * time.Hour), ahead: 8 * time.Hour, read: true, want: begin},
		"of an earlier Run":                               {anchor: noon.Add(-9 * time.Hour), want: noon.Add(-9 * time.Hour)},
		"of an earlier Run, our clock ahead":              {anchor: noon.Add(-time.Hour), ahead: 8 * time.Hour, want: noon.Add(-9*time.Hour + anchorMargin - serviceMargin)},
		"of an earlier Run, our clock ahead, read":        {anchor: noon.Add(-time.Hour), ahead: 8 * time.Hour, read: true},
		"of an earlier Run, our clock behind":             {anchor: noon.Add(-9 * time.Hour), ahead: -8 * time.Hour, want: noon.Add(-9 * time.Hour)},
		"of a clock that was ahead and is mended":         {anchor: noon.Add(8 * time.Hour), want: begin},
		"of another host's clock, which is ahead":         {anchor: noon.Add(8 * time.Hour), want: begin},
		"between the beginning of this Run and now":       {anchor: noon.Add(-time.Second), want: begin},
		"read":                                 {anchor: own(0), read: true},
		"no clock but ours":                    {anchor: own(0), unknown: true},
		"no clock but ours, of an earlier Run": {anchor: noon.Add(-9 * time.Hour), unknown: true},
		"no clock but ours, which was ahead":   {anchor: noon.Add(8 * time.Hour), unknown: true, want: own(0)},
	} {
		at, ok := settled(c.anchor, clocks{ours: noon.Add(c.ahead), service: noon, known: !c.unknown}, since, c.read)
		assert.Equal(t, !c.want.IsZero(), ok, name)
		assert.Equal(t, c.want.String(), at.String(), name)
		assert.False(t, at.After(c.anchor), "%s: never forward", name)
	}
}

// TestAnchorOfAClockThatWasNotSetIsTheHorizon: Kinesis takes no time before 1970.
func TestAnchorOfAClockThatWasNotSetIsTheHorizon(t *testing.T) {
	m := &Mapping{cfg: parsed{Config: Config{StartingPosition: Latest}}}
	assert.Equal(t, poller.Start{Type: poller.TrimHorizon}, m.start(time.Unix(-2, 0)))
	assert.Equal(t, poller.Start{Type: poller.AtTimestamp, Timestamp: time.Unix(7, 0)}, m.start(time.Unix(7, 0)))
}
