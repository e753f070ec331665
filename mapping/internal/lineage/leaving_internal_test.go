package lineage

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
)

// TestShardsAreMissedUntilTheyAreGone: then no further listing is needed for them.
func TestShardsAreMissedUntilTheyAreGone(t *testing.T) {
	const s = time.Second
	row := map[string]driver.Progress{"a": {Version: 1}}
	for name, tc := range map[string]struct {
		rows             map[string]driver.Progress
		looks            []look
		missing, leaving bool
	}{
		"no listing yet":            {row, nil, false, false},
		"listed":                    {row, []look{{0, "a x"}}, false, false},
		"one listing lacks it":      {row, []look{{0, "a x"}, {30 * s, "x"}}, true, true},
		"and it has no row":         {nil, []look{{0, "a x"}, {30 * s, "x"}}, true, false},
		"two that are near lack it": {row, []look{{0, "a x"}, {30 * s, "x"}, {89 * s, "x"}}, true, true},
		"two that are apart":        {row, []look{{0, "a x"}, {30 * s, "x"}, {90 * s, "x"}}, false, false},
		"it is listed again":        {row, []look{{0, "a x"}, {30 * s, "x"}, {31 * s, "a x"}}, false, false},
		"never listed":              {row, []look{{0, "x"}}, false, true},
		"never listed, by two":      {row, []look{{0, "x"}, {60 * s, "x"}}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := watched(tc.rows, tc.looks...)
			assert.Equal(t, tc.missing, l.IsMissingSome())
			assert.Equal(t, tc.leaving, l.IsLeaving())
		})
	}
}

// TestUnreadShardsAreThoseThatLeftBeforeTheirEnd, in order.
func TestUnreadShardsAreThoseThatLeftBeforeTheirEnd(t *testing.T) {
	at := func(position string, end bool) driver.Progress {
		return driver.Progress{Version: 1, Position: batch.Position{SequenceNumber: position}, End: end}
	}
	rows := map[string]driver.Progress{"e": at("5", false), "d": at("4", false), "c": at("3", false), "b": at("2", true), "a": at("1", false), "x": at("6", false)}
	const s = time.Second
	assert.Empty(t, watched(rows, look{0, "a b c d e x"}, look{30 * s, "x"}).Unread(), "one listing lacks them")
	l := watched(rows, look{0, "a b c d e x"}, look{30 * s, "x"}, look{90 * s, "x"})
	assert.Equal(t, []string{"a", "c", "d", "e"}, l.Unread())
	assert.Equal(t, "3", l.Position("c"))
	assert.Empty(t, l.Position("f"))

	l.End("c")
	assert.Equal(t, []string{"a", "d", "e"}, l.Unread(), "its end is stored")
	assert.Equal(t, "3", l.Position("c"), "and its position is kept")
}

// TestRetentionPeriodIsOverAtItsEnd: a shard has expired from that instant on.
func TestRetentionPeriodIsOverAtItsEnd(t *testing.T) {
	const s = time.Second
	resolved := time.Unix(1_000_000, 0)
	rows := map[string]driver.Progress{"a": {Version: 1, ResolvedUpTo: resolved}}
	l := watched(rows, look{0, "x"}, look{60 * s, "x"})
	assert.Empty(t, l.Lost(rows, resolved.Add(MinRetention-1), MinRetention))
	assert.Equal(t, []string{"a"}, l.Lost(rows, resolved.Add(MinRetention), MinRetention))

	untimed := map[string]driver.Progress{"a": {Version: 1}}
	assert.Empty(t, watched(untimed, look{0, "x"}, look{MinRetention - 1, "x"}).Lost(untimed, resolved, MinRetention))
	l = watched(untimed, look{0, "x"}, look{MinRetention, "x"})
	assert.Equal(t, []string{"a"}, l.Lost(untimed, resolved, MinRetention), "it was missed for so long")
}

// TestAbsenceOfAShardWithoutARowIsForgotten with its row: the shard would be remembered for as long as the run lasts.
func TestAbsenceOfAShardWithoutARowIsForgotten(t *testing.T) {
	const s = time.Second
	rows := map[string]driver.Progress{"a": {Version: 1}}
	l := watched(rows, look{0, "a b x"}, look{30 * s, "x"}, look{90 * s, "x"}, look{95 * s, "a x"}, look{100 * s, "x"})
	assert.Contains(t, l.missed, "b")
	l.Read(rows)
	assert.NotContains(t, l.missed, "b", "it has left, and has no row")
	assert.Contains(t, l.missed, "a", "it is still known")
	l.List(family("x"), time.Unix(160, 0), nil)
	l.Read(rows)
	assert.Contains(t, l.missed, "a", "it has left, and has a row")
	l.Read(nil)
	assert.Empty(t, l.missed)
}

// TestListingFromBeforeAChildWasNamedIsNoEvidenceAgainstIt, and no listing is for some minutes after.
func TestListingFromBeforeAChildWasNamedIsNoEvidenceAgainstIt(t *testing.T) {
	named := time.Unix(1000, 0)
	for name, tc := range map[string]struct {
		listings []time.Duration // since the child was named
		stays    bool
	}{
		"before":                              {[]time.Duration{-2 * time.Minute, -time.Minute}, true},
		"before, and at that time":            {[]time.Duration{-time.Minute, 0}, true},
		"before, and long after":              {[]time.Duration{-time.Minute, confirmWithin}, true},
		"at that time, and long after":        {[]time.Duration{0, confirmWithin}, true},
		"twice soon after":                    {[]time.Duration{time.Second, time.Minute + time.Second}, true},
		"just before it must be listed":       {[]time.Duration{time.Second, confirmWithin - 1}, true},
		"soon after, and when it must be":     {[]time.Duration{time.Second, confirmWithin}, false},
		"twice long after":                    {[]time.Duration{confirmWithin, confirmWithin + AbsentFor}, false},
		"once long after, and again too soon": {[]time.Duration{confirmWithin, confirmWithin + AbsentFor - 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := listedLineage("a", "a")
			l.Learn("a", family("b<a"), named)
			for _, after := range tc.listings {
				l.List(family("a"), named.Add(after), nil)
			}
			_, known := l.Shard("b")
			assert.Equal(t, tc.stays, known)
		})
	}
}
