package batch

import (
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
)

// everySecond returns a ring with each second record of a page of 2n, and the page.
func everySecond(n int) (*ring, *page) {
	p := &page{records: make([]Record, 2*n)}
	q := new(ring)
	for i := range n {
		p.records[2*i].SequenceNumber = strconv.Itoa(i)
		q.push(ref{page: p, index: 2 * i})
	}
	return q, p
}

// TestARingFreesTheMemoryOfABurst: once it is empty, and only if it is large.
func TestARingFreesTheMemoryOfABurst(t *testing.T) {
	for _, n := range []int{1, ringKeep, ringKeep + 1} {
		q, _ := everySecond(n)
		q.drop(n - 1)
		assert.GreaterOrEqual(t, len(q.buf), n)
		q.drop(1)
		assert.Zero(t, q.len())
		assert.Equal(t, n > ringKeep, q.buf == nil, "after %d", n)
		assert.False(t, slices.ContainsFunc(q.buf, func(s stretch) bool { return s.page != nil }), "pages are released")
	}
}

// TestConsecutiveRecordsAreAPartOfTheirPage: all of a stretch, too, without a slice of their own.
func TestConsecutiveRecordsAreAPartOfTheirPage(t *testing.T) {
	p := &page{records: make([]Record, 5)}
	q := new(ring)
	for i := range p.records {
		q.push(ref{page: p, index: i})
	}
	for n := 1; n <= 5; n++ {
		rs := q.oldest(n)
		assert.Len(t, rs.run, n)
		assert.Equal(t, n, cap(rs.run))
		assert.Nil(t, rs.picked)
	}
	q.drop(2)
	q.push(ref{page: &page{records: make([]Record, 1)}})
	rs := q.oldest(4)
	assert.Nil(t, rs.run)
	assert.Len(t, rs.picked, 4)
	assert.Same(t, &p.records[2], rs.At(0))
}

// TestARingSkipsRecordsOverSeveralStretches.
func TestARingSkipsRecordsOverSeveralStretches(t *testing.T) {
	q, p := everySecond(4)
	for skip := range 5 {
		var got, want []*Record
		for r := range q.from(skip) {
			got = append(got, r)
		}
		for i := skip; i < 4; i++ {
			want = append(want, &p.records[2*i])
		}
		assert.Equal(t, want, got)
	}
}
