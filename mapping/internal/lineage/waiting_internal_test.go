package lineage

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
)

// TestShardsWaitUntilTheyAreProcessedOrFinished.
func TestShardsWaitUntilTheyAreProcessedOrFinished(t *testing.T) {
	l := listedLineage("a b<a c<a", "a")
	assert.Equal(t, "b c", ids(l.Waiting(func(string) bool { return false })))
	assert.Equal(t, "c", ids(l.Waiting(func(id string) bool { return id == "b" })))
	l.Finish("c")
	assert.Equal(t, "b", ids(l.Waiting(func(string) bool { return false })))
}

// TestDescendantsOfAnEarlyShardAreEarly, unless they were begun before.
func TestDescendantsOfAnEarlyShardAreEarly(t *testing.T) {
	begun := driver.Progress{Position: batch.Position{SequenceNumber: "5"}}
	for name, tc := range map[string]struct {
		listed   string
		rows     map[string]driver.Progress
		finished []string
		early    string
		ready    string
	}{
		"none":                            {"a b<a", nil, nil, "", "a b"},
		"a child of an unknown parent":    {"x c<p", nil, nil, "c", "x"},
		"its child, and grandchild":       {"x c<p d<c e<d", nil, nil, "c d e", "x"},
		"its child was begun":             {"c<p d<c e<d", map[string]driver.Progress{"d": begun}, nil, "c", "d e"},
		"its child is finished":           {"c<p d<c e<d", nil, []string{"d"}, "c", "d e"},
		"it is finished itself":           {"c<p d<c", nil, []string{"c"}, "", "c d"},
		"it was begun, and its child not": {"c<p d<c", map[string]driver.Progress{"c": begun}, nil, "", "c d"},
		"they name each other as parents": {"c<p,d d<c", nil, nil, "c d", ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := watched(tc.rows, look{0, tc.listed})
			for _, id := range tc.finished {
				l.Finish(id)
			}
			var early []poller.Shard
			for id, s := range l.Early() {
				assert.Equal(t, id, s.ID)
				early = append(early, s)
			}
			assert.Equal(t, tc.early, ids(early))
			assert.Equal(t, tc.ready, ids(l.Ready()))
		})
	}
}

// TestReasonOfWaiting is a listing only for a listed shard whose parent may have been omitted.
func TestReasonOfWaiting(t *testing.T) {
	const another, complete = "waiting for another listing to lack its parents too: ", "waiting for its parents to be complete: "
	l := watched(nil, look{0, "a b<a c<p"})
	l.Learn("a", family("d<a,q"), time.Unix(1, 0))
	for id, want := range map[string]string{"b": complete + "a", "c": another + "p", "d": complete + "a and q"} {
		s, known := l.Shard(id)
		assert.True(t, known)
		assert.Equal(t, want, l.WaitingFor(s), id)
	}
}

// TestNextListingIsSoonerTheLessIsKnown: an unknown parent holds up its children.
func TestNextListingIsSoonerTheLessIsKnown(t *testing.T) {
	idle := driver.Progress{Version: 1}
	for name, tc := range map[string]struct {
		rows     map[string]driver.Progress
		listed   string
		learned  string
		finished string
		want     time.Duration
	}{
		"nothing waits":                                   {nil, "a b<a", "", "", 0},
		"a parent of which nothing is known":              {nil, "c<p", "", "", EarlyRefresh},
		"and the child is finished":                       {nil, "c<p", "", "c", 0},
		"a parent with a row":                             {map[string]driver.Progress{"p": idle}, "c<p", "", "", UnsettledRefresh},
		"a parent with a row, and one that is listed":     {map[string]driver.Progress{"p": idle}, "q c<p,q", "", "", UnsettledRefresh},
		"a parent with a row, and one without":            {map[string]driver.Progress{"p": idle}, "c<p,q", "", "", EarlyRefresh},
		"a child that was learned":                        {nil, "a", "b<a", "", UnsettledRefresh},
		"a child that was learned, with a parent unknown": {nil, "a", "b<a,q", "", UnsettledRefresh},
	} {
		t.Run(name, func(t *testing.T) {
			l := watched(tc.rows, look{0, tc.listed})
			l.Learn("a", family(tc.learned), time.Unix(1, 0))
			if tc.finished != "" {
				l.Finish(tc.finished)
			}
			assert.Equal(t, tc.want, l.Unsettled())
		})
	}
}

// TestCompleteShardNeedsAListingUntilItsChildrenAreListed.
func TestCompleteShardNeedsAListingUntilItsChildrenAreListed(t *testing.T) {
	for name, tc := range map[string]struct {
		listed, learned string
		soon            time.Duration
		ok              bool
	}{
		"no children are known":                    {"a", "", EarlyRefresh, true},
		"the children are listed":                  {"a b<a c<a", "", UnsettledRefresh, false},
		"a listed child has an unknown parent":     {"a b<a,q", "", EarlyRefresh, true},
		"the children were learned":                {"a", "b<a c<a", UnsettledRefresh, true},
		"one child is listed, one was learned":     {"a b<a", "c<a", UnsettledRefresh, true},
		"a learned child has an unknown parent":    {"a", "b<a,q", EarlyRefresh, true},
		"one child of two has an unknown parent":   {"a b<a c<a,q", "", EarlyRefresh, true},
		"another shard's child has an unknown one": {"a b<a c<q", "", UnsettledRefresh, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := watched(nil, look{0, tc.listed})
			l.Learn("a", family(tc.learned), time.Unix(1, 0))
			soon, ok := l.NeedsListing("a")
			assert.Equal(t, tc.ok, ok)
			assert.Equal(t, tc.soon, soon)
		})
	}
}

// TestAllShardsAreDescribedWithTheirFamily.
func TestAllShardsAreDescribedWithTheirFamily(t *testing.T) {
	l := New()
	l.List([]poller.Shard{
		{ID: "a", StartingHashKey: "0", EndingHashKey: "9"},
		{ID: "b", Parent: "a", StartingHashKey: "0", EndingHashKey: "4"},
		{ID: "c", Parent: "a"},
		{ID: "d", Parent: "b", AdjacentParent: "c"},
	}, time.Unix(0, 0), nil)
	described := l.Described()
	slices.SortFunc(described, func(a, b driver.FleetShard) int { return int(a.ID[0]) - int(b.ID[0]) })
	assert.Equal(t, []driver.FleetShard{
		{ID: "a", Parents: []string{}, Children: []string{"b", "c"}, StartingHashKey: "0", EndingHashKey: "9"},
		{ID: "b", Parents: []string{"a"}, Children: []string{"d"}, StartingHashKey: "0", EndingHashKey: "4"},
		{ID: "c", Parents: []string{"a"}, Children: []string{"d"}},
		{ID: "d", Parents: []string{"b", "c"}},
	}, described)
}
