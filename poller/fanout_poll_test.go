package poller_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller"
)

// readOn calls Next until so many records came, whatever errors do, and returns the errors as well.
func readOn(t testing.TB, r poller.Reader, n int) (got []string, errs []error) {
	t.Helper()
	for len(got) < n {
		page, err := r.Next(t.Context())
		if err != nil {
			errs = append(errs, err)
		}
		got = append(got, sequence(page)...)
	}
	return got, errs
}

// betweenTimes refuses subscriptions from one time to another.
func (h *hub) betweenTimes(from, to time.Duration, otherwise feedPlan) {
	h.plan = func(int) feedPlan {
		if d := time.Since(h.born); d >= from && d < to {
			return feedPlan{refuse: errDenied}
		}
		return otherwise
	}
}

var errDenied = errors.New("no subscription today")

func TestAReaderPollsWhileItCannotSubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(1200)
		h.arriveEverySecond(t)
		h.betweenTimes(4*time.Minute, 10*time.Minute, feedPlan{})
		cfg := poller.Config{FallBackToPolling: true}
		log := logged(&cfg)
		r := subscribed(t, h, poller.Start{}, cfg)

		got, errs := readOn(t, r, 1200)
		require.Equal(t, numbers(1, 1200), got, "nothing is lost, nothing comes twice")
		require.InDelta(t, 1200, time.Since(h.born).Seconds(), 2)
		require.InDelta(t, 6, len(errs), 2, "from 5m00 to 5m30, then it polls")
		reads := h.times("read")
		require.InDelta(t, 330, reads[0].Seconds(), 10, "30 s without a subscription")
		require.InDelta(t, 600, reads[len(reads)-1].Seconds(), 31, "tried again every 30 s")
		require.Regexp(t, `^AFTER_SEQUENCE_NUMBER \d+00$`, h.details("iterator")[0])
		requireApart(t, h.times("subscribe"))

		lines := log()
		require.Len(t, lines, 2)
		require.Contains(t, lines[0], `level=WARN msg="unable to subscribe: polling until a subscription succeeds" shard=`+shardID)
		require.Contains(t, lines[0], "no subscription today")
		require.Contains(t, lines[1], `level=INFO msg="subscribed again: polling ends" shard=`+shardID)
	})
}

func TestPollingIsAnOption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(1)
		h.betweenTimes(0, 5*time.Minute, feedPlan{})
		got, errs := readOn(t, subscribed(t, h, poller.Start{}, poller.Config{}), 1)
		require.Equal(t, numbers(1, 1), got)
		require.Greater(t, len(errs), 20)
		require.Empty(t, h.of("read"))
	})
}

func TestOneFailureAfterALongAbsenceIsNoReasonToPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(2)
		h.plan = func(n int) feedPlan { return []feedPlan{{after: 1, then: "end"}, {refuse: errDenied}, {}}[n] }
		r := subscribed(t, h, poller.Start{}, poller.Config{FallBackToPolling: true})
		readRecords(t, r, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := r.Next(ctx) // the end is noticed, and no more
		require.Equal(t, context.DeadlineExceeded, err)
		rest(t.Context(), time.Hour)
		got, errs := readOn(t, r, 1)
		require.Equal(t, numbers(2, 2), got)
		require.Len(t, errs, 1)
		require.Empty(t, h.of("read"))
	})
}

func TestSilentSubscriptionsDoNotEndPolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(600)
		h.arriveEverySecond(t)
		h.plan = func(n int) feedPlan {
			if n < 6 {
				return feedPlan{then: "silent"}
			}
			return feedPlan{}
		}
		cfg := poller.Config{FallBackToPolling: true}
		log := logged(&cfg)
		got, errs := readOn(t, subscribed(t, h, poller.Start{}, cfg), 600)
		require.Equal(t, numbers(1, 600), got)
		require.Len(t, errs, 2)
		require.Len(t, log(), 2, "one line each way")
		require.Zero(t, h.open()-1)
		tried := h.times("subscribe")
		for i := 3; i < len(tried); i++ { // the first two come before it polls
			require.GreaterOrEqual(t, tried[i]-tried[i-1], 30*time.Second, "however a subscription failed, the next is tried half a minute later")
		}
	})
}

func TestPollingGoesOnFromTheContinuation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(2)
		h.arrived = 1
		h.betweenTimes(time.Minute, 10*time.Minute, feedPlan{})
		r := subscribed(t, h, poller.Start{}, poller.Config{FallBackToPolling: true})
		for time.Since(h.born) < 7*time.Minute {
			_, _ = r.Next(t.Context())
		}
		require.Regexp(t, `^AFTER_SEQUENCE_NUMBER 1\d\d$`, h.details("iterator")[0])
		require.NotEqual(t, "AFTER_SEQUENCE_NUMBER 100", h.details("iterator")[0])
		h.arrive(1)
		got, _ := readOn(t, r, 1)
		require.Equal(t, numbers(2, 2), got)
	})
}

func TestASecondFallBackBeginsAtTheReadPosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(200)
		h.arriveEverySecond(t)
		first := true
		h.plan = func(int) feedPlan {
			if first && time.Since(h.born) > time.Minute {
				first = false
				return feedPlan{after: 20, then: "break", with: internal}
			}
			return feedPlan{refuse: errDenied}
		}
		got, _ := readOn(t, subscribed(t, h, poller.Start{}, poller.Config{FallBackToPolling: true}), 200)
		require.Equal(t, numbers(1, 200), got)
		from := h.details("iterator")
		require.Len(t, from, 2)
		require.Equal(t, "TRIM_HORIZON", from[0])
		require.Regexp(t, "^AFTER_SEQUENCE_NUMBER", from[1])
	})
}

func TestAShardMayEndWhileItIsPolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(60)
		h.closed = true
		h.arriveEverySecond(t)
		h.betweenTimes(0, time.Hour, feedPlan{})
		r := subscribed(t, h, poller.Start{}, poller.Config{FallBackToPolling: true})
		var page batch.Page
		var got []string
		for !page.End {
			page, _ = r.Next(t.Context())
			got = append(got, sequence(page)...)
		}
		require.Equal(t, numbers(1, 60), got)
		_, err := r.Next(t.Context())
		require.ErrorContains(t, err, "the shard has ended")
	})
}

func TestPolledAggregatesAreTakenApartAsPushedOnesAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(1)
		h.records[0].Data = poller.Aggregate(poller.Member{Key: "a", Data: "1"}, poller.Member{Key: "a", Data: "2"})
		h.betweenTimes(0, time.Hour, feedPlan{})
		from := poller.Start{Type: poller.AtPosition, Position: batch.Position{SequenceNumber: "100", Partial: true}}
		r := subscribed(t, h, from, poller.Config{FallBackToPolling: true})
		for len(h.of("read")) == 0 {
			page, _ := r.Next(t.Context())
			if len(page.Records) > 0 {
				require.Len(t, page.Records, 1)
				require.Equal(t, "2", string(page.Records[0].Data))
			}
		}
		require.Equal(t, []string{"AT_SEQUENCE_NUMBER 100"}, h.details("iterator"))
	})
}

func TestErrorsOfPollingAreReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(1)
		h.betweenTimes(0, time.Hour, feedPlan{})
		h.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			if n == 0 {
				return nil, throttled
			}
			return nil, nil
		}
		_, errs := readOn(t, subscribed(t, h, poller.Start{}, poller.Config{FallBackToPolling: true}), 1)
		require.ErrorIs(t, errs[len(errs)-1], throttled)
	})
}
