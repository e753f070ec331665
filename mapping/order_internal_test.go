package mapping

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardmill/shardmill/batch"
)

// parsePage reads records such as "4", "4=other", whose data is "other", "4.0+" and "4.1", which are members of an aggregate.
func parsePage(text string) []batch.Record {
	var records []batch.Record
	for _, word := range strings.Fields(text) {
		place, data, _ := strings.Cut(word, "=")
		number, member, _ := strings.Cut(place, ".")
		r := batch.Record{SequenceNumber: number, More: strings.HasSuffix(member, "+"), Data: []byte(place + data)}
		if member != "" {
			r.SubSequence = int64(member[0] - '0')
		}
		records = append(records, r)
	}
	return records
}

func TestRecordThatComesTwiceInAPageIsLeftOut(t *testing.T) {
	for _, c := range []struct{ page, want string }{ // behind record 3
		{"", ""},
		{"4 5 6", "4 5 6"},
		{"4 4", "4"},
		{"4 5 5 6", "4 5 6"},
		{"4 5 5 5 6 6", "4 5 6"},
		{"4 5 4 5 6", "4 5 6"},
		{"4 5 6 4", "4 5 6"},
		{"4 5 4 6 5 7", "4 5 6 7"},
		{"9 10 9 11", "9 10 11"},
		{"4.0+ 4.1+ 4.2 4.0+ 4.1+ 4.2 5", "4.0+ 4.1+ 4.2 5"},
		{"4.0+ 4.0+ 4.1+ 4.1+ 4.2", "4.0+ 4.1+ 4.2"},
		{"4 5.0+ 5.1 4 5.1 6", "4 5.0+ 5.1 6"},

		{"4 5 5=other 6", "error"},      // the same number with other data
		{"4 5 4=other 6", "error"},      //
		{"5 4 6", "error"},              // a lower number
		{"4 6 5 6", "error"},            //
		{"3 4", "error"},                // read before: it cannot be compared
		{"4 3 5", "error"},              //
		{"4 5 2", "error"},              //
		{"4.0+ 4.1 4", "error"},         // the aggregate once more, as one record
		{"4.0+ 4.1 4.0=other", "error"}, //
		{"4 5 4.1+", "error"},           // a member of what was no aggregate
	} {
		in := parsePage(c.page)
		before := slices.Clone(in)
		got, repeats, err := inOrder(batch.Position{SequenceNumber: "3"}, in)
		assert.Equal(t, before, in, "%s: it is written to", c.page)
		if c.want == "error" {
			require.Error(t, err, c.page)
			assert.Empty(t, got, c.page)
			continue
		}
		require.NoError(t, err, c.page)
		assert.Equal(t, parsePage(c.want), slices.Clone(got), c.page)
		assert.Equal(t, len(in)-len(got), repeats, c.page)
	}
}

// TestPageInOrderIsNotCopied: a page costs nothing.
func TestPageInOrderIsNotCopied(t *testing.T) {
	records := parsePage(strings.TrimSpace("4 5 6 7 8 9 10 11 12"))
	got, repeats, err := inOrder(batch.Position{}, records)
	require.NoError(t, err)
	assert.Zero(t, repeats)
	assert.Same(t, &records[0], &got[0])
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _, _ = inOrder(batch.Position{}, records) }))
}

// TestRepeatsOfAnyPageAreLeftOut repeats records of a page at random places behind them.
func TestRepeatsOfAnyPageAreLeftOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := parsePage("4 5.0+ 5.1+ 5.2 6 7.0+ 7.1 9 10 11 100 101.0+ 101.1")
		page := slices.Clone(want)
		n := rapid.IntRange(0, 20).Draw(t, "repeats")
		for range n {
			from := rapid.IntRange(0, len(page)-1).Draw(t, "record")
			to := rapid.IntRange(from+1, len(page)).Draw(t, "place")
			page = slices.Insert(page, to, page[from])
		}
		got, repeats, err := inOrder(batch.Position{SequenceNumber: "3"}, page)
		require.NoError(t, err)
		require.Equal(t, want, slices.Clone(got))
		require.Equal(t, n, repeats)
	})
}
