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

// readsAtLags returns when a shard is read whose answers are empty, and say that they are so many milliseconds behind.
func readsAtLags(t *testing.T, lag func(n int) int64, polls int) (at []float64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(0)
		f.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			return &kinesis.GetRecordsOutput{MillisBehindLatest: aws.Int64(lag(n)), NextShardIterator: aws.String("0")}, nil
		}
		r := open(t, f, poller.Start{}, poller.Config{})
		for range polls {
			_, err := r.Next(t.Context())
			require.NoError(t, err)
		}
		for _, d := range f.times("read") {
			at = append(at, d.Seconds())
		}
	})
	return at
}

func TestAnEmptyPageIsFollowedSoonOnlyWhileTheLagShrinks(t *testing.T) {
	for name, c := range map[string]struct {
		lag  func(n int) int64
		min  float64 // seconds that 600 polls take
		most float64
	}{
		"it shrinks":            {func(n int) int64 { return 4_358_000 - int64(n)*7000 }, 125, 127},
		"it stays":              {func(int) int64 { return 4_358_000 }, 594, 600},
		"it grows":              {func(n int) int64 { return 4_358_000 + int64(n)*1000 }, 594, 600},
		"it is one millisecond": {func(int) int64 { return 1 }, 594, 600},
		"it goes up and down":   {func(n int) int64 { return 4_358_000 + int64(n%7)*1000 }, 590, 600},
		"it shrinks, and stays": {func(n int) int64 { return max(4_358_000-int64(n)*7000, 2_958_000) }, 435, 455},
	} {
		at := readsAtLags(t, c.lag, 600)
		took := at[len(at)-1]
		require.True(t, took >= c.min && took <= c.most, "%s: 600 polls took %v s, want %v to %v", name, took, c.min, c.most)
	}
}

// TestRecordsMakeALagBelievableAgain: the page with records is read at the interval, those after it soon.
func TestRecordsMakeALagBelievableAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(3)
		f.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			if n == 102 { // no courtesy falls into what is measured
				return nil, nil // all three records, and at the tip
			}
			return &kinesis.GetRecordsOutput{MillisBehindLatest: aws.Int64(5000), NextShardIterator: aws.String("0")}, nil
		}
		r := open(t, f, poller.Start{}, poller.Config{})
		for range 106 {
			_, err := r.Next(t.Context())
			require.NoError(t, err)
		}
		at := f.times("read")
		require.Equal(t, time.Second, at[102]-at[101])
		require.Equal(t, time.Second, at[103]-at[102], "behind a page that is caught up")
		require.Equal(t, 200*time.Millisecond, at[104]-at[103])
	})
}
