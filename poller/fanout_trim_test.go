package poller_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller"
)

// newBacklog returns a hub whose records arrived two days ago, a minute apart: so its reader is under suspicion each time that
// it begins anew.
func newBacklog(records int) *hub {
	h := newHub(records)
	for i := range h.records {
		h.records[i].ApproximateArrivalTimestamp = aws.Time(h.born.Add(-48*time.Hour + time.Duration(i)*time.Minute))
	}
	return h
}

// pushed is an event of one record that is not the last.
func pushed(r *types.Record) types.SubscribeToShardEventStream {
	return &types.SubscribeToShardEventStreamMemberSubscribeToShardEvent{Value: types.SubscribeToShardEvent{
		Records: []types.Record{*r}, ContinuationSequenceNumber: r.SequenceNumber, MillisBehindLatest: aws.Int64(1000),
	}}
}

// idle keeps a subscription alive for d, without an event that tells of its shard.
func (s *strange) idle(ctx context.Context, d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		rest(ctx, min(20*time.Second, time.Until(end)))
		s.kinds <- &types.UnknownUnionMember{Tag: "heartbeat"}
	}
}

// requireNoGap reads n records, and fails at a gap.
func requireNoGap(t *testing.T, r poller.Reader, n int) (got []string) {
	t.Helper()
	for len(got) < n {
		page, _ := r.Next(t.Context())
		got = append(got, sequence(page)...)
		gap, ok := r.(poller.GapFinder).Gap()
		require.False(t, ok, "behind %v: %+v", got, gap)
	}
	return got
}

// TestARenewalThatFailsIsNoGap: what comes then is of the old subscription, which did not begin at the last record.
func TestARenewalThatFailsIsNoGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBacklog(4)
		h.plan = func(n int) feedPlan { return []feedPlan{1: {refuse: throttled}, 2: {}}[min(n, 2)] }
		old := &strange{kinds: make(chan types.SubscribeToShardEventStream)}
		r := subscribed(t, &preface{hub: h, first: old}, poller.Start{}, poller.Config{})
		go func() {
			old.kinds <- pushed(&h.records[0])
			old.idle(t.Context(), 288*time.Second) // renewed at 285 s
			old.kinds <- pushed(&h.records[1])
			close(old.kinds)
		}()
		require.Equal(t, numbers(1, 4), requireNoGap(t, r, 4))
		require.Equal(t, []string{"AT_SEQUENCE_NUMBER 100", "AT_SEQUENCE_NUMBER 200"}, h.details("subscribe")[1:3])
	})
}

// TestASubscriptionTriedWhilePollingIsNoGap: what is polled then comes behind the last record.
func TestASubscriptionTriedWhilePollingIsNoGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBacklog(200)
		h.page = 1
		h.plan = func(n int) feedPlan {
			if time.Since(h.born) < 100*time.Second {
				return feedPlan{refuse: internal}
			}
			return feedPlan{}
		}
		r := subscribed(t, h, poller.Start{}, poller.Config{FallBackToPolling: true})
		require.Equal(t, numbers(1, 200), requireNoGap(t, r, 200))
		require.NotEmpty(t, h.of("read"))
	})
}

// TestAGapBehindARenewalIsFound, though the old subscription went on for a while.
func TestAGapBehindARenewalIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBacklog(5)
		h.plan = func(n int) feedPlan { return []feedPlan{1: {refuse: throttled}, 2: {}}[min(n, 2)] }
		old := &strange{kinds: make(chan types.SubscribeToShardEventStream)}
		r := subscribed(t, &preface{hub: h, first: old}, poller.Start{}, poller.Config{})
		go func() {
			old.kinds <- pushed(&h.records[0])
			old.idle(t.Context(), 288*time.Second) // behind the renewal that fails, before the next
			old.kinds <- pushed(&h.records[1])
			rest(t.Context(), time.Second)
			h.records = h.records[3:] // 200 and 300 are trimmed
			h.arrived -= 3
			close(old.kinds)
		}()
		require.Equal(t, numbers(1, 2), requireNoGap(t, r, 2))
		page, err := r.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, numbers(4, 4), sequence(page))
		gap, ok := r.(poller.GapFinder).Gap()
		require.True(t, ok)
		require.Equal(t, "200", gap.Position.SequenceNumber)
	})
}

// TestAnIteratorThatIsRefusedLeavesTheSuspicion has a poll whose iterator expired, and whose next one can't be had at first.
func TestAnIteratorThatIsRefusedLeavesTheSuspicion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBacklog(3)
		h.page = 1
		h.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			if n == 1 {
				h.records = h.records[2:] // 100 and 200 are trimmed
				return nil, expired
			}
			return nil, nil
		}
		tries := 0
		h.onIterator = func(*kinesis.GetShardIteratorInput) error {
			if tries++; tries == 2 {
				return throttled
			}
			return nil
		}
		r := open(t, h.fake, poller.Start{}, poller.Config{})
		requireNoGap(t, r, 1)
		_, err := r.Next(t.Context())
		require.ErrorIs(t, err, throttled)
		page, err := r.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"300"}, sequence(page))
		_, ok := r.(poller.GapFinder).Gap()
		require.True(t, ok)
	})
}
