package filter_test

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/batch/filter"
)

var pairs = flag.Int("pairs", defaultPairs, "how many random pattern and event pairs are compared with the reference")

// eventsPerPattern is how many events each random pattern is tried on.
const eventsPerPattern = 4

func TestMatchAgreesWithTheReference(t *testing.T) {
	matched, compared := 0, 0
	for seed := uint64(0); compared < *pairs; seed++ {
		g := generator{rand.New(rand.NewPCG(seed, 1)), int(seed%3) * 2}
		events := make([]string, eventsPerPattern)
		for i := range events {
			events[i] = g.event(1 + g.IntN(5))
		}
		text := g.pattern(g.IntN(4))
		if g.IntN(3) > 0 {
			text = g.patternFor(events[0])
		}
		p, err := filter.Parse(text)
		if err != nil {
			requireMixedOr(t, text, err)
			continue
		}
		reference := refDecode(text)
		for _, event := range events {
			want := refMatch(reference, refDecode(event))
			if got := p.Match([]byte(event)); got != want {
				t.Fatalf("seed %d: pattern %s, event %s: got %v, want %v", seed, text, event, got, want)
			}
			if compared++; want {
				matched++
			}
		}
	}
	t.Logf("%d pairs compared, %d of them match", compared, matched)
	require.Greater(t, matched, compared/10, "too few of the random pairs match")
}

// Arrays longer than those above, whose elements have more to do with each other.
func TestArraysAgreeWithTheReference(t *testing.T) {
	matched := 0
	for seed := range uint64(*pairs / 10) {
		g := generator{rand.New(rand.NewPCG(seed, 4)), 0}
		text, event := g.arraysPattern(), g.arraysEvent()
		want := refMatch(refDecode(text), refDecode(event))
		if got := filter.MustParse(text).Match([]byte(event)); got != want {
			t.Fatalf("seed %d: pattern %s, event %s: got %v, want %v", seed, text, event, got, want)
		}
		if want {
			matched++
		}
	}
	t.Logf("%d of %d match", matched, *pairs/10)
	require.Greater(t, matched, *pairs/10/20)
}

// arraysPattern asks for some of the fields that arraysEvent makes.
func (g generator) arraysPattern() string {
	paths := []string{"r.a", "r.b", "r.m.x", "r.m.y", "r.z", "r"}
	g.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
	members := paths[:2+g.IntN(3)]
	return g.list("{", "}", len(members), func() string {
		path := members[0]
		members = members[1:]
		return `"` + path + `":` + pick(g, "[1]", "[1]", "[1]", `[{"exists":false}]`, `[1,{"exists":false}]`)
	})
}

// arraysEvent is an array of objects with few fields that are 1, and arrays of more such objects in them.
func (g generator) arraysEvent() string {
	digit := func() string { return pick(g, "0", "0", "1") }
	inner := func() string {
		if g.IntN(12) == 0 {
			return digit()
		}
		return `{"` + pick(g, "x", "y") + `":` + digit() + `}`
	}
	element := func() string {
		return g.list("{", "}", g.IntN(3), func() string {
			if g.IntN(3) == 0 {
				return `"m":` + g.list("[", "]", g.IntN(4), inner)
			}
			return pick(g, `"a":`, `"b":`, `"z":`, `"m.x":`) + digit()
		})
	}
	outer := func() string {
		switch g.IntN(20) {
		case 0:
			return digit()
		case 1:
			return g.list("[", "]", g.IntN(4), element)
		}
		return element()
	}
	return `{"r":` + g.list("[", "]", g.IntN(12), outer) + `}`
}

// requireMixedOr accepts the one mistake that random patterns may make: $or as an operator and as a key at a time.
func requireMixedOr(t *testing.T, pattern string, err error) {
	t.Helper()
	require.Contains(t, pattern, `"$or"`, "%v", err)
}

func TestCriteriaAgreeWithTheReference(t *testing.T) {
	var results [3]int
	for seed := range uint64(*pairs / 40) {
		g := generator{rand.New(rand.NewPCG(seed, 2)), int(seed % 3)}
		var patterns []string
		for range 1 + g.IntN(filter.DefaultLimit) {
			if p := g.recordPattern(); refUsable(p) {
				patterns = append(patterns, p)
			}
		}
		criteria, err := filter.Compile(patterns, 0)
		require.NoError(t, err)
		for range eventsPerPattern {
			record := g.record()
			want := refResult(patterns, record)
			if got := criteria.Match(&record); got != want {
				t.Fatalf("seed %d: patterns %q, record %+v, data %s: got %v, want %v", seed, patterns, record, record.Data, got, want)
			}
			results[want]++
		}
	}
	t.Logf("%d filtered, %d not JSON, %d passed", results[filter.Filtered], results[filter.NotJSON], results[filter.Passed])
}

func refUsable(pattern string) bool {
	_, err := filter.Parse(pattern)
	return err == nil
}

// recordPattern asks about data, about the fields beside it, or both.
func (g generator) recordPattern() string {
	data := `"data":` + g.pattern(g.IntN(3))
	key := `"partitionKey":` + g.list("[", "]", 1, g.patternValue)
	switch g.IntN(4) {
	case 0:
		return "{" + data + "}"
	case 1:
		return "{" + key + "}"
	case 2:
		return `{"$or":[{` + data + "},{" + key + "}]}"
	}
	return "{" + data + "," + key + `,"approximateArrivalTimestamp":[{"numeric":["<",200]}]}`
}

func (g generator) record() batch.Record {
	r := batch.Record{PartitionKey: g.word(), SequenceNumber: "49", ArrivalTime: time.UnixMilli(g.Int64N(300_000) - 10_000)}
	switch data := g.value(3); g.IntN(6) {
	case 0:
		r.Data = []byte(data[:g.IntN(len(data))])
	default:
		r.Data = []byte(data)
	}
	return r
}

// refResult makes an event of the record's fields and tries each pattern by itself.
func refResult(patterns []string, r batch.Record) filter.MatchResult {
	if len(patterns) == 0 {
		return filter.Passed
	}
	seconds := strconv.FormatFloat(float64(r.ArrivalTime.UnixMilli())/1000, 'f', 3, 64)
	var key any // null
	if r.PartitionKey != "" {
		key = r.PartitionKey
	}
	event := refObject{
		{"partitionKey", key},
		{"sequenceNumber", r.SequenceNumber},
		{"approximateArrivalTimestamp", json.Number(seconds)},
		{"kinesisSchemaVersion", "1.0"},
	}
	readable := json.Valid(r.Data)
	if readable {
		event = append(event, refMember{"data", refDecode(string(r.Data))})
	}
	result := filter.Filtered
	for _, p := range patterns {
		for _, a := range refAlternatives(refDecode(p).(refObject)) {
			if refAsksData(a) && !readable {
				result = filter.NotJSON
			} else if refHolds(a, refFieldsOf(event)) {
				return filter.Passed
			}
		}
	}
	return result
}

func refAsksData(a refAlternative) bool {
	for path := range a {
		if len(path) > 5 && path[:5] == "data." {
			return true
		}
	}
	return false
}
