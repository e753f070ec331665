package poller

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestHashKeyRangesIncludeBothEnds: a range of one key too.
func TestHashKeyRangesIncludeBothEnds(t *testing.T) {
	r := rangeOf(&Shard{StartingHashKey: "5", EndingHashKey: "7"})
	for k, in := range map[uint64]bool{4: false, 5: true, 6: true, 7: true, 8: false} {
		assert.Equal(t, in, r.holds(hashKey{lo: k}), "%d", k)
		assert.False(t, r.holds(hashKey{hi: 1, lo: k}))
	}
	one := rangeOf(&Shard{StartingHashKey: "5", EndingHashKey: "5"})
	assert.True(t, one.known)
	assert.True(t, one.holds(hashKey{lo: 5}))
	assert.False(t, one.holds(hashKey{lo: 6}))
	for _, s := range []Shard{{StartingHashKey: "6", EndingHashKey: "5"}, {StartingHashKey: "6"}, {EndingHashKey: "6"}, {StartingHashKey: "0", EndingHashKey: "5/"}, {StartingHashKey: "0", EndingHashKey: "5:"}} {
		unknown := rangeOf(&s)
		assert.False(t, unknown.known)
		assert.True(t, unknown.holds(hashKey{lo: 99}), "an unknown range holds all")
	}
}
