package poller_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller"
)

// rest lets the bubble's clock pass, as a caller does who is busy.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func TestPollsAreOneIntervalApartHoweverBusyTheCallerIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(0)
		f.onRead = func(context.Context, int) (*kinesis.GetRecordsOutput, error) {
			rest(t.Context(), 70*time.Millisecond) // the call takes time as well
			return nil, nil
		}
		r := open(t, f, poller.Start{}, poller.Config{})
		for _, busy := range seconds(0, 0.3, 0.9, 0.001, 0) {
			_, err := r.Next(t.Context())
			require.NoError(t, err)
			rest(t.Context(), busy)
		}
		require.Equal(t, seconds(0, 1, 2, 3, 4), f.times("read"))
	})
}

func TestALateCallerIsServedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(0)
		r := open(t, f, poller.Start{}, poller.Config{})
		for _, busy := range seconds(3.5, 0, 1.2, 0) {
			_, err := r.Next(t.Context())
			require.NoError(t, err)
			rest(t.Context(), busy)
		}
		require.Equal(t, seconds(0, 3.5, 4.5, 5.7), f.times("read"))
	})
}

func TestEmptyPagesDoNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(0)
		r := open(t, f, poller.Start{}, poller.Config{})
		for range 60 {
			page, err := r.Next(t.Context())
			require.NoError(t, err)
			require.Empty(t, page.Records)
		}
		require.Equal(t, 59*time.Second, time.Since(f.born))
	})
}

func TestAnEmptyPageBehindTheTipIsFollowedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(3)
		f.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			if n < 3 {
				return &kinesis.GetRecordsOutput{MillisBehindLatest: aws.Int64(5000), NextShardIterator: aws.String("0")}, nil
			}
			return nil, nil
		}
		r := open(t, f, poller.Start{}, poller.Config{})
		for range 5 {
			_, err := r.Next(t.Context())
			require.NoError(t, err)
		}
		require.Equal(t, seconds(0, 0.2, 0.4, 0.6, 1.6), f.times("read"))
	})
}

func TestAShardIsNeverReadMoreThanFiveTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(0)
		f.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			switch n % 3 {
			case 0:
				return nil, expired // answered by a second read at once
			case 1:
				return &kinesis.GetRecordsOutput{MillisBehindLatest: aws.Int64(1), NextShardIterator: aws.String("0")}, nil
			}
			return nil, nil
		}
		r := open(t, f, poller.Start{}, poller.Config{PollInterval: 200 * time.Millisecond})
		for range 40 {
			_, err := r.Next(t.Context())
			require.NoError(t, err)
		}
		for _, op := range []string{"read", "iterator"} {
			requireAtMostFiveASecond(t, f.times(op))
		}
	})
}

// TestThrottlesBackOffAndLoseNothing is about limits that are not a shard's.
func TestThrottlesBackOffAndLoseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(4)
		f.page = 2
		f.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			if n >= 1 && n <= 8 {
				return nil, limited
			}
			return nil, nil
		}
		r := open(t, f, poller.Start{}, poller.Config{})
		var got []string
		for range 10 {
			page, err := r.Next(t.Context())
			if err != nil {
				require.Equal(t, poller.Throttled, poller.Classify(err))
			}
			got = append(got, sequence(page)...)
		}
		require.Equal(t, []string{"1", "2", "3", "4"}, got)
		require.Len(t, f.of("iterator"), 1, "a throttle costs no iterator")
		at := f.times("read")
		for i, least := range seconds(1, 1, 1, 1, 1.6, 3.2, 6.4, 10, 10) {
			gap := at[i+1] - at[i]
			require.GreaterOrEqual(t, gap, least, "gap %d", i)
			require.Less(t, gap, least*3/2+time.Millisecond, "gap %d", i)
		}
	})
}

// TestARefusedReadIsRetriedSoonAndLosesNothing: a shard that others read too is not ill.
func TestARefusedReadIsRetriedSoonAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(4)
		f.page = 2
		f.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			if n >= 1 && n <= 30 {
				return nil, throttled
			}
			return nil, nil
		}
		r := open(t, f, poller.Start{}, poller.Config{})
		var got []string
		for range 32 {
			page, err := r.Next(t.Context())
			if err != nil {
				require.Equal(t, poller.Throttled, poller.Classify(err))
			}
			got = append(got, sequence(page)...)
		}
		require.Equal(t, []string{"1", "2", "3", "4"}, got)
		require.Len(t, f.of("iterator"), 1, "a throttle costs no iterator")
		at := f.times("read")
		for i := 1; i <= 30; i++ {
			require.Less(t, at[i+1]-at[i], 130*time.Millisecond, "retry %d", i)
			require.Greater(t, at[i+1]-at[i], 15*time.Millisecond, "retry %d", i)
		}
	})
}

// TestAShardThatIsRefusedForLongIsTriedOnceASecond: that is no sharing any more.
func TestAShardThatIsRefusedForLongIsTriedOnceASecond(t *testing.T) {
	for _, op := range []string{"read", "iterator"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(1)
			if op == "read" {
				f.onRead = func(context.Context, int) (*kinesis.GetRecordsOutput, error) { return nil, throttled }
			} else {
				f.onIterator = func(*kinesis.GetShardIteratorInput) error { return throttled }
			}
			r := open(t, f, poller.Start{}, poller.Config{PollInterval: 200 * time.Millisecond})
			for time.Since(f.born) < 5*time.Minute {
				_, err := r.Next(t.Context())
				require.Error(t, err)
			}
			late := 0
			for _, at := range f.times(op) {
				if at > time.Minute {
					late++
				}
			}
			require.InDelta(t, 240, late, 30, op)
		})
	}
}

func TestAShardsBackOffIsItsOwnAndEndsWithSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sick, well := newFake(0), newFake(0)
		sick.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			if n < 3 || n == 5 {
				return nil, internal
			}
			return nil, nil
		}
		a, b := open(t, sick, poller.Start{}, poller.Config{}), open(t, well, poller.Start{}, poller.Config{})
		for range 7 {
			_, _ = a.Next(t.Context())
		}
		at := sick.times("read")
		require.InDelta(t, 1.75, at[3].Seconds(), 0.36) // 0.2 + 0.4 + 0.8 and up to half more
		require.Equal(t, time.Second, at[5]-at[4])
		require.InDelta(t, 0.25, (at[6] - at[5]).Seconds(), 0.051, "the back-off begins anew")
		_, err := b.Next(t.Context())
		require.NoError(t, err)
	})
}

func TestCancelEndsTheWaitAtOnceAndIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(0)
		r := open(t, f, poller.Start{}, poller.Config{})
		_, err := r.Next(t.Context())
		require.NoError(t, err)

		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err = r.Next(ctx)
		require.Equal(t, context.DeadlineExceeded, err)
		require.Equal(t, 300*time.Millisecond, time.Since(f.born))

		_, err = r.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, seconds(0, 1), f.times("read"))
	})
}

func requireAtMostFiveASecond(t require.TestingT, at []time.Duration) {
	for i := 5; i < len(at); i++ {
		require.GreaterOrEqual(t, at[i]-at[i-5], time.Second, "call %d", i)
	}
}
