package poller

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
)

// TestMembersWeighTheirOverheadInTheNextPage: a page of aggregates weighs as many times its bytes as the last one did.
func TestMembersWeighTheirOverheadInTheNextPage(t *testing.T) {
	member := func(more bool) batch.Record { return batch.Record{Data: make([]byte, 16), More: more} }
	var e expectation
	var h heaviest
	got := e.saw(new(Account), &h, []batch.Record{member(true), member(true), member(false), {Data: make([]byte, 100)}})
	const o = batch.RecordOverhead
	assert.Equal(t, 148+4*o, got)
	assert.Equal(t, 2, e.records, "an aggregate is one record")
	assert.EqualValues(t, (148+4*o)/2, e.each)
	assert.InDelta(t, maxPage+maxPage*2*o/148, e.page, 1, "two members more than records")
	e.saw(new(Account), &h, nil)
	assert.Zero(t, e.records)
	assert.EqualValues(t, (148+4*o)/2, e.each, "an empty page says nothing about weights")
	page := e.page
	e.saw(new(Account), &h, []batch.Record{{}, {}})
	assert.Equal(t, page, e.page, "records without data say nothing about that either")
	assert.EqualValues(t, o, e.each)
	assert.Zero(t, (&expectation{}).saw(nil, &h, []batch.Record{member(false)}), "nothing is counted without an account")
}

// TestTheHeaviestRecordIsRememberedIfAStreamHasLargerOnes.
func TestTheHeaviestRecordIsRememberedIfAStreamHasLargerOnes(t *testing.T) {
	var h heaviest
	assert.EqualValues(t, unknownRecord, h.record())
	h.saw(unknownRecord)
	assert.Zero(t, h.seen.Load(), "the usual ones cost no write")
	h.saw(unknownRecord + 2)
	h.saw(unknownRecord + 1)
	assert.EqualValues(t, unknownRecord+2, h.record())
}

// TestAReadRequestsAsManyRecordsAsItsGrantHolds: one at least, and no more than the limit.
func TestAReadRequestsAsManyRecordsAsItsGrantHolds(t *testing.T) {
	const record = 1000
	e := expectation{each: 10}
	for name, c := range map[string]struct {
		g    grant
		want int32
	}{
		"nothing":                   {grant{bytes: 1}, 1},
		"three of the heaviest":     {grant{bytes: 3999}, 3},
		"a page and its overhead":   {grant{bytes: maxPage + 20_000*batch.RecordOverhead}, 10_000},
		"by the weight of the last": {grant{bytes: 3999, bold: true}, 399},
	} {
		assert.Equal(t, c.want, e.limit(c.g, 10_000, record), name)
	}
	e.each = 0
	assert.EqualValues(t, 3, e.limit(grant{bytes: 3999, bold: true}, 10_000, record), "without an earlier record")
	assert.EqualValues(t, 50, e.limit(grant{bytes: maxPage + 50*batch.RecordOverhead}, 10_000, 1<<30), "a page bounds them too")
}

// TestACaughtUpShardAsksForLittleWhileOthersWait: for twice as many records as arrived last, and one.
func TestACaughtUpShardAsksForLittleWhileOthersWait(t *testing.T) {
	const record = 1000
	e := expectation{records: 3}
	q := e.ask(100, record)
	assert.Equal(t, ask{want: 100 * record, modest: 7 * record, least: 7 * record, record: record, bold: true}, q)
	e.behind = true
	q = e.ask(100, record)
	assert.Equal(t, ask{want: 100 * record, modest: 100 * record, least: 100 * record, record: record, bold: true}, q)
	e = expectation{records: 90}
	assert.EqualValues(t, 100*record, e.ask(100, record).modest, "never more than it may request")
	assert.EqualValues(t, maxPage+10_000*batch.RecordOverhead, e.ask(10_000, 1<<20).want, "a page bounds them")
}

// TestNoReadTakesMoreThanItsPartOfABudget: in no respect.
func TestNoReadTakesMoreThanItsPartOfABudget(t *testing.T) {
	q := ask{want: 9, modest: 8, least: 7, record: 6, bold: true}
	assert.Equal(t, q, q.within(9))
	assert.Equal(t, ask{want: 5, modest: 5, least: 5, record: 5, bold: true}, q.within(5))
}

// TestReadsThatWaitTogetherTakeAModestPart: a read that waits alone takes what it wants.
func TestReadsThatWaitTogetherTakeAModestPart(t *testing.T) {
	b, err := NewBudget(leastBudget)
	require.NoError(t, err)
	read := func() *reservation {
		return &reservation{account: b.Open(), ask: ask{want: 9, modest: 3, least: 2}, granted: make(chan grant, 1)}
	}
	first, second := read(), read()
	b.enqueue(first)
	g, exposes := b.grant(first, someTime)
	assert.Equal(t, grant{bytes: 9}, g)
	assert.False(t, exposes)
	b.enqueue(second)
	g, _ = b.grant(first, someTime)
	assert.Equal(t, grant{bytes: 3}, g)
}
