package lineage

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/poller"
)

// TestStandingOfAShard has what the newest listing says of it, and what its parent has said.
func TestStandingOfAShard(t *testing.T) {
	const s = time.Second
	ended := poller.Shard{ID: "a", EndingSequenceNumber: "9"}
	for name, tc := range map[string]struct {
		looks          []look
		learned        string
		listed, closed bool
	}{
		"no listing yet":                       {nil, "", false, false},
		"listed":                               {[]look{{0, "a"}}, "", true, false},
		"listed with a child":                  {[]look{{0, "a b<a"}}, "", true, true},
		"a child was learned":                  {[]look{{0, "a"}}, "b<a", true, true},
		"missed by the newest listing":         {[]look{{0, "a x"}, {30 * s, "x"}}, "", false, false},
		"named by its parent, and not listed":  {[]look{{0, "p"}}, "a<p", false, false},
		"named by its parent, and then listed": {[]look{{0, "p"}, {30 * s, "p a<p"}}, "a<p", true, false},
		"not known":                            {[]look{{0, "x"}}, "", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := watched(nil, tc.looks...)
			for _, c := range family(tc.learned) {
				l.Learn(c.Parent, []poller.Shard{c}, time.Unix(100, 0))
			}
			st := l.Standing("a", false, MinRetention)
			assert.Equal(t, "a", st.Info.ID)
			assert.Equal(t, tc.listed, st.Listed)
			assert.Equal(t, tc.closed, st.closed)
		})
	}
	l := New()
	l.List([]poller.Shard{ended}, time.Unix(0, 0), nil)
	assert.True(t, l.Standing("a", false, MinRetention).closed, "it has an ending sequence number")
}

// TestStandingIsOpenAsOfTheLastListingThatShowsIt, and loses that time when the shard leaves the stream.
func TestStandingIsOpenAsOfTheLastListingThatShowsIt(t *testing.T) {
	const s = time.Second
	l := watched(nil, look{0, "a x"}, look{30 * s, "a x"})
	assert.Equal(t, time.Unix(30, 0), l.Standing("a", false, 0).Open)
	l.List([]poller.Shard{{ID: "a", EndingSequenceNumber: "9"}, {ID: "x"}}, time.Unix(60, 0), nil)
	assert.Equal(t, time.Unix(30, 0), l.Standing("a", false, 0).Open, "the third listing shows it as closed")
	l = watched(nil, look{0, "a x"}, look{30 * s, "x"}, look{90 * s, "x"})
	assert.Zero(t, l.Standing("a", true, 0).Open)
	assert.NotZero(t, l.Standing("x", false, 0).Open)
}

// TestNewerListingDecidesWhetherAShardIsClosed, and leaves the rest of its standing unchanged.
func TestNewerListingDecidesWhetherAShardIsClosed(t *testing.T) {
	at := time.Unix(5, 0)
	st := Standing{Info: begins("a:7")[0], Listed: true, Open: at}
	for name, tc := range map[string]struct {
		listed         []poller.Shard
		listsIt, close bool
	}{
		"open":                           {begins("x:1 a:7"), true, false},
		"with an ending sequence number": {[]poller.Shard{{ID: "a", EndingSequenceNumber: "9"}}, true, true},
		"with a child":                   {append(begins("a:7"), poller.Shard{ID: "b", Parent: "a"}), true, true},
		"another one has ended":          {[]poller.Shard{{ID: "a"}, {ID: "x", EndingSequenceNumber: "9"}}, true, false},
		"not listed":                     {begins("x:1"), false, false},
		"empty":                          {nil, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			again, listsIt := st.Relist(tc.listed)
			assert.Equal(t, tc.listsIt, listsIt)
			if !listsIt {
				assert.Nil(t, again)
				return
			}
			assert.Equal(t, "a", again.Info.ID)
			assert.Equal(t, "7", again.Info.StartingSequenceNumber)
			assert.Equal(t, tc.close, again.closed)
			assert.Equal(t, at, again.Open)
		})
	}
	assert.False(t, st.closed, "the older one is unchanged")
}
