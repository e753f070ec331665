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

	"github.com/shardmill/shardmill/poller"
)

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

// TestACancelDuringASubscribeThatIsGrantedIsNoFailure: the subscription is closed, and the next call makes another one.
func TestACancelDuringASubscribeThatIsGrantedIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(1)
		lost := errors.New("lease lost")
		ctx, cancel := context.WithCancelCause(t.Context())
		h.plan = func(n int) feedPlan {
			if n == 0 {
				cancel(lost)
				synctest.Wait()
			}
			return feedPlan{}
		}
		r := subscribed(t, h, poller.Start{}, poller.Config{})
		_, err := r.Next(ctx)
		require.Equal(t, lost, err)
		synctest.Wait()
		require.Zero(t, h.open())
		got, errs := readOn(t, r, 1)
		require.Equal(t, numbers(1, 1), got)
		require.Empty(t, errs)
		require.Len(t, h.times("subscribe"), 2)
	})
}

// TestSubscriptionsThatAreRefusedBackOff: up to ten seconds and more, whatever is left of the service's own five.
func TestSubscriptionsThatAreRefusedBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(1)
		h.plan = func(int) feedPlan { return feedPlan{refuse: errDenied} }
		r := subscribed(t, h, poller.Start{}, poller.Config{})
		for range 10 {
			_, err := r.Next(t.Context())
			require.ErrorIs(t, err, errDenied)
		}
		tried := h.times("subscribe")
		require.Len(t, tried, 10)
		require.GreaterOrEqual(t, tried[9]-tried[8], 10*time.Second)
		require.Less(t, tried[9]-tried[8], 20*time.Second+time.Millisecond)
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
			"poller: FallBackToPolling is true: want a ConsumerARN with it",
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
