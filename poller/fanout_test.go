package poller_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller"
)

func TestASubscriptionBeginsAtTheReadPosition(t *testing.T) {
	for name, tc := range map[string]struct {
		from  poller.Start
		asked string
		want  []string
	}{
		"trim horizon": {poller.Start{}, "TRIM_HORIZON", numbers(1, 4)},
		"timestamp": {
			poller.Start{Type: poller.AtTimestamp, Timestamp: record(3).ApproximateArrivalTimestamp.Add(time.Microsecond)},
			"AT_TIMESTAMP", numbers(3, 4),
		},
		"behind a record": {after("200"), "AFTER_SEQUENCE_NUMBER 200", numbers(3, 4)},
		"behind a record that is not there any more": {after("250"), "AFTER_SEQUENCE_NUMBER 250", numbers(3, 4)},
		"within an aggregate": {
			poller.Start{Type: poller.AtPosition, Position: batch.Position{SequenceNumber: "200", SubSequence: 1, Partial: true}},
			"AT_SEQUENCE_NUMBER 200", numbers(2, 4),
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHub(4)
				h.plan = func(int) feedPlan { return feedPlan{size: 2} }
				require.Equal(t, tc.want, readRecords(t, subscribed(t, h, tc.from, poller.Config{}), len(tc.want)))
				require.Equal(t, []string{tc.asked}, h.details("subscribe"))
				require.Empty(t, h.of("read"))
			})
		})
	}
}

func TestASubscriptionGoesOnFromTheContinuation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(3)
		h.arrived = 1
		h.plan = func(n int) feedPlan { return []feedPlan{{after: 4, then: "end"}, {}}[n] }
		r := subscribed(t, h, poller.Start{}, poller.Config{})
		for i := range 4 {
			page, err := r.Next(t.Context())
			require.NoError(t, err)
			require.Len(t, page.Records, []int{1, 0, 0, 0}[i], "nothing but records goes into a page")
		}
		require.Equal(t, 15*time.Second, time.Since(h.born), "an idle shard has an event every 5 s")
		h.arrive(2)
		require.Equal(t, numbers(2, 3), readRecords(t, r, 2))
		require.Equal(t, []string{"TRIM_HORIZON", "AFTER_SEQUENCE_NUMBER 103"}, h.details("subscribe"))
	})
}

func TestAnAggregateThatIsStillToComeIsNotPassedByAContinuation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(2)
		h.records[0].Data = poller.Aggregate(poller.Member{Key: "a", Data: "1"}, poller.Member{Key: "a", Data: "2"})
		first := &still{at: "100"} // an event before the aggregate, which says how far the shard has been looked at
		h.plan = func(int) feedPlan { return feedPlan{} }
		from := poller.Start{Type: poller.AtPosition, Position: batch.Position{SequenceNumber: "100", Partial: true}}
		r := subscribed(t, &preface{hub: h, first: first}, from, poller.Config{})
		_, err := r.Next(t.Context())
		require.NoError(t, err)
		_, err = r.Next(t.Context())
		require.ErrorContains(t, err, "reset")
		require.Equal(t, []string{"100.1 2"}, next(t, r))
		require.Equal(t, []string{"AT_SEQUENCE_NUMBER 100", "AT_SEQUENCE_NUMBER 100"}, h.details("subscribe"))
	})
}

// preface gives one subscription before those of the hub.
type preface struct {
	*hub
	first kinesis.SubscribeToShardEventStreamReader
}

func (p *preface) Subscribe(ctx context.Context, in *kinesis.SubscribeToShardInput, opts ...func(*kinesis.Options)) (kinesis.SubscribeToShardEventStreamReader, error) {
	if first := p.first; first != nil {
		p.first = nil
		p.note("subscribe", string(in.StartingPosition.Type)+" "+aws.ToString(in.StartingPosition.SequenceNumber), nil)
		return first, nil
	}
	return p.hub.Subscribe(ctx, in, opts...)
}

// still is a subscription with the events that it is given, or one that says where it is; then it breaks.
type still struct {
	at     string
	events chan types.SubscribeToShardEventStream
}

