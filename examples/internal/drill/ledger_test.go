package drill

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTallyCountsFirstDeliveriesInTheOrderOfTime(t *testing.T) {
	at := time.Unix(0, 0)
	l := newLedger()
	for number := range 6 {
		l.wasPut(number + 1)
	}
	// The later lines of w2 are read first.
	l.delivered(Delivery{"w2", "b", at.Add(2), []record{{"k", 3}, {"j", 2}, {"j", 4}}})
	l.delivered(Delivery{"w1", "a", at.Add(1), []record{{"k", 1}, {"j", 2}}})
	assert.Equal(t, tally{put: 6, delivered: 4, lost: 2, duplicates: 1}, l.tally())

	l.delivered(Delivery{"w2", "b", at.Add(3), []record{{"k", 6}, {"k", 5}, {"k", 1}}})
	assert.Equal(t, tally{put: 6, delivered: 6, outOfOrder: 1, duplicates: 2}, l.tally())
}

func TestShardsBelongToWhoDeliveredLast(t *testing.T) {
	at := time.Unix(0, 0)
	l := newLedger()
	for i, shard := range []string{"b", "a", "c"} {
		l.delivered(Delivery{"w1", shard, at.Add(time.Duration(i)), nil})
	}
	l.delivered(Delivery{"w10", "c", at.Add(5 * time.Second), nil})
	l.delivered(Delivery{"w2", "a", at.Add(7 * time.Second), nil})
	l.delivered(Delivery{"w10", "a", at.Add(9 * time.Second), nil})
	assert.Equal(t, map[string][]string{"w1": {"b"}, "w10": {"a", "c"}}, l.shards())
	assert.Equal(t, []time.Duration{4 * time.Second, 6 * time.Second}, l.takeovers("w1", at.Add(time.Second), []string{"a", "b", "c"}))

	l.wasSplit("a", "a1", "a2")
	assert.Contains(t, l.shards()["w10"], "a", "its children wait for it")
	l.delivered(Delivery{"w2", "a2", at.Add(10 * time.Second), nil})
	assert.Equal(t, "w1=1 w2=1 w10=1", owners(l.shards()))
}

func TestP99IsTheNearestRank(t *testing.T) {
	var waits []time.Duration
	assert.Zero(t, p99(waits))
	for i := range 200 {
		waits = append(waits, time.Duration(i+1))
		if i == 0 || i == 98 {
			assert.Equal(t, waits[i], p99(waits))
		}
	}
	assert.Equal(t, time.Duration(198), p99(waits))
}
