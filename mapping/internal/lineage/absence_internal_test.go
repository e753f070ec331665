package lineage

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
)

// look is one listing of a sequence.
type look struct {
	at     time.Duration
	listed string // in family's notation
}

// watched returns a lineage that has taken in a sequence of listings.
func watched(rows map[string]driver.Progress, looks ...look) *Lineage {
	l := New()
	l.Read(rows)
	for _, v := range looks {
		l.List(family(v.listed), time.Unix(0, 0).Add(v.at), nil)
	}
	return &l
}

// TestShardHasLeftWhenTwoListingsApartLackIt, with none in between that has it.
func TestShardHasLeftWhenTwoListingsApartLackIt(t *testing.T) {
	const s = time.Second
	for name, tc := range map[string]struct {
		looks []look
		gone  bool
	}{
		"listed":                               {[]look{{0, "a x"}}, false},
		"one listing lacks it":                 {[]look{{0, "a x"}, {300 * s, "x"}}, false},
		"two that are near":                    {[]look{{0, "a x"}, {30 * s, "x"}, {89 * s, "x"}}, false},
		"two that are apart":                   {[]look{{0, "a x"}, {30 * s, "x"}, {90 * s, "x"}}, true},
		"many":                                 {[]look{{0, "a x"}, {30 * s, "x"}, {60 * s, "x"}, {90 * s, "x"}}, true},
		"it was back in between":               {[]look{{0, "a x"}, {30 * s, "x"}, {60 * s, "a x"}, {90 * s, "x"}}, false},
		"and then two again":                   {[]look{{0, "a x"}, {30 * s, "x"}, {60 * s, "a x"}, {90 * s, "x"}, {150 * s, "x"}}, true},
		"it is back":                           {[]look{{0, "a x"}, {30 * s, "x"}, {90 * s, "x"}, {95 * s, "a x"}}, false},
		"never listed, by one":                 {[]look{{0, "x"}}, false},
		"never listed, by two that are near":   {[]look{{0, "x"}, {59 * s, "x"}}, false},
		"never listed, by two that are apart":  {[]look{{0, "x"}, {60 * s, "x"}}, true},
		"each listing lacks another shard":     {[]look{{0, "a x"}, {30 * s, "x"}, {60 * s, "a"}, {90 * s, "x"}, {120 * s, "a"}}, false},
		"listed once, long after the first":    {[]look{{0, "x"}, {60 * s, "x"}, {3600 * s, "a x"}, {3630 * s, "x"}}, false},
		"the clock that listings go by stands": {[]look{{0, "x"}, {0, "x"}, {0, "x"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := watched(nil, tc.looks...)
			assert.Equal(t, tc.gone, l.IsGone("a"))
			known := l.shards["a"].ID != ""
			listedOnce := slices.ContainsFunc(tc.looks, func(v look) bool { return strings.HasPrefix(v.listed, "a") })
			assert.Equal(t, listedOnce && !tc.gone, known, "a shard that was listed stays for as long as it has not left")
		})
	}
}

// TestOneListingIsNoWitness, however little it takes.
func TestOneListingIsNoWitness(t *testing.T) {
	one := absence{}.again(time.Unix(1, 0))
	assert.False(t, one.lasts(0))
	assert.True(t, one.again(time.Unix(1, 0)).lasts(0))
	assert.False(t, absence{}.lasts(0))
}

// TestChildWaitsForAParentThatAListingMayHaveLeftOut: one listing must not let it overtake.
func TestChildWaitsForAParentThatAListingMayHaveLeftOut(t *testing.T) {
	const s = time.Second
	begun, ended := driver.Progress{Version: 1, Position: batch.Position{SequenceNumber: "5"}}, driver.Progress{Version: 1, End: true}
	idle := driver.Progress{Version: 1}
	for name, tc := range map[string]struct {
		rows  map[string]driver.Progress
		looks []look
		want  string // what may be opened
	}{
		"a parent that was listed":                       {nil, []look{{0, "p c<p"}, {30 * s, "c<p"}}, "p"},
		"and is missed for long":                         {nil, []look{{0, "p c<p"}, {30 * s, "c<p"}, {90 * s, "c<p"}}, "c"},
		"a parent with an unfinished row":                {map[string]driver.Progress{"p": begun}, []look{{0, "c<p"}, {50 * s, "c<p"}}, ""},
		"with a row that has nothing yet":                {map[string]driver.Progress{"p": idle}, []look{{0, "c<p"}, {50 * s, "c<p"}}, ""},
		"and it has left":                                {map[string]driver.Progress{"p": begun}, []look{{0, "c<p"}, {60 * s, "c<p"}}, "c"},
		"and it is listed then":                          {map[string]driver.Progress{"p": begun}, []look{{0, "c<p"}, {50 * s, "p c<p"}}, "p"},
		"a parent that is stored as ended":               {map[string]driver.Progress{"p": ended}, []look{{0, "c<p"}}, "c"},
		"an unknown parent":                              {nil, []look{{0, "c<p"}}, ""},
		"nor by two listings in a row":                   {nil, []look{{0, "c<p"}, {1 * s, "c<p"}}, ""},
		"nor a while later":                              {nil, []look{{0, "c<p"}, {2 * s, "c<p"}}, "c"},
		"a child that was begun before":                  {map[string]driver.Progress{"c": begun}, []look{{0, "c<p"}}, "c"},
		"a child that was begun, and its parent not":     {map[string]driver.Progress{"c": begun, "p": begun}, []look{{0, "c<p"}}, "c"},
		"a merge of an ended one and one in doubt":       {map[string]driver.Progress{"p": ended, "q": begun}, []look{{0, "c<p,q"}}, ""},
		"a merge of a missed one and one that is listed": {nil, []look{{0, "p q c<p,q"}, {30 * s, "q c<p,q"}}, "p q"},
		"a shard without parents":                        {nil, []look{{0, "c"}}, "c"},
	} {
		t.Run(name, func(t *testing.T) {
			l := watched(tc.rows, tc.looks...)
			assert.Equal(t, tc.want, ids(l.Openable()))
			for _, s := range l.Early() {
				assert.Contains(t, l.WaitingFor(s), "waiting for another listing to lack its parents too: ")
				assert.NotZero(t, l.Unsettled(), "the next listing must come soon")
			}
		})
	}
}

// TestListingTakesNothingBackThatNeverChanges: a member that one listing leaves out is not its zero.
// A parent that no listing ever had may be younger than the listings before the one that names it: a cut listing then has the
// grandchildren of a shard that it knows, and not the children.
func TestListingsFromBeforeAParentWasNamedSayNothingOfIt(t *testing.T) {
	l := New()
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	for s := range int64(5) {
		l.List(family("a"), at(60*s), nil)
	}
	grandchild := family("g<c")[0]
	l.List(family("a g<c"), at(300), nil)
	assert.True(t, l.isEarly(grandchild), "one listing lacks its parent")
	l.List(family("a"), at(301), nil)
	assert.True(t, l.isEarly(grandchild), "two do, but not for long enough")
	l.List(family("a g<c"), at(302), nil)
	assert.False(t, l.isEarly(grandchild), "as at a first start")
	l.List(family("a c<a g<c"), at(310), nil)
	assert.False(t, l.isEarly(grandchild), "now it waits for its parent as any child does")
	assert.Empty(t, l.orphaned)
}

// A listing that shows a shard as open, though its end is stored, is older than the end: it may lack the shard's children, which
// would wait for the next one.
func TestListingThatIsOlderThanAStoredEndIsMadeAgainSoon(t *testing.T) {
	l := New()
	l.Read(map[string]driver.Progress{"a": {Version: 1, End: true}})
	l.List(family("a"), time.Unix(0, 0), nil)
	assert.Equal(t, UnsettledRefresh, l.Unsettled())
	l.List(family("a b<a"), time.Unix(10, 0), nil)
	assert.Zero(t, l.Unsettled())
}

func TestListingTakesNothingBackThatNeverChanges(t *testing.T) {
	full := poller.Shard{
		ID: "a", Parent: "p", AdjacentParent: "q", StartingHashKey: "0", EndingHashKey: "9", StartingSequenceNumber: "7", EndingSequenceNumber: "8",
	}
	l := New()
	l.List([]poller.Shard{full}, time.Unix(0, 0), nil)
	l.List([]poller.Shard{{ID: "a"}}, time.Unix(1, 0), nil)
	assert.Equal(t, full, l.shards["a"])
}

// TestLearnedShardTakesOverWhatIsListed, though it is processed.
func TestLearnedShardTakesOverWhatIsListed(t *testing.T) {
	l := listedLineage("a", "a")
	l.Learn("a", family("b<a"), time.Unix(100, 0))
	listed := poller.Shard{ID: "b", Parent: "a", StartingSequenceNumber: "7"}
	l.List([]poller.Shard{{ID: "a"}, listed}, time.Unix(101, 0), map[string]poller.Shard{"b": {ID: "b", Parent: "a"}})
	assert.Equal(t, listed, l.shards["b"])
	assert.Empty(t, l.learned)
}

// TestProcessedShardThatHasLeftStaysSo: it is known to the lineage for as long as it is processed, and gone all the same.
func TestProcessedShardThatHasLeftStaysSo(t *testing.T) {
	l := New()
	processed := map[string]poller.Shard{"a": {ID: "a"}, "taken": {ID: "taken"}}
	var gone []map[string]bool
	for i := range 6 {
		listed := "a x"
		if i > 0 {
			listed = "x"
		}
		gone = append(gone, l.List(family(listed), time.Unix(int64(30*i), 0), processed))
	}
	taken, both := map[string]bool{"taken": true}, map[string]bool{"a": true, "taken": true}
	assert.Equal(t, []map[string]bool{{}, {}, taken, both, both, both}, gone)
	assert.Equal(t, "a taken x", ids(l.Openable()))
}

// TestRowsAreGivenUpOnlyByTwoListingsAndTheRetention holds the lineage against a model that goes through all listings each time.
func TestRowsAreGivenUpOnlyByTwoListingsAndTheRetention(t *testing.T) {
	names := []string{"a", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		retention := time.Duration(rapid.SampledFrom([]int{24, 168, 8760}).Draw(t, "retention")) * time.Hour
		rows := map[string]driver.Progress{}
		now := time.Unix(1_700_000_000, 0)
		for _, id := range names {
			p := driver.Progress{Version: 1, End: rapid.Bool().Draw(t, "end of "+id)}
			if rapid.Bool().Draw(t, "resolved "+id) {
				hours := rapid.SampledFrom([]int{1, 23, 25, 167, 169, 9000}).Draw(t, "hours of "+id)
				p.ResolvedUpTo = now.Add(-time.Duration(hours) * time.Hour)
			}
			if rapid.IntRange(0, 3).Draw(t, "row of "+id) > 0 {
				rows[id] = p
			}
		}
		l := New()
		l.Read(rows)
		var history []look
		for i := range rapid.IntRange(1, 12).Draw(t, "listings") {
			gap := rapid.SampledFrom([]time.Duration{0, time.Second, 29 * time.Second, 30 * time.Second, time.Minute, time.Hour, 25 * time.Hour, 9000 * time.Hour})
			if i > 0 {
				now = now.Add(gap.Draw(t, "gap"))
			}
			listed := "x"
			for _, id := range names {
				if rapid.Bool().Draw(t, "listed "+id) {
					listed += " " + id
				}
			}
			history = append(history, look{time.Duration(now.UnixNano()), listed})
			l.List(family(listed), now, nil)
			if rapid.Bool().Draw(t, "rows are read") {
				l.Read(rows)
			}
			lost, removable := l.Lost(rows, now, retention), l.Removable(rows, now, retention)
			for id, p := range rows {
				expired := expiredByModel(id, p, history, now, retention)
				assert.Equal(t, expired && !p.End, slices.Contains(lost, id), "%s is given up; %v", id, history)
				assert.Equal(t, expired && p.End, slices.Contains(removable, id), "the row of %s is deleted; %v", id, history)
			}
		}
	})
}

// expiredByModel says of a shard whether it has left the stream and all that it held has expired.
func expiredByModel(id string, p driver.Progress, history []look, now time.Time, retention time.Duration) bool {
	var lacking []time.Duration
	for _, v := range slices.Backward(history) {
		if slices.Contains(strings.Fields(v.listed), id) {
			break
		}
		lacking = append(lacking, v.at)
	}
	if len(lacking) < 2 {
		return false
	}
	missedFor := lacking[0] - lacking[len(lacking)-1]
	if p.ResolvedUpTo.IsZero() {
		return missedFor >= max(AbsentFor, retention)
	}
	return missedFor >= AbsentFor && now.Sub(p.ResolvedUpTo) >= retention
}