func (s *still) Events() <-chan types.SubscribeToShardEventStream {
	if s.events == nil {
		s.events = events(&types.SubscribeToShardEvent{ContinuationSequenceNumber: &s.at, MillisBehindLatest: aws.Int64(1)})
	}
	return s.events
}
func (s *still) Err() error   { return errors.New("connection reset by peer") }
func (s *still) Close() error { return nil }

// events returns a channel of events, which ends behind them.
func events(list ...*types.SubscribeToShardEvent) chan types.SubscribeToShardEventStream {
	c := make(chan types.SubscribeToShardEventStream, len(list))
	defer close(c)
	for _, e := range list {
		c <- &types.SubscribeToShardEventStreamMemberSubscribeToShardEvent{Value: *e}
	}
	return c
}

func TestASubscriptionIsRenewedBeforeItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(700)
		h.arriveEverySecond(t)
		r := subscribed(t, h, poller.Start{}, poller.Config{})
		require.Equal(t, numbers(1, 700), readRecords(t, r, 700))
		require.Equal(t, seconds(0, 285, 570), h.times("subscribe"))
		require.Less(t, time.Since(h.born), 701*time.Second, "no record waits for the renewal")
	})
}

func TestASubscriptionThatCannotBeRenewedIsReadToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(310)
		h.arriveEverySecond(t)
		h.plan = func(n int) feedPlan { return []feedPlan{{}, {refuse: throttled}, {hang: true}, {}}[n] }
		r := subscribed(t, h, poller.Start{}, poller.Config{})
		require.Equal(t, numbers(1, 310), readRecords(t, r, 310))
		at := h.times("subscribe")
		require.Len(t, at, 4)
		require.Equal(t, 285*time.Second, at[1])
		requireApart(t, at)
		require.InDelta(t, 300.1, at[3].Seconds(), 0.1, "after the end")
	})
}

func TestARenewalThatIsRefusedHoldsNoRecordUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(299)
		h.arriveEverySecond(t)
		h.plan = func(n int) feedPlan {
			if n > 0 {
				return feedPlan{refuse: throttled}
			}
			return feedPlan{}
		}
		r := subscribed(t, h, poller.Start{}, poller.Config{})
		for i := range 299 {
			readRecords(t, r, 1)
			require.InDelta(t, i+1, time.Since(h.born).Seconds(), 0.5)
		}
		require.Len(t, h.of("subscribe"), 4)
	})
}

// requireApart checks that no subscription came within 5 s of another.
func requireApart(t require.TestingT, at []time.Duration) {
	for i := 1; i < len(at); i++ {
		require.GreaterOrEqual(t, at[i]-at[i-1], 5*time.Second, "subscription %d of %v", i, at)
	}
}

// TestPeerBugsHalfOpenSubscription: a connection that dies without a word must not stop a shard for ever.
func TestPeerBugsHalfOpenSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(4)
		h.arrived = 2
		h.plan = func(n int) feedPlan { return []feedPlan{{size: 2, after: 1, then: "silent"}, {size: 2}}[n] }
		r := subscribed(t, h, poller.Start{}, poller.Config{})
		require.Equal(t, numbers(1, 2), readRecords(t, r, 2))
		h.arrive(2)

		_, err := r.Next(t.Context())
		require.EqualError(t, err, "poller: shard shardId-000000000000: subscribe to shard: no event arrived for 35s: the connection counts as dead")
		require.Equal(t, poller.Retry, poller.Classify(err))
		require.Equal(t, 35*time.Second, time.Since(h.born))
		require.Zero(t, h.open(), "it is closed")

		require.Equal(t, numbers(3, 4), readRecords(t, r, 2))
		require.Less(t, time.Since(h.born), 36*time.Second)
		require.Equal(t, []string{"TRIM_HORIZON", "AFTER_SEQUENCE_NUMBER 200"}, h.details("subscribe"))
	})
}

func TestTimeAwayFromNextIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(1)
		h.plan = func(int) feedPlan { return feedPlan{after: 1, then: "silent"} }
		r := subscribed(t, h, poller.Start{}, poller.Config{})
		readRecords(t, r, 1)
		var waited time.Duration
		for {
			rest(t.Context(), 10*time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			began := time.Now()
			_, err := r.Next(ctx)
			cancel()
			waited += time.Since(began)
			if err != context.DeadlineExceeded { //nolint:errorlint // the cause itself
				require.ErrorContains(t, err, "no event arrived for 35s")
				break
			}
		}
		require.Equal(t, 35*time.Second, waited, "over several calls of Next")
		require.Len(t, h.of("subscribe"), 1)
	})
}

// TestPeerBugsResubscribeWithinFiveSeconds: Kinesis refuses a subscription that comes within 5 s of another, and who
// asks at once each time is refused for ever.
func TestPeerBugsResubscribeWithinFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(3)
		plans := []feedPlan{
			{refuse: inUse},
			{refuse: errors.New("connection reset by peer")},
			{after: 1, then: "end"},
			{then: "end"},
			{then: "break", with: inUse},
			{after: 1, then: "break", with: internal},
			{hang: true},
			{},
		}
		h.plan = func(n int) feedPlan { return plans[min(n, len(plans)-1)] }
		p := newFanout(t, h, poller.Config{CallTimeout: time.Second})
		r := openFanout(t, p, poller.Start{})
		var got []string
		for len(got) < 3 {
			page, err := r.Next(t.Context())
			if err != nil {
				require.Equal(t, poller.Retry, poller.Classify(err), "%v", err)
			}
			got = append(got, sequence(page)...)
		}
		require.Equal(t, numbers(1, 3), got)

		again := openFanout(t, p, after("200"))
		require.Equal(t, numbers(3, 3), readRecords(t, again, 1))
		require.Len(t, h.of("subscribe"), 9)
		requireApart(t, h.times("subscribe"))
	})
}

// TestPeerBugsUnboundedFanOutBuffer: what nobody asked for stays with the service.
func TestPeerBugsUnboundedFanOutBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(1000)
		h.plan = func(int) feedPlan { return feedPlan{size: 10} }
		r := subscribed(t, h, poller.Start{}, poller.Config{})
		var got []string
		for pages := 1; len(got) < 1000; pages++ {
			page, err := r.Next(t.Context())
			require.NoError(t, err)
			got = append(got, sequence(page)...)
			rest(t.Context(), 20*time.Second)
			synctest.Wait()
			h.mu.Lock()
			require.LessOrEqual(t, h.taken, pages, "an event was taken before it was asked for")
			h.mu.Unlock()
		}
		require.Equal(t, numbers(1, 1000), got)
		require.Greater(t, len(h.of("subscribe")), 2, "subscriptions end while the caller is away")
	})
}

func TestTheEndOfAShardComesWithItsChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(2)
		h.closed = true
		h.children = []types.ChildShard{
			{ShardId: aws.String("a"), ParentShards: []string{shardID}, HashKeyRange: &types.HashKeyRange{StartingHashKey: aws.String("0"), EndingHashKey: aws.String("9")}},
			{ShardId: aws.String("b"), ParentShards: []string{shardID, "other"}},
		}
		h.plan = func(int) feedPlan { return feedPlan{size: 2} }
		h.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			return &kinesis.GetRecordsOutput{Records: h.records, ChildShards: h.children}, nil
		}
		for _, r := range []poller.Reader{
			subscribed(t, h, poller.Start{}, poller.Config{}),
			open(t, h, poller.Start{}, poller.Config{}),
		} {
			family, ok := r.(poller.ChildFinder)
			require.True(t, ok)
			require.Nil(t, family.Children())
			page, err := r.Next(t.Context())
			require.NoError(t, err)
			require.True(t, page.End)
			require.Equal(t, numbers(1, 2), sequence(page), "the last page keeps its records")
			require.Equal(t, []poller.Shard{
				{ID: "a", Parent: shardID, StartingHashKey: "0", EndingHashKey: "9"},
				{ID: "b", Parent: shardID, AdjacentParent: "other"},
			}, family.Children())
			require.Zero(t, h.open())
			_, err = r.Next(t.Context())
			require.ErrorContains(t, err, "the shard has ended")
		}
		require.Len(t, h.of("subscribe"), 1)
	})
}

