package lineage

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
)

// begins are shards of a notation: "a:7" is shard a, which begins at 7.
func begins(notation string) (shards []poller.Shard) {
	for _, n := range strings.Fields(notation) {
		id, start, _ := strings.Cut(n, ":")
		shards = append(shards, poller.Shard{ID: id, StartingSequenceNumber: start})
	}
	return shards
}

// seen is a look at the stream: so many seconds after the first, with shards as begins has them, and when the stream was created,
// by a number of its own; 0 where that is not said.
type seen struct {
	at      int
	shards  string
	created int
}

func (s seen) sight() *Look {
	v := &Look{Shards: begins(s.shards), Began: time.Unix(1_700_000_000+int64(s.at), 0), Described: s.created > 0}
	if s.created > 0 {
		v.Created = time.Unix(1_600_000_000+int64(1000*s.created), 0)
	}
	return v
}

// weighed has a lineage weigh looks as a run does: it takes over those that are not suspicious.
func weighed(l *Lineage, read map[string]string, looks []seen) (reasons []string, certain bool) {
	var s suspicion
	for _, look := range looks {
		v := look.sight()
		reason, sure := s.weigh(l, v, l.contradicts(v.Shards, read))
		reasons, certain = append(reasons, reason), sure
		if reason == "" {
			l.List(v.Shards, v.Began, nil)
			if l.created.IsZero() && !l.fickle {
				l.created = v.Created
			}
		}
	}
	return reasons, certain
}

// long and longer are as AWS's sequence numbers are.
var long, longer = "49" + strings.Repeat("1", 54), "49" + strings.Repeat("2", 54)

