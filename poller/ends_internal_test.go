package poller

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

var errOver = errors.New("over")

// TestOfTwoListingsTheOneThatBeganLaterCounts: whichever answer comes first.
func TestOfTwoListingsTheOneThatBeganLaterCounts(t *testing.T) {
	open, closed := []Shard{{ID: "a"}, {ID: "b"}}, []Shard{{ID: "a", EndingSequenceNumber: "9"}, {ID: "b"}}
	at := func(n int) time.Time { return someTime.Add(time.Duration(n)) }
	e := newEnds()
	e.learn(closed, at(1), at(5))
	e.learn(open, at(0), at(6))
	state, fresh := e.known("a", at(1))
	assert.Equal(t, shardBounded, state, "the older one is ignored")
	assert.True(t, fresh, "it began just then")
	_, fresh = e.known("a", at(2))
	assert.False(t, fresh)
	assert.False(t, e.closedBefore("a", at(4)))
	assert.True(t, e.closedBefore("a", at(5)))
	e.learn(closed, at(1), at(7))
	assert.True(t, e.closedBefore("a", at(5)), "since the first of them had arrived")
	e.learn(open, at(1), at(8))
	state, _ = e.known("a", at(1))
	assert.Equal(t, shardOpen, state, "one that began at the same time replaces it")
}

// TestAListingWithoutAnOpenShardProvesNoEnd: some services list a last number of each shard. A child proves that its parent is
// closed.
func TestAListingWithoutAnOpenShardProvesNoEnd(t *testing.T) {
	e := newEnds()
	e.learn([]Shard{{ID: "a", EndingSequenceNumber: "9"}, {ID: "b", EndingSequenceNumber: "9", Parent: "c"}}, someTime, someTime)
	assert.False(t, e.closedBefore("a", someTime))
	assert.True(t, e.closedBefore("c", someTime))
	e.learn([]Shard{{ID: "d", Parent: "a", AdjacentParent: "b"}, {ID: "a", EndingSequenceNumber: "9"}}, someTime, someTime)
	assert.True(t, e.closedBefore("a", someTime), "whichever is listed first")
	assert.True(t, e.closedBefore("b", someTime))
	assert.False(t, e.closedBefore("d", someTime))
}

// TestAWaitForAListingEndsWithItsContext: another reader lists, and its call hangs.
func TestAWaitForAListingEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnds()
		e.turn <- struct{}{}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errOver)
		_, err := e.of(ctx, "a", func(context.Context) ([]Shard, error) { panic("it is not its turn") })
		assert.Equal(t, errOver, err)
	})
}

// TestNoCallIsMadeForAContextThatHasEnded: not even if the meter is open, and it counts as none.
func TestNoCallIsMadeForAContextThatHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errOver)
	var m meter
	_, err := m.wait(ctx, &turn{}, someTime)
	assert.Equal(t, errOver, err)
	assert.Zero(t, m.gate)
	assert.Equal(t, errOver, waitUntil(ctx, someTime), "nor is it ever time")
}