func TestAPushedPageIsNeverCaughtUpToATimeBehindItsSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(2)
		arrival := h.born.Add(90 * time.Second)
		for i := range h.records {
			h.records[i].ApproximateArrivalTimestamp = aws.Time(arrival)
		}
		h.arrived = 0
		r := subscribed(t, h, poller.Start{}, poller.Config{})
		at := func(d time.Duration) time.Time { return h.born.Add(d).UTC() }
		page := func() batch.Page {
			p, err := r.Next(t.Context())
			require.NoError(t, err)
			return p
		}
		require.Equal(t, at(0), page().CaughtUpTo, "the first: when the subscription began")
		require.Equal(t, at(0), page().CaughtUpTo, "sent while Next waited from 0 to 5 s")
		require.Equal(t, at(5*time.Second), page().CaughtUpTo, "from 5 to 10 s")
		require.Equal(t, at(10*time.Second), page().CaughtUpTo)
		rest(t.Context(), 70*time.Second)
		require.Equal(t, at(10*time.Second), page().CaughtUpTo, "it may have lain on the line while the caller was away")
		h.arrive(2)
		rest(t.Context(), time.Second)
		got := page()
		require.True(t, got.CaughtUpTo.IsZero(), "a record is left")
		require.Equal(t, time.Second, got.Behind)
		require.Equal(t, arrival.UTC(), page().CaughtUpTo, "the arrival of the last record")
	})
}

func TestFanOutTakesAggregatesApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(2)
		h.records[0].Data = poller.Aggregate(poller.Member{Key: "a", Data: "1"}, poller.Member{Key: "b", Data: "2"}, poller.Member{Key: "a", Data: "3"})
		h.plan = func(int) feedPlan { return feedPlan{size: 2} }
		require.Equal(t, []string{"100.0+ 1", "100.1+ 2", "100.2 3", "200 data 2"}, next(t, subscribed(t, h, poller.Start{}, poller.Config{})))
		rest(t.Context(), 5*time.Second)
		within := poller.Start{Type: poller.AtPosition, Position: batch.Position{SequenceNumber: "100", SubSequence: 1, Partial: true}}
		require.Equal(t, []string{"100.2 3", "200 data 2"}, next(t, subscribed(t, h, within, poller.Config{})))
	})
}

func TestFanOutKeepsMembersOutsideTheShardWhereThatIsAskedFor(t *testing.T) {
	for keep, want := range map[bool][]string{false: {"100.0+ -", "100.1 2"}, true: {"100.0+ 1", "100.1 2"}} {
		synctest.Test(t, func(t *testing.T) {
			h := newHub(1)
			h.records[0].Data = poller.Aggregate(poller.Member{Key: "a", Data: "1"}, poller.Member{Key: "b", Data: "2"})
			r, err := newFanout(t, h, poller.Config{KeepMembersOutsideShard: keep}).Open(upperHalf, poller.Start{})
			require.NoError(t, err)
			require.Equal(t, want, next(t, r))
			require.NoError(t, r.(interface{ Close() error }).Close())
		})
	}
}

func TestAnEventThatCannotBeUsedIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(3)
		whole := h.records[1]
		h.records[1].SequenceNumber = nil
		h.plan = func(n int) feedPlan {
			if n == 1 {
				h.records[1] = whole
			}
			return feedPlan{size: 1}
		}
		r := subscribed(t, h, poller.Start{}, poller.Config{})
		readRecords(t, r, 1)
		_, err := r.Next(t.Context())
		require.EqualError(t, err, "poller: shard shardId-000000000000: subscribe to shard: a record has no sequence number")
		require.Equal(t, numbers(2, 3), readRecords(t, r, 2))
	})
}
