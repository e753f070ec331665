package lineage

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
)

// family returns shards of a notation: "c<a,b" is shard c with the parents a and b.
func family(notation string) (shards []poller.Shard) {
	for _, n := range strings.Fields(notation) {
		id, parents, _ := strings.Cut(n, "<")
		one, other, _ := strings.Cut(parents, ",")
		shards = append(shards, poller.Shard{ID: id, Parent: one, AdjacentParent: other})
	}
	return shards
}

func ids(shards []poller.Shard) string {
	var all []string
	for _, s := range shards {
		all = append(all, s.ID)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func listedLineage(notation string, finished ...string) *Lineage {
	l := New()
	l.List(family(notation), time.Unix(0, 0), nil)
	l.List(family(notation), time.Unix(60, 0), nil)
	for _, id := range finished {
		l.finished[id] = true
	}
	return &l
}

func TestLearnedChildrenOpenWithTheirParents(t *testing.T) {
	now := time.Unix(1000, 0)
	for name, tc := range map[string]struct {
		listed   string
		finished []string
		parent   string
		told     string
		want     string // children of parent that may be opened
	}{
		"a split":                                    {"a", []string{"a"}, "a", "b<a c<a", "b c"},
		"a merge whose other parent is finished":     {"a b", []string{"a", "b"}, "a", "c<a,b", "c"},
		"a merge whose other parent is not":          {"a b", []string{"a"}, "a", "c<a,b", ""},
		"a merge whose other parent is not known":    {"a", []string{"a"}, "a", "c<a,b", ""},
		"a listed merge whose other parent has left": {"a c<a,b", []string{"a"}, "a", "c<a,b", "c"},
		"no child of it":                             {"a", []string{"a"}, "a", "b<x c", ""},
		"nothing":                                    {"a", []string{"a"}, "a", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := listedLineage(tc.listed, tc.finished...)
			l.Learn(tc.parent, family(tc.told), now)
			assert.Equal(t, tc.want, ids(l.OpenableChildren(tc.parent)))
		})
	}
}

func TestLearnedChildrenStayOverListingsThatAreOlder(t *testing.T) {
	l := listedLineage("a x", "a")
	at := time.Unix(1000, 0)
	l.Learn("a", family("b<a c<a d<a"), at)
	l.finished["b"] = true
	processed := map[string]poller.Shard{"c": {ID: "c", Parent: "a"}}

	gone := l.List(family("a x"), at.Add(-time.Second), processed)
	assert.Empty(t, gone, "c has not left the stream")
	assert.Equal(t, "c d x", ids(l.Openable()))
	assert.ElementsMatch(t, []string{"b", "c", "d"}, l.children["a"])
	assert.True(t, l.finished["b"])

	assert.Empty(t, l.List(family("a x d<a"), at.Add(confirmWithin-AbsentFor), processed), "it is too soon")
	gone = l.List(family("a x d<a"), at.Add(confirmWithin), processed)
	assert.Equal(t, map[string]bool{"c": true}, gone, "by now listings should have it")
	assert.Equal(t, "c d x", ids(l.Openable()))
	assert.NotContains(t, l.finished, "b")
	assert.Empty(t, l.learned)
}

func TestListedShardIsNotLearnedOver(t *testing.T) {
	l := New()
	l.List([]poller.Shard{{ID: "a"}, {ID: "b", Parent: "a", StartingSequenceNumber: "7"}}, time.Unix(0, 0), nil)
	assert.Empty(t, l.Learn("a", family("b<a"), time.Unix(1, 0)))
	assert.Equal(t, "7", l.shards["b"].StartingSequenceNumber)
	assert.Equal(t, []string{"b"}, l.children["a"])
}

// TestLearnReturnsTheNewChildren only.
func TestLearnReturnsTheNewChildren(t *testing.T) {
	l := listedLineage("a b<a")
	assert.Equal(t, family("c<a d<a,x"), l.Learn("a", family("b<a c<a e<x d<a,x"), time.Unix(1, 0)))
	assert.Equal(t, family("f<a"), l.Learn("a", family("c<a f<a"), time.Unix(2, 0)))
}

// TestRunResumesBehindFinishedShards: those that are stored as such, and those that are finished because a child has begun.
func TestRunResumesBehindFinishedShards(t *testing.T) {
	begun, end := driver.Progress{Position: batch.Position{SequenceNumber: "5"}}, driver.Progress{End: true}
	for name, tc := range map[string]struct {
		listed   string
		progress map[string]driver.Progress
		implied  []string
		open     string
	}{
		"nothing stored":                {"a b<a", nil, nil, "a"},
		"a shard that is finished":      {"a b<a", map[string]driver.Progress{"a": end}, nil, "b"},
		"a shard that is not":           {"a b<a", map[string]driver.Progress{"a": begun}, nil, "a"},
		"a shard that is implied":       {"a b<a c<a", map[string]driver.Progress{"b": begun}, []string{"a"}, "b c"},
		"a shard that is not listed":    {"b<a", map[string]driver.Progress{"a": end}, nil, "b"},
		"all ancestors, and a finished": {"a b<a c<b d<c", map[string]driver.Progress{"c": end}, []string{"a", "b"}, "d"},
	} {
		t.Run(name, func(t *testing.T) {
			l := listedLineage(tc.listed)
			assert.Equal(t, tc.implied, l.Resume(tc.progress))
			assert.Equal(t, tc.open, ids(l.Openable()))
			for id := range l.finished {
				assert.Contains(t, l.shards, id, "only of known shards")
			}
		})
	}
}

// TestChildrenOpenOnceTheEndOfTheirParentIsStored.
func TestChildrenOpenOnceTheEndOfTheirParentIsStored(t *testing.T) {
	l := listedLineage("a b<a")
	assert.Equal(t, "a", ids(l.Openable()))
	l.Finish("a")
	assert.Equal(t, "b", ids(l.Openable()))
}

func TestShardsThatArePassed(t *testing.T) {
	begun, end := driver.Progress{Position: batch.Position{SequenceNumber: "5"}}, driver.Progress{End: true}
	for name, tc := range map[string]struct {
		listed   string
		progress map[string]driver.Progress
		want     []string
	}{
		"nothing stored":                    {"a b<a", nil, nil},
		"a split with a child begun":        {"a b<a c<a", map[string]driver.Progress{"b": begun}, []string{"a"}},
		"a split with a child finished":     {"a b<a c<a d<b", map[string]driver.Progress{"b": end}, []string{"a"}},
		"a child with nothing processed":    {"a b<a", map[string]driver.Progress{"b": {ResolvedUpTo: time.Unix(1, 0)}}, nil},
		"both parents of a merge":           {"a b c<a,b", map[string]driver.Progress{"c": begun}, []string{"a", "b"}},
		"a merge, one parent stored":        {"a b c<a,b", map[string]driver.Progress{"c": begun, "b": end}, []string{"a"}},
		"a parent that is not at its end":   {"a b<a", map[string]driver.Progress{"a": begun, "b": begun}, nil},
		"a parent that is to be read again": {"a b<a", map[string]driver.Progress{"a": {Version: 1}, "b": begun}, nil},
		"all ancestors":                     {"a b c<a,b d<c e<c", map[string]driver.Progress{"d": begun}, []string{"a", "b", "c"}},
		"not behind one that is stored":     {"a b<a c<b", map[string]driver.Progress{"b": {Version: 1}, "c": begun}, nil},
		"another family":                    {"a b<a x y<x", map[string]driver.Progress{"b": begun}, []string{"a"}},
		"a child that is not listed":        {"a", map[string]driver.Progress{"b": begun}, nil},
		"a parent that is not listed":       {"b<a", map[string]driver.Progress{"b": begun}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tc.want, listedLineage(tc.listed).impliedFinished(tc.progress))
		})
	}
}

