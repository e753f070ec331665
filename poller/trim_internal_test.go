package poller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
)

func TestTrimWatch(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	ago := func(h float64) time.Time { return now.Add(-time.Duration(h * float64(time.Hour))) }
	at := func(seq string, hours float64) batch.Record {
		return batch.Record{SequenceNumber: seq, ArrivalTime: ago(hours)}
	}
	caughtUp := batch.Page{CaughtUpTo: now}
	for name, tc := range map[string]struct {
		from      Start
		records   []batch.Record
		page      batch.Page
		retention float64 // hours
		suspected bool
		gap       *Gap
	}{
		"no position":                 {from: Start{Type: TrimHorizon}, records: []batch.Record{at("9", 1)}, retention: 24},
		"a time that is not known":    {from: positionAt("7", time.Time{}), records: []batch.Record{at("9", 1)}, retention: 24},
		"resolved up to a day ago":    {from: positionAt("7", ago(24)), records: []batch.Record{at("7", 24)}, retention: 24, suspected: true},
		"resolved up to lately":       {from: positionAt("7", ago(23)), records: []batch.Record{at("9", 1)}, retention: 24},
		"the record is there":         {from: positionAt("7", ago(30)), records: []batch.Record{at("7", 80), at("9", 1)}, retention: 100, suspected: true},
		"an older one is there":       {from: positionAt("7", ago(30)), records: []batch.Record{at("6", 80)}, retention: 100, suspected: true},
		"nothing yet":                 {from: positionAt("7", ago(30)), retention: 24, suspected: true},
		"trimmed":                     {from: positionAt("7", ago(30)), records: []batch.Record{at("9", 1)}, retention: 24, suspected: true, gap: &Gap{From: ago(30), To: ago(24)}},
		"trimmed, and nothing left":   {from: positionAt("7", ago(30)), page: caughtUp, retention: 24, suspected: true, gap: &Gap{From: ago(30), To: ago(24)}},
		"trimmed, at the shard's end": {from: positionAt("7", ago(30)), page: batch.Page{End: true}, retention: 24, suspected: true, gap: &Gap{From: ago(30), To: ago(24)}},
		"trimmed, and older is left":  {from: positionAt("7", ago(30)), records: []batch.Record{at("9", 26)}, retention: 24, suspected: true, gap: &Gap{From: ago(30), To: ago(26)}},
		"trimmed before it was idle":  {from: positionAt("7", ago(30)), records: []batch.Record{at("9", 1)}, retention: 48, suspected: true},
		"trimmed, older than known":   {from: positionAt("7", ago(30)), records: []batch.Record{at("9", 31)}, retention: 24, suspected: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTrimWatch(tc.from)
			begin, suspected := w.begin(tc.from, now)
			require.EqualValues(t, tc.suspected, suspected)
			kind, _, _ := begin.iterator()
			require.Equal(t, tc.suspected, kind == "AT_SEQUENCE_NUMBER", "begins %s", kind)
			var got *Gap
			if w.trimmed(&suspected, tc.records, &tc.page) {
				got = w.gap(tc.records, ago(tc.retention))
			}
			if tc.gap != nil {
				tc.gap.Position = tc.from.Position
			}
			require.Equal(t, tc.gap, got)
			require.EqualValues(t, name == "nothing yet", suspected, "an empty page that is behind tells nothing")
		})
	}
}

func positionAt(seq string, resolved time.Time) Start {
	return Start{Type: AtPosition, Position: batch.Position{SequenceNumber: seq}, ResolvedUpTo: resolved}
}

func TestTrimWatchMovesWithThePages(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	var w trimWatch
	w.read(&batch.Page{})
	require.Equal(t, trimWatch{}, w)
	w.read(&batch.Page{Records: []batch.Record{{SequenceNumber: "3", ArrivalTime: now}}})
	require.Equal(t, trimWatch{position: batch.Position{SequenceNumber: "3"}, readTo: now}, w)
	w.read(&batch.Page{CaughtUpTo: now.Add(time.Hour)})
	require.Equal(t, now.Add(time.Hour), w.readTo)

	// A fan-out's read position moves on without records: the suspicion is checked at the record, not there.
	from := Start{Type: AtPosition, Position: batch.Position{SequenceNumber: "5"}}
	begin, _ := w.begin(from, now.Add(time.Hour))
	require.Equal(t, from, begin)
	begin, _ = w.begin(from, now.Add(25*time.Hour))
	require.Equal(t, "3", begin.Position.SequenceNumber)
}