// TestStreamIsAnotherOneByTwoWitnesses: neither one listing nor one description of the stream decides it.
func TestStreamIsAnotherOneByTwoWitnesses(t *testing.T) {
	row := func(start string, created int) map[string]driver.Progress {
		p := driver.Progress{Version: 1, ShardStart: start}
		if created > 0 {
			p.StreamCreated = seen{created: created}.sight().Created
		}
		return map[string]driver.Progress{"a": p}
	}
	at := func(position string, end bool) map[string]driver.Progress {
		return map[string]driver.Progress{"a": {Version: 1, Position: batch.Position{SequenceNumber: position}, End: end}}
	}
	for name, tc := range map[string]struct {
		rows    map[string]driver.Progress
		read    map[string]string
		looks   []seen
		doubted bool // the last look was
		certain bool
	}{
		"the same":                                        {nil, nil, []seen{{0, "a:7", 1}, {30, "a:7", 1}}, false, false},
		"another number, once":                            {nil, nil, []seen{{0, "a:7", 0}, {30, "a:8", 0}}, true, false},
		"again, too soon":                                 {nil, nil, []seen{{0, "a:7", 0}, {30, "a:8", 0}, {39, "a:8", 0}}, true, false},
		"again, and apart":                                {nil, nil, []seen{{0, "a:7", 0}, {30, "a:8", 0}, {40, "a:8", 0}}, true, true},
		"one listing of another stream":                   {nil, nil, []seen{{0, "a:7", 0}, {30, "a:8", 0}, {40, "a:7", 0}}, false, false},
		"and one more, later":                             {nil, nil, []seen{{0, "a:7", 0}, {30, "a:8", 0}, {35, "a:7", 0}, {40, "a:8", 0}}, true, false},
		"another number and another creation":             {nil, nil, []seen{{0, "a:7", 1}, {30, "a:8", 2}}, true, true},
		"another creation, once":                          {nil, nil, []seen{{0, "a:7", 1}, {30, "b:1", 2}}, true, false},
		"another creation, again":                         {nil, nil, []seen{{0, "a:7", 1}, {30, "b:1", 2}, {40, "b:1", 2}}, true, true},
		"another creation, then another number":           {nil, nil, []seen{{0, "a:7", 1}, {30, "b:1", 2}, {40, "a:8", 0}}, true, true},
		"another creation, then it is not said":           {nil, nil, []seen{{0, "a:7", 1}, {30, "b:1", 2}, {40, "b:1", 0}}, false, false},
		"another creation each time it is asked":          {nil, nil, []seen{{0, "a:7", 1}, {30, "a:7", 2}, {40, "a:7", 3}, {50, "a:7", 4}}, false, false},
		"another number, of a stream that is the same":    {nil, nil, []seen{{0, "a:7", 1}, {30, "a:8", 1}}, true, false},
		"and again: its service changes numbers":          {nil, nil, []seen{{0, "a:7", 1}, {30, "a:8", 1}, {40, "a:8", 1}, {50, "a:9", 1}}, false, false},
		"another number as AWS makes them":                {nil, nil, []seen{{0, "a:" + long, 1}, {30, "a:" + longer, 1}, {40, "a:" + longer, 1}}, true, true},
		"though it does not say so twice":                 {nil, nil, []seen{{0, "a:7", 1}, {30, "a:8", 1}, {40, "a:8", 0}}, false, false},
		"whose creation is another then":                  {nil, nil, []seen{{0, "a:7", 1}, {30, "a:8", 1}, {40, "a:8", 1}, {50, "a:9", 2}, {60, "a:9", 2}}, true, true},
		"a number that no other stream has, all the same": {nil, nil, []seen{{0, "a:" + long, 1}, {30, "a:" + long, 2}, {40, "a:" + long, 2}}, false, false},
		"a number that any stream may have":               {nil, nil, []seen{{0, "a:7", 1}, {30, "a:7", 2}, {40, "a:7", 2}}, true, true},
		"no number, and no other creation":                {nil, nil, []seen{{0, "a:7", 1}, {30, "a", 1}}, false, false},
		"a number of zero":                                {nil, nil, []seen{{0, "a:0", 1}, {30, "a:7", 1}, {40, "a:0", 1}, {50, "a:7", 1}}, false, false},

		"stored of the same":                          {row("7", 1), nil, []seen{{0, "a:7", 1}}, false, false},
		"stored of another number":                    {row("6", 0), nil, []seen{{0, "a:7", 0}, {10, "a:7", 0}}, true, true},
		"stored of another number and creation":       {row("6", 2), nil, []seen{{0, "a:7", 1}}, true, true},
		"stored of another creation":                  {row("", 2), nil, []seen{{0, "b:7", 1}}, true, false},
		"and again":                                   {row("", 2), nil, []seen{{0, "b:7", 1}, {10, "b:7", 1}}, true, true},
		"stored before there was an identity":         {at("9", false), nil, []seen{{0, "a:7", 1}}, false, false},
		"and its position is before the beginning":    {at("6", false), nil, []seen{{0, "a:7", 1}}, true, false},
		"and so is that of its end":                   {at("6", true), nil, []seen{{0, "a:7", 0}, {10, "a:7", 0}}, true, true},
		"a position that can't be compared":           {at("x", false), nil, []seen{{0, "a:7", 0}}, false, false},
		"a shard that the stream does not have":       {row("6", 0), nil, []seen{{0, "b:7", 0}, {10, "b:7", 0}}, false, false},
		"read behind the beginning, of a learned":     {nil, map[string]string{"a": "8"}, []seen{{0, "a:7", 0}, {10, "a:7", 0}}, false, false},
		"stored before the beginning, as AWS numbers": {at(long, false), nil, []seen{{0, "a:" + longer, 1}, {10, "a:" + longer, 1}}, true, true},
		"read before the beginning, of a learned":     {nil, map[string]string{"a": "6"}, []seen{{0, "a:7", 0}, {10, "a:7", 0}}, true, true},
		"a learned shard that is listed as another":   {row("6", 0), nil, []seen{{0, "b:1", 0}, {100, "b:1 a:7", 0}, {110, "b:1 a:7", 0}}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := New()
			l.Read(tc.rows)
			reasons, certain := weighed(&l, tc.read, tc.looks)
			assert.Equal(t, tc.certain, certain, "%q", reasons)
			assert.Equal(t, tc.doubted, reasons[len(reasons)-1] != "", "%q", reasons)
		})
	}
}