func TestRemovableRows(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	at := func(position string, hours int, end bool) driver.Progress {
		return driver.Progress{Position: batch.Position{SequenceNumber: position}, ResolvedUpTo: now.Add(-time.Duration(hours) * time.Hour), End: end}
	}
	old := at("1", 30, true)
	for name, tc := range map[string]struct {
		listed    string
		progress  map[string]driver.Progress
		removable bool
		lost      bool
	}{
		"left, with no child that is listed":  {"x", map[string]driver.Progress{"a": old}, true, false},
		"left, and its children have begun":   {"b<a c<a", map[string]driver.Progress{"a": old, "b": at("5", 1, false), "c": at("", 1, true)}, true, false},
		"left, and a child has nothing":       {"b<a c<a", map[string]driver.Progress{"a": old, "b": at("5", 1, false)}, false, false},
		"left, and a child has no position":   {"b<a", map[string]driver.Progress{"a": old, "b": at("", 1, false)}, false, false},
		"still listed":                        {"a b<a", map[string]driver.Progress{"a": old, "b": at("5", 1, false)}, false, false},
		"too new for the listing, perhaps":    {"b<a", map[string]driver.Progress{"a": at("1", 23, true), "b": at("5", 1, false)}, false, false},
		"resolved at a time that is unknown":  {"x", map[string]driver.Progress{"a": {End: true}}, false, false},
		"left before its end":                 {"b<a", map[string]driver.Progress{"a": at("1", 30, false)}, false, true},
		"not at its end, and listed":          {"a", map[string]driver.Progress{"a": at("1", 30, false)}, false, false},
		"not at its end, and new":             {"x", map[string]driver.Progress{"a": at("1", 2, false)}, false, false},
		"the end of a merge, one child of it": {"c<a,b b", map[string]driver.Progress{"a": old, "b": at("3", 2, false), "c": at("7", 0, false)}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := listedLineage(tc.listed)
			assert.Equal(t, tc.removable, slices.Contains(l.Removable(tc.progress, now, MinRetention), "a"))
			assert.Equal(t, tc.lost, slices.Contains(l.Lost(tc.progress, now, MinRetention), "a"))
		})
	}
}
