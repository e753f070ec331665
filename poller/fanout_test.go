package poller_test

import (
	"context"
	"errors"
	"io"
	"strconv"
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
		from     poller.Start
		asked    string
		want     []string
		restarts string // where a Reader goes on after this
	}{
		"trim horizon": {poller.Start{}, "TRIM_HORIZON", numbers(1, 4), ""},
		"timestamp": {
			poller.Start{Type: poller.AtTimestamp, Timestamp: record(3).ApproximateArrivalTimestamp.Add(time.Microsecond)},
			"AT_TIMESTAMP", numbers(3, 4), "",
		},
		"behind a record": {after("200"), "AFTER_SEQUENCE_NUMBER 200", numbers(3, 4), ""},
		"behind a record that is not there any more": {after("250"), "AFTER_SEQUENCE_NUMBER 250", numbers(3, 4), ""},
		"within an aggregate": {
			poller.Start{Type: poller.AtPosition, Position: batch.Position{SequenceNumber: "200", SubSequence: 1, Partial: true}},
			"AT_SEQUENCE_NUMBER 200", numbers(2, 4), "",
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
		require.EqualError(t, err, "poller: shard shardId-000000000000: subscribe to shard: no event came for 35s: the connection is taken for dead")
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
				require.ErrorContains(t, err, "no event came for 35s")
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

func TestAnEndWithoutChildrenIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(1)
		h.closed = true
		r := subscribed(t, h, poller.Start{}, poller.Config{})
		page, err := r.Next(t.Context())
		require.NoError(t, err)
		require.True(t, page.End)
		require.Nil(t, r.(poller.ChildFinder).Children())
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

func TestErrorsOfSubscriptionsAreClassified(t *testing.T) {
	missing := func(text string) error { return &types.ResourceNotFoundException{Message: aws.String(text)} }
	for name, tc := range map[string]struct {
		err  error
		want poller.Class
	}{
		"taken over":                 {inUse, poller.Retry},
		"the consumer is being made": {&types.ResourceInUseException{Message: aws.String("Consumer shipping is not ACTIVE, instead in state CREATING")}, poller.Retry},
		"limit":                      {&types.LimitExceededException{}, poller.Throttled},
		"key throttled":              {&types.KMSThrottlingException{}, poller.Throttled},
		"key denied":                 {&types.KMSAccessDeniedException{}, poller.Denied},
		"key disabled":               {&types.KMSDisabledException{}, poller.Denied},
		"key state":                  {&types.KMSInvalidStateException{}, poller.Denied},
		"key missing":                {&types.KMSNotFoundException{}, poller.Denied},
		"key opt-in":                 {&types.KMSOptInRequired{}, poller.Denied},
		"internal":                   {&types.InternalFailureException{}, poller.Retry},
		"denied":                     {&types.AccessDeniedException{}, poller.Denied},
		"invalid":                    {&types.InvalidArgumentException{}, poller.Stop},
		"reset":                      {io.ErrUnexpectedEOF, poller.Retry},
		"the consumer is gone":       {missing("Consumer " + consumerARN + ", account 123456789012 not found."), poller.StreamGone},
		"the shard is gone":          {missing("Shard " + shardID + " in stream consumers under account 123456789012 does not exist"), poller.ShardGone},
		"something is gone":          {missing("The requested resource could not be found."), poller.ShardGone},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHub(1)
				h.plan = func(n int) feedPlan {
					return []feedPlan{{refuse: tc.err}, {then: "break", with: tc.err}, {}}[n]
				}
				r := subscribed(t, h, poller.Start{}, poller.Config{})
				for _, where := range []string{"in place of a subscription", "within one"} {
					_, err := r.Next(t.Context())
					require.ErrorIs(t, err, tc.err, where)
					require.Equal(t, tc.want, poller.Classify(err), where)
				}
				require.Equal(t, numbers(1, 1), readRecords(t, r, 1), "and nothing is lost")
			})
		})
	}
}

func TestASubscriptionToATimeAheadOfTheServiceIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(1)
		h.plan = func(n int) feedPlan { return []feedPlan{{refuse: &types.InvalidArgumentException{}}, {}}[n] }
		r := subscribed(t, h, poller.Start{Type: poller.AtTimestamp, Timestamp: *h.records[0].ApproximateArrivalTimestamp}, poller.Config{})
		_, err := r.Next(t.Context())
		require.Equal(t, poller.Retry, poller.Classify(err))
		readRecords(t, r, 1)
	})
}

func TestASubscriptionThatIsNotAnsweredEndsAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(400)
		h.plan = func(n int) feedPlan { return feedPlan{hang: n == 0, size: 100} }
		r := subscribed(t, h, poller.Start{}, poller.Config{CallTimeout: 7 * time.Second})
		_, err := r.Next(t.Context())
		require.EqualError(t, err, "poller: shard shardId-000000000000: subscribe to shard: no whole answer within 7s")
		require.Equal(t, 7*time.Second, time.Since(h.born))
		for range 4 {
			readRecords(t, r, 100)
			rest(t.Context(), 10*time.Second)
		}
		require.Len(t, h.of("subscribe"), 2, "the deadline is that of the call, not of the subscription")
	})
}

func TestASubscriptionOutlivesTheContextOfNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(3)
		h.arrived = 1
		r := subscribed(t, h, poller.Start{}, poller.Config{})
		stop := errors.New("stop")
		for range 3 {
			ctx, cancel := context.WithCancelCause(t.Context())
			timer := time.AfterFunc(2*time.Second, func() { cancel(stop) })
			for {
				if _, err := r.Next(ctx); err != nil {
					require.Equal(t, stop, err)
					break
				}
			}
			timer.Stop()
			_, err := r.Next(ctx)
			require.Equal(t, stop, err, "a ctx that has ended is always noticed")
		}
		h.arrive(2)
		require.Equal(t, numbers(2, 3), readRecords(t, r, 2))
		require.Len(t, h.of("subscribe"), 1)
	})
}

func TestACancelledSubscribeIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(1)
		h.plan = func(n int) feedPlan { return feedPlan{hang: n == 0} }
		r := subscribed(t, h, poller.Start{}, poller.Config{})
		lost := errors.New("lease lost")
		ctx, cancel := context.WithCancelCause(t.Context())
		timer := time.AfterFunc(time.Second, func() { cancel(lost) })
		defer timer.Stop()
		_, err := r.Next(ctx)
		require.Equal(t, lost, err)
		require.Equal(t, time.Second, time.Since(h.born))
		readRecords(t, r, 1)
		requireApart(t, h.times("subscribe"))
	})
}

func TestCloseEndsTheSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(2)
		r := subscribed(t, h, poller.Start{}, poller.Config{})
		readRecords(t, r, 1)
		require.Equal(t, 1, h.open())
		for range 2 {
			require.NoError(t, r.(io.Closer).Close())
			require.Zero(t, h.open())
		}
		_, err := r.Next(t.Context())
		require.EqualError(t, err, "poller: shard shardId-000000000000: subscribe to shard: the reader is closed")
		require.Len(t, h.of("subscribe"), 1)
	})
}

func TestAnEventOfAnUnknownKindIsASignOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(1)
		unknown := &strange{kinds: make(chan types.SubscribeToShardEventStream)}
		r := subscribed(t, &preface{hub: h, first: unknown}, poller.Start{}, poller.Config{})
		go func() {
			for range 3 {
				rest(t.Context(), 30*time.Second)
				unknown.kinds <- &types.UnknownUnionMember{Tag: "heartbeat"}
			}
			close(unknown.kinds)
		}()
		_, err := r.Next(t.Context())
		require.ErrorContains(t, err, "before its first event")
		require.Equal(t, 90*time.Second, time.Since(h.born))
		readRecords(t, r, 1)
	})
}

// strange is a subscription with events of a kind that is not known.
type strange struct {
	kinds chan types.SubscribeToShardEventStream
}

func (s *strange) Events() <-chan types.SubscribeToShardEventStream { return s.kinds }
func (s *strange) Err() error                                       { return nil }
func (s *strange) Close() error                                     { return nil }

func TestConfigOfFanOut(t *testing.T) {
	sdk := kinesis.New(kinesis.Options{})
	for name, tc := range map[string]struct {
		cfg  poller.Config
		want string
	}{
		"the stream follows":   {poller.Config{Client: sdk, ConsumerARN: consumerARN}, ""},
		"the stream is named":  {poller.Config{Client: sdk, ConsumerARN: consumerARN, StreamARN: ordersARN}, ""},
		"a wrapped client":     {poller.Config{Client: struct{ *kinesis.Client }{sdk}, ConsumerARN: consumerARN}, ""},
		"a Subscriber":         {poller.Config{Client: newHub(0), ConsumerARN: consumerARN}, ""},
		"no stream, no matter": {poller.Config{Client: sdk}, `poller: StreamARN is "": want "arn:aws:kinesis:<region>:<account>:stream/<name>"`},
		"another stream": {
			poller.Config{Client: sdk, ConsumerARN: consumerARN, StreamARN: ordersARN + "2"},
			`poller: StreamARN is "` + ordersARN + `2": want nothing, or the stream of the ConsumerARN, "` + ordersARN + `"`,
		},
		"a stream as consumer": {
			poller.Config{Client: sdk, ConsumerARN: ordersARN, StreamARN: ordersARN},
			`poller: ConsumerARN is "` + ordersARN + `": want "arn:aws:kinesis:<region>:<account>:stream/<name>/consumer/<name>:<number>"`,
		},
		"a client that cannot": {
			poller.Config{Client: newFake(0), ConsumerARN: consumerARN},
			"poller: Client is a *poller_test.fake: want one with SubscribeToShard, as *kinesis.Client has, or a Subscriber, for the ConsumerARN",
		},
		"nothing to fall back from": {
			poller.Config{Client: sdk, StreamARN: ordersARN, FallBackToPolling: true},
			"poller: FallBackToPolling is true: want a ConsumerARN beside it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := poller.New(tc.cfg)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tc.want)
		})
	}
	for _, arn := range []string{
		ordersARN + "/consumer/", ordersARN + "/consumer/a", ordersARN + "/consumer/a:", ordersARN + "/consumer/:1",
		ordersARN + "/consumer/a:b", ordersARN + "/consumer/a/b:1", "arn:aws:sqs:us-east-1:123456789012:stream/a/consumer/a:1", "consumer",
	} {
		_, err := poller.New(poller.Config{Client: sdk, ConsumerARN: arn})
		require.ErrorContains(t, err, "poller: ConsumerARN is ", arn)
	}
}

func TestTheStreamOfAConsumerIsListed(t *testing.T) {
	h := newHub(0)
	h.onList = func(in *kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
		require.Equal(t, ordersARN, *in.StreamARN)
		return &kinesis.ListShardsOutput{Shards: []types.Shard{{ShardId: aws.String(strconv.Itoa(1))}}}, nil
	}
	shards, err := newFanout(t, h, poller.Config{}).Shards(t.Context())
	require.NoError(t, err)
	require.Len(t, shards, 1)
}