// TestShardThatIsStoredAsEndedAndListedAsOpen is of another stream, whatever the creation time, if that does not pass.
func TestShardThatIsStoredAsEndedAndListedAsOpen(t *testing.T) {
	l := New()
	v := seen{0, "a:7", 1}.sight()
	l.Read(map[string]driver.Progress{"a": {Version: 1, End: true, ShardStart: "7", StreamCreated: v.Created}})
	var s suspicion
	for _, at := range []int{0, 5, 10} {
		v := seen{at, "a:7", 1}.sight()
		reason, certain := s.weigh(&l, v, l.reopens(v.Shards))
		assert.Equal(t, "shard a is open, but stored as fully processed", reason)
		assert.Equal(t, at == 10, certain)
	}
	child := append(begins("a:7"), poller.Shard{ID: "b", Parent: "a", StartingSequenceNumber: "9"})
	assert.Zero(t, l.reopens(child), "a child closes its parent too")
	l.Read(map[string]driver.Progress{"a": {Version: 1, End: true, ShardStart: long}})
	assert.Zero(t, l.reopens(begins("a:"+long)), "no other stream has that number: the listing is old")
	assert.NotZero(t, l.reopens(begins("a:"+long[1:]+"2")))
}

// TestCreationTimesAreComparedAsServicesRoundThem: to the second, or not.
func TestCreationTimesAreComparedAsServicesRoundThem(t *testing.T) {
	at := time.Unix(1_700_000_000, 900_000_000)
	assert.True(t, sameTime(at, at.Truncate(time.Second)))
	assert.True(t, sameTime(at.Round(time.Second), at))
	assert.False(t, sameTime(at, at.Add(1001*time.Millisecond)))
}

// TestProgressOfAnotherShardIsRefused when a shard is opened.
func TestProgressOfAnotherShardIsRefused(t *testing.T) {
	listed := Standing{Info: begins("a:7")[0], Listed: true}
	closed, vague := listed, listed
	closed.closed, vague.vague = true, true
	at := func(position string) batch.Position { return batch.Position{SequenceNumber: position} }
	for name, tc := range map[string]struct {
		st   Standing
		p    driver.Progress
		says string
	}{
		"its own":                               {listed, driver.Progress{Version: 1, Position: at("8"), ShardStart: "7"}, ""},
		"stored without an identity":            {listed, driver.Progress{Version: 1, Position: at("8")}, ""},
		"of another beginning":                  {listed, driver.Progress{Version: 1, Position: at("8"), ShardStart: "6"}, "is of one that began at 6"},
		"its end, of another beginning":         {closed, driver.Progress{Version: 1, End: true, ShardStart: "6"}, "is of one that began at 6"},
		"its end":                               {closed, driver.Progress{Version: 1, End: true, ShardStart: "7"}, ""},
		"its end without an identity":           {closed, driver.Progress{Version: 1, End: true}, ""},
		"before its beginning":                  {listed, driver.Progress{Version: 1, Position: at("6")}, "the stored position is 6"},
		"its end, before its beginning":         {closed, driver.Progress{Version: 1, Position: at("6"), End: true}, "the stored position is 6"},
		"ended and open":                        {listed, driver.Progress{Version: 1, Position: at("8"), End: true}, "shard a is open"},
		"ended and open, and the same one":      {Standing{Info: begins("a:" + long)[0], Listed: true}, driver.Progress{Version: 1, End: true, ShardStart: long}, ""},
		"of a service that changes numbers":     {vague, driver.Progress{Version: 1, Position: at("6"), ShardStart: "6"}, ""},
		"and it has ended and is open":          {vague, driver.Progress{Version: 1, End: true, ShardStart: "6"}, "shard a is open"},
		"a shard whose beginning is unknown":    {Standing{Info: begins("a")[0]}, driver.Progress{Version: 1, End: true, ShardStart: "6"}, ""},
		"a number that all shards begin at":     {Standing{Info: begins("a:0")[0]}, driver.Progress{Version: 1, ShardStart: "6"}, ""},
		"stored with a number that says nought": {listed, driver.Progress{Version: 1, Position: at("8"), ShardStart: "0"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.st.Replaced(tc.p)
			if tc.says == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorIs(t, err, ErrReplaced)
			assert.ErrorContains(t, err, tc.says)
		})
	}
}
