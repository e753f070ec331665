package lineage

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
)

// TestPositionsAreComparedAsNumbers, and only if both are.
func TestPositionsAreComparedAsNumbers(t *testing.T) {
	for _, tc := range []struct {
		position, start string
		before          bool
	}{
		{"6", "7", true},
		{"7", "7", false},
		{"8", "7", false},
		{"9", "10", true},
		{"10", "9", false},
		{"0", "7", true},
		{"60", "70", true},
		{"59", "90", true},
		{"", "7", false},
		{"6", "", false},
		{"x6", "7", false},
		{"6x", "7", false},
		{"6", "x7", false},
		{"6/", "70", false},
		{"6:", "70", false},
	} {
		assert.Equal(t, tc.before, isBefore(tc.position, tc.start), "%q before %q", tc.position, tc.start)
	}
}

// TestNumberIdentifiesAStreamFromItsLengthOn: from then on it has the time at which its shard was created.
func TestNumberIdentifiesAStreamFromItsLengthOn(t *testing.T) {
	short, long := strings.Repeat("4", awsDigits-1), strings.Repeat("4", awsDigits)
	assert.False(t, isOneShard(short, short))
	assert.True(t, isOneShard(long, long))
	assert.False(t, isOneShard(long, long[1:]+"5"))

	assert.True(t, contradictionOf(short, short, "").renumbered)
	assert.True(t, contradictionOf(short, long, "").renumbered)
	assert.True(t, contradictionOf(long, short, "").renumbered)
	assert.False(t, contradictionOf(long, long, "").renumbered)
}

// TestCreationTimesMayDifferByTheSlack, in either direction.
func TestCreationTimesMayDifferByTheSlack(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	assert.True(t, sameTime(at, at.Add(createdSlack)))
	assert.True(t, sameTime(at.Add(createdSlack), at))
	assert.False(t, sameTime(at, at.Add(createdSlack+1)))
}

// TestDoubtBecomesCertainByASecondWitness: no look is used before that is decided.
func TestDoubtBecomesCertainByASecondWitness(t *testing.T) {
	l := New()
	weigh := func(v seen) (string, error) { return l.Weigh(v.sight(), nil, false) }
	l.List(begins("a:7"), time.Unix(0, 0), nil)
	renumbered, err := weigh(seen{0, "a:7", 0})
	require.NoError(t, err)
	require.Empty(t, renumbered)
	require.False(t, l.IsDoubted())

	_, err = weigh(seen{30, "a:8", 0})
	require.ErrorIs(t, err, ErrDoubt)
	require.NotErrorIs(t, err, ErrReplaced)
	require.ErrorContains(t, err, "shard a began at 7, and begins at 8 now")
	require.True(t, l.IsDoubted())

	_, err = weigh(seen{40, "a:8", 0})
	require.ErrorIs(t, err, ErrReplaced)
	require.ErrorContains(t, err, "shard a began at 7, and begins at 8 now: "+advice)

	_, err = weigh(seen{50, "a:7", 0})
	require.NoError(t, err)
	require.False(t, l.IsDoubted())
}

// TestRenumberingIsReportedOnce, by the look that proves that it is the service's way.
func TestRenumberingIsReportedOnce(t *testing.T) {
	l := New()
	l.Describe(seen{created: 1}.sight().Created)
	l.List(begins("a:7"), time.Unix(0, 0), nil)
	_, err := l.Weigh(seen{0, "a:8", 1}.sight(), nil, false)
	require.ErrorIs(t, err, ErrDoubt)
	renumbered, err := l.Weigh(seen{10, "a:8", 1}.sight(), nil, false)
	require.NoError(t, err)
	require.Equal(t, "shard a began at 7, and begins at 8 now", renumbered)
	require.False(t, l.IsDoubted())
	renumbered, err = l.Weigh(seen{20, "a:9", 1}.sight(), nil, false)
	require.NoError(t, err)
	require.Empty(t, renumbered)
}

// TestOnlyTheFirstLookMayNotReopenShards: a later listing may be older than the end that was just stored.
func TestOnlyTheFirstLookMayNotReopenShards(t *testing.T) {
	ended := map[string]driver.Progress{"a": {Version: 1, End: true, ShardStart: "7"}}
	for name, tc := range map[string]struct {
		shards []poller.Shard
		first  bool
		says   string
	}{
		"open, at first":             {begins("a:7"), true, "shard a is open, but stored as fully processed"},
		"open, later":                {begins("a:7"), false, ""},
		"closed, at first":           {[]poller.Shard{{ID: "a", StartingSequenceNumber: "7", EndingSequenceNumber: "9"}}, true, ""},
		"begins elsewhere, at first": {begins("a:8"), true, "shard a began at 7, and begins at 8 now"},
		"begins elsewhere, later":    {begins("a:8"), false, "shard a began at 7, and begins at 8 now"},
	} {
		t.Run(name, func(t *testing.T) {
			l := New()
			l.Read(ended)
			_, err := l.Weigh(&Look{Shards: tc.shards, Began: time.Unix(1, 0)}, nil, tc.first)
			if tc.says == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorIs(t, err, ErrDoubt)
			assert.ErrorContains(t, err, tc.says)
		})
	}
}

// TestFirstCreationTimeIsKept, unless the service changes it from one request to the next.
func TestFirstCreationTimeIsKept(t *testing.T) {
	l := New()
	one, two := time.Unix(1_600_000_000, 0), time.Unix(1_700_000_000, 0)
	l.Describe(time.Time{})
	assert.Zero(t, l.Standing("a", false, 0).Created)
	l.Describe(one)
	l.Describe(two)
	assert.Equal(t, one, l.Standing("a", false, 0).Created)

	fickle := New()
	fickle.fickle = true
	fickle.Describe(one)
	assert.Zero(t, fickle.Standing("a", false, 0).Created)
	assert.True(t, fickle.Standing("a", false, 0).Fickle)
}
