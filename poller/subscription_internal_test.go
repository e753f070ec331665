package poller

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
)

// TestAnEventThatWasWaitedForIsFresh: one that came sooner may have been on the line while the caller was away.
func TestAnEventThatWasWaitedForIsFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		event := &types.SubscribeToShardEventStreamMemberSubscribeToShardEvent{}
		for waited, fresh := range map[time.Duration]bool{0: false, freshWait - 1: false, freshWait: true, time.Minute: true} {
			s := subscription{silent: time.Second}
			began := time.Now()
			time.Sleep(waited)
			got, err := s.received(event, true, began)
			require.NoError(t, err)
			assert.Same(t, &event.Value, got)
			assert.Equal(t, fresh, s.fresh.Equal(began), "after %s", waited)
			assert.True(t, s.heard)
			assert.Zero(t, s.silent)
		}
	})
}

// TestAnEventCountsInFullInABudget: it has arrived, however large it is.
func TestAnEventCountsInFullInABudget(t *testing.T) {
	b, err := NewBudget(leastBudget)
	require.NoError(t, err)
	f := &fanoutReader{reader: &reader{poller: &Poller{}, account: b.Open()}}
	const most = (leastBudget - leastBudget/4) / 2 // of a reservation
	require.NoError(t, f.charge(t.Context(), []batch.Record{{Data: make([]byte, most+1)}}))
	used, _ := b.Used()
	assert.EqualValues(t, most+1+batch.RecordOverhead, used)
}
